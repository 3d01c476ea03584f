"""Every shipped template drawn, listed and put into Dagster's graph: all kinds of steps, every way, no loose end."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.engine_world import small
from tests.template_walks import shipped_library
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Template
from workflow_jobs.step_assets import OUTCOME, step_asset_specs, step_key
from workflow_jobs.template_diagram import mermaid

ALL = [pytest.param(template, id=template.id) for template in shipped_library()]
KINDS = """  - id: pause
    kind: wait
    title: {en: Pause, zh: 停}
    raci: {responsible: buyer, accountable: cfo}
    until: {clock: P3D}
    signal: go_on
  - id: inner
    kind: process
    title: {en: Inner, zh: 内}
    raci: {responsible: buyer, accountable: cfo}
    template: order_change
  - decision:
      id: pick
      title: {en: Pick, zh: 选}
      accountable: cfo
      rules:
        - id: one
          when: 'outcomes.pause == "signalled"'
          steps:
            - id: look
              kind: human
              title: {en: Look, zh: 看}
              raci: {accountable: cfo}
              sla: P1D
              vote: {voters: [buyer, cfo, ceo], needed: 2, approves: aye, rejects: nay}
              outcomes:
                - {id: aye, title: {en: Aye, zh: 是}}
                - {id: nay, title: {en: Nay, zh: 否}}
        - {id: other, default: true}
  - id: last
    kind: human
    title: {en: Last, zh: 末}
    raci: {responsible: buyer, accountable: cfo}
    sla: PT4H
    outcomes:
      - {id: ok, title: {en: Ok, zh: 好}}
      - {id: again, title: {en: Again, zh: 再}, returns_to: pick}
"""


@pytest.mark.parametrize("template", ALL)
def test_a_drawing_has_every_step_and_way_and_no_loose_end(template: Template) -> None:
    for language in ("en", "zh"):
        text = mermaid(template, language)
        arrows = set(re.findall(r"^  (\w+) -\.?->(?:\|[^|]*\|)? (\w+)$", text, re.MULTILINE))
        nodes = set(re.findall(r"^  (\w+)[\[({]", text, re.MULTILINE))
        assert {node for arrow in arrows for node in arrow} == nodes
        lines = len(text.splitlines())
        assert lines == 1 + len(nodes) + len(re.findall(r"-\.?->", text)), "every line is a node or an arrow"
        places = layout_of(template).places
        for step_id, place in places.items():
            prefix = (
                "fork" if isinstance(place.node, Fork) else "decision" if isinstance(place.node, Decision) else "step"
            )
            assert f"{prefix}_{step_id}" in nodes
        steps = [place.node for place in places.values() if isinstance(place.node, HumanStep)]
        back = [(step.id, o.returns_to) for step in steps for o in step.outcomes if o.returns_to is not None]
        assert text.count("-.->") == len(back)
        for source, target in back:
            assert re.search(rf"step_{source} -\.->.* (step|fork|decision)_{target}$", text, re.MULTILINE)


@pytest.mark.parametrize("template", ALL)
def test_every_step_is_an_asset_with_owner_sla_and_description_and_the_graph_has_no_circle(template: Template) -> None:
    specs = {spec.key: spec for spec in step_asset_specs([template])}
    expected = {name for name, place in layout_of(template).places.items() if not isinstance(place.node, Fork)}
    assert set(specs) == {step_key(template.id, name) for name in expected | {OUTCOME}}
    for key, spec in specs.items():
        assert spec.owners and spec.description
        if key.path[-1] != OUTCOME:
            assert spec.metadata["sla_working_time"]
    order = list(TopologicalSorter({k: [d.asset_key for d in spec.deps] for k, spec in specs.items()}).static_order())
    assert order[-1] == step_key(template.id, OUTCOME)
    assert set(order) == set(specs)


def test_waits_processes_decisions_votes_and_returns_are_told_apart() -> None:
    template = small(KINDS)
    text = mermaid(template)
    for line in (
        'step_pause("Pause<br/>P3D (clock time) / go_on")',
        'step_inner[/"Inner<br/>order_change"/]',
        'decision_pick{{"Pick"}}',
        'decision_pick -->|"one"| step_look',
        'step_look["Look<br/>2 of buyer, cfo, ceo"]',
        'decision_pick -->|"other"| step_last',
        'step_last -.->|"Again"| decision_pick',
    ):
        assert f"  {line}\n" in text, line
    specs = {spec.key.path[-1]: spec for spec in step_asset_specs([template])}
    assert {name: next(iter(spec.kinds)) for name, spec in specs.items() if name != OUTCOME} == {
        "pause": "wait", "inner": "process", "pick": "decision", "look": "human", "last": "human",
    }  # fmt: skip
    before = {name: {dep.asset_key.path[-1] for dep in spec.deps} for name, spec in specs.items()}
    assert before == {
        "pause": set(), "inner": {"pause"}, "pick": {"inner"}, "look": {"pick"}, "last": {"look", "pick"},
        OUTCOME: {"last"},
    }  # fmt: skip
    assert specs["last"].metadata["returns"] == "again -> pick"
    assert specs["look"].metadata["vote"] == "2 of buyer, cfo, ceo"
    assert specs["inner"].metadata["opens_process"] == "order_change"
    assert specs["pause"].metadata["signal"] == "go_on"
    assert specs["pick"].metadata["rules"] == "one, other"


def test_show_and_lint_know_the_new_kinds(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(small(KINDS).text, encoding="utf-8")

    def templates(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["templates", *arguments, "--folder", str(tmp_path)])
        return result.exit_code, result.stdout

    code, said = templates("show", "small", "--json")
    steps = {step["id"]: step for step in json.loads(said)["steps"]}
    assert code == 0
    assert steps["pause"]["outcomes"] == ["elapsed", "signalled (go_on)"]
    assert steps["pick"]["outcomes"] == ['one: outcomes.pause == "signalled"', "other"]
    assert steps["look"]["vote"] == "2 of buyer, cfo, ceo"
    assert steps["last"]["outcomes"] == ["ok", "again -> pick"]
    assert json.loads(said)["case"]["opened_by"] == "rules"
    code, said = templates("show", "small")
    assert "opened by" in said and "2 of buyer, cfo, ceo" in said
    code, said = templates("lint")
    assert code == 1
    assert "last: 'again' returns to 'pick'" not in said and "a return needs a reason" in said
    raci = "raci: {responsible: buyer, accountable: cfo}"
    unknown = f"  - {{id: inner, kind: process, title: {{en: I, zh: 内}}, {raci}, template: no_such}}\n"
    (tmp_path / "small.yaml").write_text(small(unknown).text, encoding="utf-8")
    code, said = templates("lint")
    assert code == 1 and "small.yaml:7: inner: there is no template 'no_such'" in said
