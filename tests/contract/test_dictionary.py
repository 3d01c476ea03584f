"""The dictionary of the project itself: every entry is full, and what it names can be found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from ops_assets.catalog import Catalog, CatalogError, load_catalog
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.yaml_lines import YamlDocument
from resources.packs import SourcePack, load_pack
from resources.platform import MODELS_DIR

METRICS = sorted((MODELS_DIR / "metrics").glob("metric_*.yml"))
PACKS = sorted(path.parent.name for path in (MODELS_DIR / "staging").glob("*/pack.toml"))
ENTRY = ("models", 0, "config", "meta", "trueloop")
# The list of what an entry has; each is in every metric's .yml, claims, watch and target perhaps as a reason.
ALWAYS = {
    *("label", "definition", "formula", "unit", "decimals", "direction", "aggregation", "window_days", "grain"),
    *("dimensions", "domain", "owner_role", "raci", "version", "effective_date", "security_class", "needs", "checks"),
    *("synonyms", "key"),
}
BOARD = {"profit", "delivery", "quality", "production", "supply", "people"}


@cache
def catalog() -> Catalog:
    return load_catalog(MODELS_DIR)


@cache
def packs() -> tuple[SourcePack, ...]:
    return tuple(load_pack(name) for name in PACKS)


def where(metric: MetricDefinition) -> str:
    return f"{metric.file}:{metric.line}: {metric.name}"


def without_field(path: Path, field: str) -> str:
    """The file's text without the lines of one field of its governance."""
    document = YamlDocument(path)
    entry = document.value["models"][0]["config"]["meta"]["trueloop"]
    fields = [*entry]
    lines = path.read_text(encoding="utf-8").splitlines()
    first = document.line((*ENTRY, field))
    place = fields.index(field)
    after = document.line((*ENTRY, fields[place + 1])) if place + 1 < len(fields) else first + 1
    while place + 1 == len(fields) and lines[after - 1].startswith(" " * 11):
        after += 1
    return "\n".join([*lines[: first - 1], *lines[after - 1 :]])


def required(path: Path) -> Iterator[str]:
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]["config"]["meta"]["trueloop"]
    yield from (field for field in entry if field in ALWAYS | {"claims", "watch", "target", "without"})


@pytest.mark.parametrize("path", METRICS, ids=lambda path: path.stem)
def test_no_field_of_an_entry_can_be_deleted(path: Path, tmp_path: Path) -> None:
    fields = set(required(path))
    assert fields >= ALWAYS
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_catalog(tmp_path).metrics, "the copy itself loads"
    for field in sorted(fields):
        text = without_field(path, field)
        assert field not in yaml.safe_load(text)["models"][0]["config"]["meta"]["trueloop"]
        copy.write_text(text, encoding="utf-8")
        with pytest.raises(CatalogError) as caught:
            load_catalog(tmp_path)
        message = str(caught.value)
        assert message.startswith(f"{copy}:"), message
        assert message.removeprefix(f"{copy}:").split(":")[0].isdigit(), message
        assert field == "without" or field in message, f"{field}: {message}"


def test_every_metric_model_has_an_entry_of_its_own_file() -> None:
    models = {path.stem for path in (MODELS_DIR / "metrics").glob("metric_*.sql")}
    assert models == {path.stem for path in METRICS} == set(catalog().metrics)


@pytest.mark.parametrize("pack", [name for name in PACKS if load_pack(name).roles])
def test_every_role_of_an_entry_is_filled_in_a_pack_that_declares_roles(pack: str) -> None:
    (chosen,) = (one for one in packs() if one.name == pack)
    wrong = []
    for metric in catalog().metrics.values():
        if catalog().missing(metric.name, chosen.entities):
            continue
        raci = metric.raci
        roles = {metric.owner_role, raci.responsible, raci.accountable, *raci.consulted, *raci.informed}
        wrong += [f"{where(metric)}: nobody in {pack} is {role}" for role in sorted(roles - set(chosen.roles))]
    assert wrong == []


def test_what_a_metric_needs_is_an_entity_that_some_pack_feeds() -> None:
    known = {entity for pack in packs() for entity in pack.entities}
    assert [where(m) for m in catalog().metrics.values() if not set(m.needs) <= known] == []


def test_every_domain_of_the_board_has_a_key_metric() -> None:
    assert {metric.domain for metric in catalog().metrics.values() if metric.key} >= BOARD


def test_synonyms_are_words_of_their_language_and_no_repetition() -> None:
    wrong = []
    for metric in catalog().metrics.values():
        zh, en = metric.synonyms.zh, metric.synonyms.en
        words = [word.casefold() for word in (*en, *zh)]
        if len(words) != len(set(words)):
            wrong.append(f"{where(metric)}: a synonym twice")
        wrong += [f"{where(metric)}: {word}" for word in zh if word.isascii() and not word.isupper()]
        wrong += [f"{where(metric)}: {word}" for word in en if not word.isascii()]
    assert wrong == []


def test_a_target_lies_on_the_side_that_is_better() -> None:
    """A share's target is a share; a metric without a better side has none."""
    wrong = []
    for metric in catalog().metrics.values():
        if metric.target is None:
            continue
        if metric.direction == "none" or (metric.unit == "percent" and not 0 <= metric.target.value <= 1):
            wrong.append(f"{where(metric)}: {metric.target}")
    assert wrong == []


def test_what_a_source_calls_personal_is_personal_in_every_model_that_carries_it_by_that_name() -> None:
    """A name that means something else elsewhere (`name` of a department) is told apart by another source."""
    stated: dict[str, set[str]] = {}
    for path in MODELS_DIR.rglob("_sources.yml"):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                for column, found in catalog().security[f"{source['name']}.{table['name']}"].columns.items():
                    stated.setdefault(column, set()).add(found)
    personal = {column for column, classes in stated.items() if classes == {"personal"}}
    assert {"email", "login", "employee_no", "assignee_id", "sales_login"} <= personal
    wrong = [
        f"{model}.{column} is {found}"
        for model, security in catalog().security.items()
        for column, found in security.columns.items()
        if column in personal and found != "personal"
    ]
    assert wrong == []


def test_everything_about_a_person_is_personal_and_everything_about_money_confidential() -> None:
    person = catalog().security["dim_person"].columns
    assert {column for column, found in person.items() if found == "personal"} == {
        *("person_id", "name", "email", "login", "manager_id", "hired_on"),
    }
    assert catalog().security["absence"].columns["kind"] == "personal"
    money = ("cost", "price", "amount", "revenue", "freight", "rebate")
    open_to_all = [
        f"{model}.{column}"
        for model, security in catalog().security.items()
        for column, found in security.columns.items()
        if found in ("public", "internal") and column.split("_")[-1] in money
    ]
    assert open_to_all == []


def test_metrics_of_money_are_confidential() -> None:
    """A figure that stands on confidential columns says so, unless it is a ratio that tells nothing of them."""
    assert {name for name, metric in catalog().metrics.items() if metric.security_class == "confidential"} >= {
        "metric_order_gross_margin",
        "metric_sales_gross_margin",
    }
