"""What every dbt model owes its readers: a contract, descriptions, tests, and SQL that other engines run."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.settings import DBT_PROJECT_DIR
from tests.contract.dbt_raw_tables import STAGING, declared_tables

MODELS = DBT_PROJECT_DIR / "models"
PACKS = sorted(path.parent.name for path in STAGING.glob("*/pack.toml"))
DUCKDB_ONLY = re.compile(
    r"::|\bdate_diff\s*\(|\bdate_sub\s*\(|\bstrftime\s*\(|\bqualify\b|\bilike\b|//|\btry_cast\s*\(|\bread_\w+\s*\("
    r"|\barg_m(?:ax|in)\s*\(|\bfilter\s*\(\s*where|\bexclude\s*\(|\border by all\b|\bgroup by all\b|\bunnest\s*\(",
    re.IGNORECASE,
)


def model_files() -> list[Path]:
    return sorted(MODELS.rglob("*.sql"))


@cache
def declared(path: Path) -> dict[str, Any]:
    """The model's entry in the .yml beside it."""
    document = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    entry: dict[str, Any] = next(model for model in document["models"] if model["name"] == path.stem)
    return entry


def named(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in paths]


def metric_files() -> list[Path]:
    return [path for path in model_files() if path.stem.startswith("metric_")]


@pytest.mark.parametrize("path", named(model_files()))
def test_model_and_columns_are_described(path: Path) -> None:
    model = declared(path)
    assert model.get("description"), path
    bare = [column["name"] for column in model["columns"] if not column.get("description")]
    assert bare == []


@pytest.mark.parametrize("path", named(model_files()))
def test_sql_outside_macros_is_portable(path: Path) -> None:
    sql = re.sub(r"\{#.*?#\}|--[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert DUCKDB_ONLY.findall(sql) == []


@pytest.mark.parametrize("path", named(metric_files()))
def test_metric_keeps_numerator_and_denominator_and_has_unit_tests(path: Path) -> None:
    types = {column["name"]: column["data_type"] for column in declared(path)["columns"]}
    assert types["event_date"] == "date"
    assert types["numerator"] == types["denominator"] == "decimal(28,6)"
    assert types["_batch_seq"] == "bigint"
    document = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    assert [test for test in document.get("unit_tests", []) if test["model"] == path.stem]


def claim_files() -> list[Path]:
    return [path for path in model_files() if path.parent.name == "claims"]


@pytest.mark.parametrize("path", named(claim_files()))
def test_claim_keeps_numerator_denominator_and_inputs_and_has_unit_tests(path: Path) -> None:
    department, _, metric = path.stem.removeprefix("claim_").partition("__")
    types = {column["name"]: column["data_type"] for column in declared(path)["columns"]}
    assert types["event_date"] == "date"
    assert types["numerator"] == types["denominator"] == "decimal(28,6)"
    assert types["_batch_seq"] == "bigint"
    document = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))
    assert [test for test in document.get("unit_tests", []) if test["model"] == path.stem]
    stated = declared(MODELS / "metrics" / f"metric_{metric}.sql")
    (claim,) = [one for one in stated["config"]["meta"]["trueloop"]["claims"] if one["model"] == path.stem]
    assert claim["department"] == department
    ours = {column["name"] for column in stated["columns"]}
    assert set(claim["grain"]) <= set(types) & ours
    for one in claim.get("inputs", ()):
        assert one.get("theirs", one["name"]) in {None, *types}, one
        assert one.get("ours", one["name"]) in {None, *ours}, one


@pytest.mark.parametrize("path", named(metric_files()))
def test_metric_needs_exactly_what_its_model_is_enabled_by(path: Path) -> None:
    enabled = re.search(r"config\([^)]*enabled=pack_provides\(\[([^\]]*)\]\)", path.read_text(encoding="utf-8"))
    provided = set(re.findall(r"'(\w+)'", enabled.group(1))) if enabled else set()
    needs = declared(path)["config"]["meta"]["trueloop"].get("needs", [])
    assert set(needs) == provided


def entity_contracts() -> dict[str, list[tuple[str, str]]]:
    """Entity -> (column, type), as ENTITIES.md states them."""
    contracts: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in (STAGING / "ENTITIES.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            name = line[3:]
            contracts[name] = []
        elif found := re.match(r"\| `(\w+)`\*? \| ([^|]+) \|", line):
            contracts[name].append((found.group(1), found.group(2)))
    return contracts


@pytest.mark.parametrize("pack", PACKS)
def test_pack_feeds_the_entities_that_it_declares_as_agreed(pack: str) -> None:
    contracts = entity_contracts()
    declared_entities = set(tomllib.loads((STAGING / pack / "pack.toml").read_text(encoding="utf-8"))["entities"])
    files = {path.stem.removeprefix(f"{pack}__"): path for path in (STAGING / pack / "entities").glob("*.sql")}
    assert declared_entities - {"receipt_day"} == set(files)
    for entity, path in files.items():
        model = declared(path)
        assert model["config"]["contract"]["enforced"], path
        columns = [(column["name"], column["data_type"]) for column in model["columns"]]
        assert columns == contracts[entity], path


def test_the_default_entities_are_those_of_the_default_pack() -> None:
    project = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    pack = tomllib.loads((STAGING / project["vars"]["source_pack"] / "pack.toml").read_text(encoding="utf-8"))
    assert sorted(project["vars"]["pack_entities"]) == sorted(pack["entities"])


@pytest.mark.parametrize("pack", PACKS)
def test_every_source_table_has_a_staging_model_that_reads_current_rows(pack: str) -> None:
    read = [path.read_text(encoding="utf-8") for path in (STAGING / pack).rglob("stg_*.sql")]
    for identifier in declared_tables(pack):
        system, table = identifier.split("__", 1)
        readers = [sql for sql in read if re.search(rf"source\('{system}', '{table}'\)", sql)]
        assert readers, identifier
        assert all("_is_current" in sql and "_batch_seq" in sql for sql in readers), identifier
