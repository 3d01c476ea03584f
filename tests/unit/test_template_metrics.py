"""What templates and metrics say of each other is held together before a breach shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops_assets.catalog import Catalog, CatalogError, Watch, load_catalog
from ops_assets.dictionary.watch_rule import WatchRule
from resources.platform import MODELS_DIR
from tests.engine_world import human, small
from workflow_jobs.engine.template import Template
from workflow_jobs.template_copy import copy_template
from workflow_jobs.template_library import TemplateLibrary, TemplateProblems, load_library
from workflow_jobs.template_metrics import metric_amiss, require_together, rules_amiss
from workflow_jobs.template_names import TemplateNames

EFFECT = (
    "effect: {metric_from: template, metric: metric_on_time_in_ful, window: P1D, on_failure: escalate, "
    "rule: 'value >= baseline'}\n"
)
INPUT = "inputs: [{name: %s, type: %s, title: {en: Order, zh: 订单}, required: %s}]\n"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(MODELS_DIR)


def template(more: str = "") -> Template:
    return small(f"- {human('a')}\n", more)


def watch(name: str = "small", **condition: Any) -> Watch:
    rule = WatchRule.model_validate({"name": "too_high", "template": name, **(condition or {"above": 1})})
    return Watch("metric_m", rule, file="models/m.yml", line=7)


def said(one: Watch, *templates: Template) -> list[str]:
    return [str(finding) for finding in rules_amiss([one], {found.id: found for found in templates})]


def test_the_shipped_templates_and_rules_go_together(catalog: Catalog) -> None:
    watches = catalog.watches()
    require_together(load_library(), catalog, watches)
    rule = next(one for one in watches if one.id == "supplier_on_time_rate_low")
    written = Path(rule.file).read_text(encoding="utf-8").splitlines()[rule.line - 1]
    assert "name: supplier_on_time_rate_low" in written


def test_an_effect_on_a_metric_that_there_is_not_is_named_with_its_line(catalog: Catalog, tmp_path: Path) -> None:
    wrong = template(EFFECT)
    (finding,) = metric_amiss(wrong, catalog.metrics)
    line = wrong.text.splitlines()[finding.line - 1]
    assert "metric_on_time_in_ful" in line
    assert finding.message == ("there is no metric 'metric_on_time_in_ful'; did you mean `metric_on_time_in_full`?")
    assert metric_amiss(wrong, None) == []
    with pytest.raises(TemplateProblems, match="there is no metric"):
        require_together(TemplateLibrary([wrong]), catalog, ())
    with pytest.raises(TemplateProblems, match="there is no metric"):
        copy_template(wrong, "other", tmp_path, TemplateNames(None, None, None, None, catalog.metrics))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wanted", "more", "says"),
    [
        ("smal", "", "there is no template 'smal'; did you mean `small`?"),
        ("small", "opened_by: [people]\n", "watch rules do not open 'small': add `rules` to its `opened_by`"),
        ("small", INPUT % ("order_no", "text", "true"), "'small' requires the input 'order_no', which no breach gives"),
        ("small", INPUT % ("evidence", "text", "false"), "the input 'evidence' of 'small' must be text"),
    ],
)
def test_a_rule_whose_template_takes_no_breach_is_named_with_its_line(wanted: str, more: str, says: str) -> None:
    (one,) = said(watch(wanted), template(more))
    assert one.startswith(f"models/m.yml:7: watch rule too_high: {says}")
    with pytest.raises(CatalogError, match=r"models/m\.yml:7: watch rule too_high"):
        require_together(TemplateLibrary([template(more)]), Catalog({}, (), {}), [watch(wanted)])


@pytest.mark.parametrize(
    "more",
    [
        INPUT % ("order_no", "text", "false"),
        INPUT % ("as_of", "date", "true"),
        INPUT % ("rule_kind", "text", "true"),
    ],
)
def test_a_rule_opens_what_asks_for_no_more_than_a_breach_gives(more: str) -> None:
    assert said(watch(), template(more)) == []


def test_only_rules_without_a_figure_say_since_when_rows_are_missing() -> None:
    asks = template(INPUT % ("episode", "date", "true"))
    assert said(watch(missing={"for": "3d"}), asks) == []
    assert len(said(watch(), asks)) == 1
