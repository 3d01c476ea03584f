"""The dictionary beside the models: complete definitions load, wrong ones name file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ops_assets.catalog import CatalogError, load_catalog

_METRIC = """\
version: 2
models:
  - name: metric_supplier_reject_rate
    description: x
    config:
      meta:
        trueloop:
          label: {en: Supplier reject rate, zh: 供应商拒收率}
          definition: {en: Rejected over received., zh: 拒收/收货}
          formula: sum(rejected) / sum(received)
          unit: percent
          decimals: 4
          direction: down
          aggregation: ratio
          window_days: 90
          grain: [receipt_no]
          dimensions: {supplier: {id: supplier_id, label: supplier_label}}
          domain: supply
          owner_role: quality_manager
          raci: {responsible: quality_engineer, accountable: quality_manager}
          version: 1
          effective_date: 2026-01-01
          security_class: internal
          needs: [receipt_line]
          synonyms: {en: [incoming quality], zh: [来料不良率]}
          target: {value: 0.02, since: 2026-01-01}
          key: true
          without: {claims: Nobody else states it.}
          checks:
            - {name: complete, dimension: completeness, measure: null_share, column: denominator, red_above: 0.01}
          watch:
            - {name: reject_rate_high, dimension: supplier, above: 0.08, template: supply_exception}
    columns:
      - {name: receipt_no, data_type: varchar, description: x}
      - {name: event_date, data_type: date, description: x}
      - {name: supplier_id, data_type: varchar, description: x}
      - {name: supplier_label, data_type: varchar, description: x}
      - {name: numerator, data_type: "decimal(28,6)", description: x}
      - {name: denominator, data_type: "decimal(28,6)", description: x}
      - {name: _batch_seq, data_type: bigint, description: x}
unit_tests:
  - name: rejected_over_received
    model: metric_supplier_reject_rate
    given: []
    expect: {rows: []}
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "metric_supplier_reject_rate.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_complete_definition_loads(tmp_path: Path) -> None:
    _write(tmp_path, _METRIC)
    catalog = load_catalog(tmp_path)
    metric = catalog.metric("supplier_reject_rate")
    assert metric.name == "metric_supplier_reject_rate"
    assert metric.label.zh == "供应商拒收率"
    assert [rule.name for rule in catalog.checks] == ["complete"]
    assert catalog.checks[0].can_hold_back
    assert [watch.id for watch in catalog.watches()] == ["reject_rate_high"]
    assert catalog.missing(metric.name, ["item"]) == ("receipt_line",)


_ENTRY = yaml.safe_load(_METRIC)["models"][0]["config"]["meta"]["trueloop"]
# These may be left out if `without` says why; deleting them is tried on the project's own metrics.
_REQUIRED = [key for key in _ENTRY if key not in {"checks", "watch", "target", "without"}]


@pytest.mark.parametrize("field", _REQUIRED)
def test_a_missing_field_is_named_with_file_and_line(tmp_path: Path, field: str) -> None:
    lines = [line for line in _METRIC.splitlines() if not line.startswith(f"          {field}:")]
    path = _write(tmp_path, "\n".join(lines))
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    assert str(caught.value).startswith(f"{path}:7: {field}: ")


def test_all_missing_fields_are_named_at_once(tmp_path: Path) -> None:
    gone = ("formula:", "unit:", "raci:")
    path = _write(tmp_path, "\n".join(one for one in _METRIC.splitlines() if not one.strip().startswith(gone)))
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    assert str(caught.value) == f"{path}:7: formula, unit, raci: these 3 fields are required."


def test_what_is_given_is_not_left_out_too(tmp_path: Path) -> None:
    path = _write(tmp_path, _METRIC.replace("without: {", "without: {target: None., "))
    with pytest.raises(CatalogError, match=f"{path}:7: definition: .*target is given and left out at once"):
        load_catalog(tmp_path)


