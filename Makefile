# The commands of Trueloop. `make up` and `make test` do all the set-up that they need.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install up demo test soak lint simulate bench format pictures clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Set everything up without starting anything

$(STAMP): requirements.lock package-lock.json Makefile
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Trueloop needs Python 3.11, 3.12 or 3.13 with venv, and found none on the PATH (python3 is $$(python3 --version 2>&1))." >&2; \
	  echo "Install one (Debian: apt-get install python3 python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "[1/3] Python packages (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@echo "[2/3] Front-end packages"
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	@$(BIN)/python -m gateway.vendor_assets
	@echo "[3/3] dbt project"
	@$(BIN)/python -m gateway.cli prepare
	@touch $(STAMP)

up: install ## Start Trueloop and print its addresses; Ctrl-C stops everything
	@exec $(BIN)/python -m gateway.up

demo: install ## Walk the whole loop unattended; exits 0 only if it closed
	@exec $(BIN)/python -m gateway.demo

test: install ## Run all tests (bounded counts of the randomised ones)
	@$(BIN)/python -m gateway.browser_setup || true
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: install ## Run the randomised and fault tests with full counts
	$(BIN)/python -m pytest tests/property tests/faults tests/integration/test_query_fuzz.py --soak

lint: install ## Style, types and the import rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

format: install ## Put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

simulate: install ## Simulate twelve weeks, with a group chat and with Trueloop, side by side
	@./trueloop simulate

bench: install ## Measure start-up, memory and refreshes (not part of the tests)
	$(BIN)/python -m benchmarks

pictures: install ## Take the pictures of README and docs anew
	$(BIN)/python -m pytest tests/browser --pictures docs/pictures

clean: ## Remove what make install made; state folders are kept
	rm -rf $(VENV) node_modules gateway/static/vendor
