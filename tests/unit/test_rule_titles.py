"""Lines of a decision table have titles for people; one without is read by its id."""

from __future__ import annotations

import pytest

from tests.engine_world import human, shipped, small
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.template import Decision
from workflow_jobs.template_diagram import mermaid
from workflow_jobs.template_words import rule_words

TABLE = f"""- decision:
    id: pick
    title: {{en: Pick, zh: 选}}
    accountable: cfo
    rules:
      - {{id: far_off, title: {{en: "Far, and dear", zh: 远}}, when: 'case.breaches > 3', steps: [{human("a")}]}}
      - {{id: close_by, default: true, steps: [{human("b")}]}}
"""


@pytest.mark.parametrize(
    ("language", "said"), [("en", ["Far, and dear", "close by"]), ("zh", ["远", "close by"])]
)  # fmt: skip
def test_a_rule_is_called_by_its_title_where_it_has_one(language: str, said: list[str]) -> None:
    template = small(TABLE)
    table = layout_of(template).places["pick"].node
    assert isinstance(table, Decision)
    assert [rule_words(rule, language) for rule in table.rules] == said
    assert all(f'-->|"{words}"|' in mermaid(template, language) for words in said)


@pytest.mark.parametrize(
    "name", ["after_sales", "data_service_subscription", "new_product_introduction", "order_change"]
)
def test_every_rule_that_ships_reads_in_chinese(name: str) -> None:
    nodes = [place.node for place in layout_of(shipped(name)).places.values()]
    said = [rule_words(rule, "zh") for node in nodes if isinstance(node, Decision) for rule in node.rules]
    assert said and not any(words.isascii() for words in said)
