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
          checks:
            - {name: complete, dimension: completeness, measure: null_share, column: denominator, red_above: 0.01}
          watch:
            - {name: reject_rate_high, dimension: supplier, above: 0.08, template: supply_exception}
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


_REQUIRED = [key for key in yaml.safe_load(_METRIC)["models"][0]["config"]["meta"]["trueloop"] if key not in
             {"window_days", "dimensions", "needs", "checks", "watch"}]  # fmt: skip


@pytest.mark.parametrize("field", _REQUIRED)
def test_a_missing_field_is_named_with_file_and_line(tmp_path: Path, field: str) -> None:
    lines = [line for line in _METRIC.splitlines() if not line.startswith(f"          {field}:")]
    path = _write(tmp_path, "\n".join(lines))
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    assert str(caught.value).startswith(f"{path}:7: {field}: ")


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
