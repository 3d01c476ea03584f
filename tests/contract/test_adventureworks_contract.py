"""What the adventureworks pack promises on paper: entities as documented, every role filled, nothing undescribed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from ops_assets.catalog import load_catalog
from ops_assets.ingestion.landing_schema import read_landing_schema
from resources.packs import PACKS_DIR, load_pack
from resources.platform import MODELS_DIR
from resources.settings import PROJECT_ROOT

PACK = load_pack("adventureworks")
# ENTITIES.md lists what several packs feed; these two are the pack's own and are described in its page.
OWN_ENTITIES = {"sale_line", "item_cost"}


def documented_columns(text: str, entity: str) -> list[tuple[str, str]]:
    section = re.search(rf"^## {entity}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, f"{entity} is not described"
    return re.findall(r"^\| `(\w+)`\*? \| ([\w(),]+) \|", section.group(1), re.M)


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in (PACK.folder, PACKS_DIR / "trueloop"):
        for path in sorted(folder.rglob("*.yml")):
            for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                yield path.stem, model


@pytest.mark.parametrize("entity", PACK.entities)
def test_an_entity_has_the_documented_columns_under_an_enforced_contract(entity: str) -> None:
    page = (
        PROJECT_ROOT / "docs" / "sources" / "adventureworks.md" if entity in OWN_ENTITIES else PACKS_DIR / "ENTITIES.md"
    )
    (model,) = [model for name, model in models() if name == f"adventureworks__{entity}"]
    assert model["config"]["contract"] == {"enforced": True}
    declared = [(column["name"], column["data_type"]) for column in model["columns"]]
    assert declared == documented_columns(page.read_text(encoding="utf-8"), entity)


def test_every_model_and_column_is_described() -> None:
    for name, model in models():
        assert model["description"].strip(), name
        for column in model["columns"]:
            assert column["description"].strip(), f"{name}.{column['name']}"
    for path in [*PACK.folder.rglob("_sources.yml"), PACKS_DIR / "trueloop" / "_sources.yml"]:
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            assert source["description"].strip()
            for table in source["tables"]:
                assert table["description"].strip(), table["name"]
                assert all(column["description"].strip() for column in table["columns"]), table["name"]


def filled_roles() -> set[str]:
    sql = (PACK.folder / "humanresources" / "stg_humanresources__role_title.sql").read_text(encoding="utf-8")
    return set(re.findall(r"^    \('(\w+)', '", sql, re.M))


def test_every_role_of_an_available_metric_is_filled() -> None:
    catalog = load_catalog(MODELS_DIR)
    for name, metric in catalog.metrics.items():
        if catalog.missing(name, PACK.entities):
            continue
        raci = metric.raci
        roles = {metric.owner_role, raci.responsible, raci.accountable, *raci.consulted, *raci.informed}
        assert roles <= filled_roles(), f"{name}: nobody fills {sorted(roles - filled_roles())}"


def test_every_role_of_the_process_templates_is_filled() -> None:
    def roles(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in {"owner_role", "responsible", "accountable"} and isinstance(value, str):
                    yield value
                elif key == "to" and isinstance(value, str) and value.startswith("role:"):
                    yield value.removeprefix("role:")
                elif key in {"consulted", "informed"} and isinstance(value, list):
                    yield from value
                else:
                    yield from roles(value)
        elif isinstance(node, list):
            for item in node:
                yield from roles(item)

    templates = sorted((PROJECT_ROOT / "workflow_jobs" / "templates").glob("*.yaml"))
    assert templates
    for template in templates:
        named = set(roles(yaml.safe_load(template.read_text(encoding="utf-8"))))
        assert named, template.name
        # `metric_owner` and the like are resolved by the engine from the case, not from the directory.
        unfilled = {role for role in named if not role.startswith("metric_")} - filled_roles()
        assert not unfilled, f"{template.name}: nobody fills {sorted(unfilled)}"


def test_personal_records_beyond_work_are_not_read() -> None:
    (employee,) = [
        table for table in read_landing_schema(PACK.folder).tables if table.identifier == "humanresources__employee"
    ]
    assert {column.name for column in employee.columns} == {
        "employee_id",
        "login_id",
        "organization_level",
        "job_title",
        "hire_date",
        "is_current",
    }


def test_the_pack_declares_its_as_of_date_and_judges_the_export_as_a_whole() -> None:
    assert date.fromisoformat(PACK.as_of) == date(2025, 10, 21)
    for metric in ("supplier_reject_rate", "purchasing_short_received_lines", "sales_gross_margin"):
        assert PACK.window_days(f"metric_{metric}", 90) is None
