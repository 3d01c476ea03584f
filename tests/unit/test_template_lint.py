"""The linter: each rule on a template that breaks it alone, and silence on the shipped ones."""

from __future__ import annotations

import pytest

from tests.engine_world import JOBS, ROLES, human, service
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.template import load_template
from workflow_jobs.template_library import TEMPLATES_FOLDER, load_library

HEAD = """\
id: demo
version: 1
title: {en: Demo, zh: 示例}
description: {en: Demo, zh: 示例}
owner_role: buyer
"""
AMOUNT = ", form: [{name: amount, type: decimal, required: true, title: {en: A, zh: 额}}]"
TEXT = ", form: [{name: amount, type: text, required: true, title: {en: A, zh: 额}}]"
MAYBE = ", form: [{name: amount, type: decimal, title: {en: A, zh: 额}}]"
STOPS = "[{id: stop, title: {en: S, zh: 停}, ends_case: stopped}]"


def tiered(when: str, extra: str = "", rest: str = "{default: true, responsible: cfo}") -> str:
    plain = human("assess", extra=f", tiers: [{{when: '{when}', responsible: buyer}}, {rest}]{extra}")
    return plain.replace("responsible: buyer, accountable", "accountable", 1)


def fork(*branches: str) -> str:
    inner = "".join(f"\n    - [{branch}]" for branch in branches)
    return f"fork:\n    id: f\n    join: all\n    branches:{inner}"


def steps(*items: str, head: str = "") -> str:
    return head + "steps:\n" + "".join(f"- {item}\n" for item in items)


def found(body: str, jobs: tuple[str, ...] = JOBS) -> list[tuple[int, str, str]]:
    template = load_template(HEAD + body, file="demo.yaml")
    return [(f.line, f.step, f.message) for f in lint(template, ROLES, jobs)]


A, B, S = human("a"), human("b"), service("s")
AMOUNT_A, TEXT_A, MAYBE_A = human("a", extra=AMOUNT), human("a", extra=TEXT), human("a", extra=MAYBE)
STOPPING_A = human("a", outcomes=STOPS)
NO_R_A = A.replace("responsible: buyer, ", "")
UNDER_5 = tiered("data.amount < 5.0")
TWO = "[{id: ok, title: {en: O, zh: 好}}, {id: other, title: {en: P, zh: 另}}]"
SAME_TWICE = "[{id: ok, title: {en: O, zh: 好}}, {id: ok, title: {en: O, zh: 好}}]"
TWO_DEFAULTS = ", tiers: [{default: true, responsible: buyer}, {default: true, responsible: cfo}]}"
NO_DEFAULT = '{when: "true", responsible: cfo}'
EFFECT = "effect: {metric_from: trigger, window: P7D, rule: 'RULE', on_failure: reopen}\n"
ASKED_EFFECT = "opened_by: [people, rules]\n" + EFFECT.replace("trigger,", "trigger, metric: on_time_rate,")