def test_what_is_missing_needs_a_reason(tmp_path: Path) -> None:
    path = _write(tmp_path, _METRIC.replace("{claims: Nobody else states it.}", '{claims: " "}'))
    with pytest.raises(CatalogError, match=f"{path}:7: definition: .*claims is missing"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("id: supplier_id,", "id: vendor_id,", r":17: dimensions.supplier: .* no column 'vendor_id'"),
        ("grain: [receipt_no]", "grain: [receipt]", r":16: grain: .* no column 'receipt'"),
        ("column: denominator,", "column: amount,", r":30: checks.0: .* no column 'amount'"),
        ("- {name: _batch_seq,", "- {name: batch,", r":7: columns: .* no column '_batch_seq'"),
        ("    model: metric_supplier", "    model: metric_other", r":3: unit_tests: .* has no unit test"),
        ("expect: {rows: []}", "expect: {}", r":3: unit_tests: .* has no unit test"),
        ("owner_role: quality_manager", 'owner_role: ""', r":19: owner_role: "),
        ("zh: 拒收/收货}", 'zh: ""}', r":9: definition.zh: "),
    ],
)
def test_what_a_definition_names_must_be_there(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in _METRIC
    path = _write(tmp_path, _METRIC.replace(old, new))
    with pytest.raises(CatalogError, match=f"{path}{says}"):
        load_catalog(tmp_path)


def test_columns_have_the_class_that_they_state_or_the_model_s(tmp_path: Path) -> None:
    column = "- {name: supplier_label, data_type: varchar, description: x"
    personal = f"{column}, config: {{meta: {{trueloop: {{security_class: personal}}}}}}"
    _write(tmp_path, _METRIC.replace("class: internal", "class: confidential").replace(column, personal))
    (tmp_path / "people.yml").write_text(
        "models:\n  - name: dim_person\n    config: {meta: {trueloop: {row_filter: {department: team}}}}\n"
        "    columns:\n      - name: team\n      - name: name\n"
        "        config: {meta: {trueloop: {security_class: personal}}}\n",
        encoding="utf-8",
    )
    security = load_catalog(tmp_path).security
    rejects = security["metric_supplier_reject_rate"]
    assert rejects.columns["supplier_label"] == "personal"
    assert rejects.columns["numerator"] == rejects.class_of("added_later") == "confidential"
    assert rejects.department_column is None
    assert dict(security["dim_person"].columns) == {"team": "internal", "name": "personal"}
    assert security["dim_person"].department_column == "team"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("security_class: secret", r":6: security_class: "),
        ("secret_class: personal", r":6: secret_class: "),
    ],
)
def test_a_wrong_class_of_a_column_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "people.yml"
    path.write_text(
        "models:\n  - name: dim_person\n    columns:\n      - name: team\n      - name: name\n"
        f"        config: {{meta: {{trueloop: {{{text}}}}}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(CatalogError, match=f"{path}{says}"):
        load_catalog(tmp_path)


def test_rows_are_filtered_by_a_column_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "people.yml"
    path.write_text(
        "models:\n  - name: dim_person\n    config: {meta: {trueloop: {row_filter: {department: team}}}}\n"
        "    columns: [{name: name}]\n",
        encoding="utf-8",
    )
    with pytest.raises(CatalogError, match=f"{path}:3: row_filter: dim_person has no column 'team'"):
        load_catalog(tmp_path)


def test_a_wrong_value_is_named_with_its_own_line(tmp_path: Path) -> None:
    path = _write(tmp_path, _METRIC.replace("direction: down", "direction: sideways"))
    with pytest.raises(CatalogError, match=f"{path}:13: direction: "):
        load_catalog(tmp_path)


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path, _METRIC.replace("formula:", "formulae:"))
    with pytest.raises(CatalogError, match=str(path)):
        load_catalog(tmp_path)


def test_a_watch_on_an_undeclared_dimension_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, _METRIC.replace("dimension: supplier, above", "dimension: plant, above"))
    with pytest.raises(CatalogError, match="plant"):
        load_catalog(tmp_path)


def test_a_metric_without_governance_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "version: 2\nmodels:\n  - name: metric_x\n    description: x\n")
    with pytest.raises(CatalogError, match="metric_x has no governance"):
        load_catalog(tmp_path)


def test_an_unknown_metric_lists_the_known_ones(tmp_path: Path) -> None:
    _write(tmp_path, _METRIC)
    with pytest.raises(CatalogError, match="metric_supplier_reject_rate"):
        load_catalog(tmp_path).metric("nonsense")
