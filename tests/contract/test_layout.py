"""The house's rules that import-linter cannot say: who may import definitions.py, empty packages, one reader of the
environment.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("resources", "ops_assets", "workflow_jobs", "sensors", "gateway")
# os.environ is read in resources/settings.py alone. These hand the environment on or set what a library reads.
HANDS_ON_ENVIRONMENT = {
    "gateway/refresh_run.py": "the environment of a subprocess",
    "gateway/browser_setup.py": "the environment of a subprocess",
    "gateway/up.py": "the environment of the supervised processes",
    "gateway/commands/context.py": "the templates of the running stack, for the command and what it starts",
    "gateway/demo.py": "settings of the demo, set before they are read",
    "resources/dbt.py": "variables that dbt's profile reads",
}


@cache
def _modules(*folders: str) -> list[tuple[str, ast.Module]]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def _imported(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def test_nobody_imports_the_definitions_but_tests() -> None:
    importers = [name for name, module in _modules(*PACKAGES, "benchmarks") if "definitions" in _imported(module)]
    assert importers == []


def test_the_definitions_know_every_layer_but_the_gateway() -> None:
    module = ast.parse((ROOT / "definitions.py").read_text(encoding="utf-8"))
    layers = {name.partition(".")[0] for name in _imported(module)}
    assert layers & set(PACKAGES) == set(PACKAGES) - {"gateway"}


def test_packages_hold_at_most_a_docstring() -> None:
    packages = [(name, module) for name, module in _modules(*PACKAGES) if name.endswith("__init__.py")]
    assert {name.partition("/")[0] for name, _ in packages} == set(PACKAGES)
    filled = [name for name, module in packages if len(module.body) > int(ast.get_docstring(module) is not None)]
    assert filled == []


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        name
        for name, module in _modules(*PACKAGES)
        if module.body and not ast.get_docstring(module) and "/migrations/" not in name
    ]
    assert silent == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager"])
def test_no_module_is_named_after_nothing(word: str) -> None:
    named = [name for name, _ in _modules(*PACKAGES) if word in Path(name).stem.split("_")]
    assert named == []


def test_only_the_settings_read_the_environment() -> None:
    touching = {name for name, module in _modules(*PACKAGES) if _touches_environment(module)}
    assert touching <= set(HANDS_ON_ENVIRONMENT), "take the value from resources/settings.py instead"
    reading = {
        f"{name}: {ast.unparse(node)}"
        for name, module in _modules(*PACKAGES)
        for node in ast.walk(module)
        if _reads_one_variable(node)
    }
    assert reading == set(), "one variable is read outside resources/settings.py"
    unneeded = {name for name in HANDS_ON_ENVIRONMENT if (ROOT / name).exists()} - touching
    assert unneeded == set(), "these no longer touch the environment; take them off the list"


def _touches_environment(module: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"} and _is_os(node)
        for node in ast.walk(module)
    ) or any(
        isinstance(node, ast.ImportFrom)
        and node.module == "os"
        and any(alias.name in {"environ", "getenv"} for alias in node.names)
        for node in ast.walk(module)
    )


def _is_os(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "os"


def _reads_one_variable(node: ast.AST) -> bool:
    """``os.getenv(x)``, ``os.environ.get(x)`` or ``os.environ[x]`` as a value."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        called = node.func
        if called.attr == "getenv" and _is_os(called):
            return True
        return (
            called.attr in {"get", "pop"}
            and isinstance(called.value, ast.Attribute)
            and (called.value.attr == "environ" and _is_os(called.value))
        )
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "environ"
        and _is_os(node.value)
    )


@pytest.mark.parametrize("call", ["datetime.now(", "datetime.utcnow(", "date.today(", "datetime.today("])
def test_only_the_clock_asks_for_the_time_of_day(call: str) -> None:
    asking = [
        name for name, _ in _modules(*PACKAGES) if name != "resources/clock.py" and call in (ROOT / name).read_text()
    ]
    assert asking == []