@pytest.mark.parametrize(
    "body",
    [
        steps(A),
        steps(AMOUNT_A, UNDER_5),
        steps(AMOUNT_A, tiered('data.amount < 5 && case.priority == "high"')),
        steps(fork(AMOUNT_A, B), UNDER_5),
        steps(S, tiered("results.s.moved < 5.0")),
        steps(human("a", outcomes=TWO), tiered('outcomes.a == "ok"')),
        steps(STOPPING_A),
        steps(A, head=EFFECT.replace("RULE", "value <= baseline * 0.9")),
        steps(A, head=ASKED_EFFECT.replace("RULE", "threshold != null ? value > threshold : value > baseline")),
    ],
)
def test_sound_templates_are_clean(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    ("body", "line", "step", "says"),
    [
        (steps(A, A), 8, "a", "used twice"),
        (steps(human("a", role="wizard")), 7, "a", "'wizard'"),
        (steps(A, head="ladder:\n- {at: 80, action: remind, to: 'role:wizard'}\n"), 7, "", "'wizard'"),
        (steps(A, head="ladder:\n" + 2 * "- {at: 80, action: remind, to: owner}\n"), 8, "", "must ascend"),
        (steps(S.replace("replan_production_job", "other_job")), 7, "s", "no job 'other_job'"),
        (steps(NO_R_A), 7, "a", "nobody is responsible"),
        (steps(S.replace("responsible: production_planner, ", "")), 7, "s", "nobody is responsible"),
        (steps(human("a", extra=", tiers: [{default: true, responsible: cfo}]")), 7, "a", "remove it here"),
        (steps(S.replace("production_manager", "cfo, consulted: [buyer]")), 7, "s", "list them as `informed`"),
        (steps(fork(A)), 7, "f", "two branches"),
        (steps(fork(A, "")), 12, "f", "has no step"),
        (steps(STOPPING_A, B), 7, "a", "b can never be reached"),
        (steps(fork(STOPPING_A, B)), 11, "a", "never be reached"),
        (steps(human("a", outcomes=SAME_TWICE)), 7, "a", "twice"),
        (steps(AMOUNT_A, human("b", extra=TEXT)), 8, "b", "decimal elsewhere"),
        (steps(human("a", extra=AMOUNT.replace("true", "[never]"))), 7, "a", "outcome 'never'"),
        (steps(human("a", extra=AMOUNT.replace("required", "min: 2, max: 1, required"))), 7, "a", "above max"),
        (steps(human("a", extra=AMOUNT.replace("decimal", "role"))), 7, "a", "cannot ask for a role"),
        (steps(UNDER_5), 7, "assess", "not certain to be known"),
        (steps(MAYBE_A, UNDER_5), 8, "assess", "not certain to be known"),
        (steps(fork(AMOUNT_A, UNDER_5)), 12, "assess", "not certain to be known"),
        (steps(AMOUNT_A, tiered("data.amount < 5.0", AMOUNT)), 8, "assess", "'assess' must not change"),
        (steps(AMOUNT_A, fork(UNDER_5, human("b", extra=AMOUNT))), 12, "assess", "'b' must not change"),
        (steps(AMOUNT_A, tiered("data.amount < ")), 8, "assess", "no CEL condition"),
        (steps(AMOUNT_A, tiered("amount < 5.0")), 8, "assess", "reads amount"),
        (steps(AMOUNT_A, tiered("data.amount * 2.0 < 5.0")), 8, "assess", "arithmetic"),
        (steps(AMOUNT_A, tiered('data["amount"] < 5.0')), 8, "assess", "without brackets"),
        (steps(TEXT_A, UNDER_5), 8, "assess", "does not fit the types"),
        (steps(AMOUNT_A, tiered("data.amount < 1234567890.1234567")), 8, "assess", "digits"),
        (steps(tiered('case.mood == "bad"')), 7, "assess", "case has no 'mood'"),
        (steps(tiered('outcomes.later == "ok"'), human("later")), 7, "assess", "'later'"),
        (steps(AMOUNT_A, tiered("data.amount < 5.0", rest=NO_DEFAULT)), 8, "assess", "last tier must be"),
        (steps(NO_R_A[:-1] + TWO_DEFAULTS), 7, "a", "can never be reached"),
        (steps(A, head=EFFECT.replace("RULE", "metric > 1.0")), 6, "", "reads metric"),
        (steps(A, head=EFFECT.replace("RULE", "value + 1.0")), 6, "", "not true or false"),
        (
            steps(A, head=EFFECT.replace("RULE", "value > baseline && value > 2 * threshold")),
            6,
            "",
            "has no answer here",
        ),
        (steps(A, head=ASKED_EFFECT.replace("RULE", "value > threshold")), 7, "", "has no threshold and no direction"),
        (steps(A, head="closes: on_resolution\n" + EFFECT.replace("RULE", "value > 1.0")), 7, "", "no effect to judge"),
        (
            steps(A.replace("responsible: buyer", "responsible: {input: who, default: buyer}")),
            7,
            "a",
            "no input of type",
        ),
    ],
)
def test_each_rule_says_where_and_what(body: str, line: int, step: str, says: str) -> None:
    findings = found(body)
    assert any(f[0] == line and f[1] == step and says in f[2] for f in findings), findings


def test_names_are_not_checked_where_none_are_known() -> None:
    template = load_template(HEAD + steps(human("a", role="wizard"), S), file="demo.yaml")
    assert lint(template) == []
    assert len(lint(template, (), ())) > 2


def test_the_shipped_templates_are_clean() -> None:
    library = load_library(TEMPLATES_FOLDER, known_roles=ROLES, known_jobs=JOBS)
    assert library.ids() == tuple(sorted(path.stem for path in TEMPLATES_FOLDER.glob("*.yaml")))


BY_ITSELF = "closes: on_resolution\n"
UNLESS = "{at: 10, action: remind, to: assignee, unless: acknowledged}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (steps(human("a"), head="reopens_within: P1D\n"), "only a case that closes on resolution"),
        (steps(human("a", outcomes=STOPS), head=BY_ITSELF), "is not ended by a choice"),
        (steps(human("a"), head=f"ladder: [{UNLESS}]\n"), "nothing here can be acknowledged"),
        (steps(human("a", extra=f", ladder: [{UNLESS}]")), "nothing here can be acknowledged"),
        (steps(human("a", extra=", actions: {assign: [wizard]}")), "nobody can hold the role 'wizard'"),
        (
            steps(human("a"), head="tells: who\ninputs: [{name: who, type: text, title: {en: W, zh: 谁}}]\n"),
            "`tells` names a list",
        ),
    ],
)
def test_what_makes_no_sense_for_an_incident_is_found(body: str, says: str) -> None:
    findings = found(body)
    assert [one for one in findings if says in one[2]], findings


def test_an_incident_that_makes_sense_is_clean() -> None:
    extra = f", actions: {{acknowledge: true, assign: [buyer], snooze: {{at_most: P1D}}}}, ladder: [{UNLESS}]"
    assert found(steps(human("a", extra=extra), head=BY_ITSELF + "reopens_within: P1D\ntells: owners\n")) == []
