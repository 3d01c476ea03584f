"""The walker itself: it takes every way of a template that has every kind of step, and says what cannot be reached."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Engine

from resources import ops_database
from tests.engine_world import human, service, small
from tests.template_walks import Walks, turns_of, walk_every_branch
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_library import TemplateLibrary

NEVER = "[{id: ok, style: primary, title: {en: Ok, zh: 好}}, {id: back, title: {en: Back, zh: 退}, returns_to: a}]"
WHY = ", form: [{name: why, type: text, required: [back], title: {en: Why, zh: 因}}]"
AMOUNT = ", form: [{name: amount, type: decimal, required: true, title: {en: A, zh: 额}}]"
OTHER = "- {id: o, kind: process, title: {en: O, zh: 他}, raci: {accountable: plant_manager}, template: inner}\n"
LATE = ", ladder: [{at: 80, action: remind, to: assignee}, {at: 100, action: default, outcome: ok, to: owner}]"
EVERYTHING = (
    f"- {human('a', extra=AMOUNT)}\n"
    "- decision:\n"
    "    id: size\n"
    "    title: {en: Size, zh: 大小}\n"
    "    accountable: plant_manager\n"
    "    rules:\n"
    '    - {id: large, when: "data.amount >= 100.0", steps: [' + human("b", outcomes=NEVER, extra=WHY) + "]}\n"
    "    - {id: rest, default: true}\n"
    "- fork:\n    id: either\n    join: any\n    branches:\n"
    f"    - - {human('c')}\n"
    f"    - - {service('s')}\n"
    f"- {human('p', extra=', pool: true')}\n"
    f"- {human('d', extra=LATE)}\n"
    "- {id: w, kind: wait, title: {en: W, zh: 等}, raci: {responsible: buyer, accountable: plant_manager},"
    " until: {working: P1D}, signal: go}\n"
    "- {id: v, kind: human, title: {en: V, zh: 票}, raci: {responsible: buyer, accountable: plant_manager}, sla: PT4H,"
    " vote: {voters: [quality_manager, purchasing_manager, finance_manager], needed: 2, approves: yes_, rejects: no_},"
    " outcomes: [{id: yes_, style: primary, title: {en: Y, zh: 是}},"
    " {id: no_, title: {en: N, zh: 否}, ends_case: stopped}]}\n"
)


def test_every_kind_of_turn_is_taken(ops_engine: Engine) -> None:
    template = small(EVERYTHING + OTHER, head="opened_by: [people]\n")
    text = small(f"- {human('i')}\n", head="opened_by: [cases]\n").text.replace("id: small", "id: inner", 1)
    inner = load_template(text, file="inner.yaml")
    walks = walk_every_branch(Walks(template, ops_engine, library=TemplateLibrary([template, inner])))
    assert {turn[0] for turn in walks.all} == {
        *("outcome", "rule", "branch", "job", "wait", "divided", "withdrawn", "default", "other case"),
    }
    assert walks.reloads > walks.walks > 3


def test_what_cannot_be_reached_is_said(tmp_path: Path) -> None:
    ops_engine = ops_database.open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    ops_database.migrate(ops_engine)
    steps = EVERYTHING.replace("data.amount >= 100.0", "data.amount > 1e30")
    template = small(steps, head="opened_by: [people]\n")
    walks = Walks(template, ops_engine, library=TemplateLibrary([template]))
    for _ in range(12):
        walks.walk()
    assert {turn for turn in walks.missing if turn[1] in ("size", "b")} == {
        ("rule", "size", "large"),
        ("outcome", "b", "ok"),
        ("outcome", "b", "back"),
    }
    assert walks.missing < turns_of(template)
    ops_engine.dispose()
