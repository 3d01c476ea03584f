"""Random conditions on fields of every type: what the linter accepts has an answer on whatever these fields may hold,
and what it calls idle never decides.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.engine_world import JOBS, MONDAY, ROLES, Play, human, small
from workflow_jobs.engine.conditions import case_variables, compile_condition
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.state import StepState
from workflow_jobs.engine.template import Template

T = "{en: T, zh: 题}"
KINDS = f"options: [{{value: big, title: {T}}}, {{value: small, title: {T}}}]"
FIELDS = {
    "amount": "type: decimal, min: -5, max: 500",
    "count": "type: integer",
    "note": "type: text",
    "day": "type: date",
    "flag": "type: boolean",
    "kind": f"type: choice, {KINDS}",
}
# Each stands there twice: as a required field, and as `maybe_...`, which may be missing.
FORM = ", ".join(
    f"{{name: {prefix}{name}, title: {T}, required: {required}, {rest}}}"
    for prefix, required in (("", "true"), ("maybe_", "false"))
    for name, rest in FIELDS.items()
)
TWO = f"[{{id: ok, title: {T}}}, {{id: other, title: {T}}}]"
ASKED = human("a", extra=f", form: [{FORM}]", outcomes=TWO)
GRADED = (
    f"decision: {{id: g, title: {T}, accountable: cfo, rules: [{{id: up, when: 'data.flag', set: {{grade: high}}}}, "
    "{id: down, default: true, set: {grade: low}}]}"
)
GATHERED = GRADED.replace("id: g,", "id: n, policy: collect,").replace("grade", "needs")

BOOLS = ("data.flag", "data.maybe_flag", "true")
NUMBERS = ("data.amount", "data.maybe_amount", "data.count", "data.maybe_count", "case.observed", "case.threshold",
           "case.breaches", "5", "100.5", "-3", "0", "size(data.note)", "data.needs.size()")  # fmt: skip
TEXTS = ("data.note", "data.maybe_note", "data.kind", "data.maybe_kind", "data.grade", "outcomes.a", "outcomes.g",
         "case.priority", "case.metric", '"big"', '"high"', "''", '"ok"', '"urgent"')  # fmt: skip
DAYS = ("data.day", "data.maybe_day", '"2026-05-01"', '"2026-5-1"')
ODD = ("null", "data.needs", "[]", "results.s")
NULLABLE = ("case.observed", "case.threshold")
OPTIONAL = tuple(f"data.maybe_{name}" for name in FIELDS)


@st.composite
def sources(draw: st.DrawFn, depth: int = 3) -> str:
    """Conditions that mostly fit, and now and then do not."""
    one = st.sampled_from
    inner = sources(depth - 1)
    shape = draw(one(("atom",) if depth == 0 else ("atom", "atom", "and", "or", "not", "if", "asked", "valued")))
    match shape:
        case "and":
            return f"{draw(inner)} && ({draw(inner)})"
        case "or":
            return f"{draw(inner)} || {draw(inner)}"
        case "not":
            return f"!({draw(inner)})"
        case "if":
            return f"({draw(inner)} ? {draw(inner)} : {draw(inner)})"
        case "asked":
            sign, join = draw(one((("", "&&"), ("!", "||"))))
            return f"({sign}has({draw(one(OPTIONAL))}) {join} ({draw(inner)}))"
        case "valued":
            sign, join = draw(one((("!=", "&&"), ("==", "||"))))
            return f"({draw(one(NULLABLE))} {sign} null {join} ({draw(inner)}))"
    pool = draw(one((NUMBERS, NUMBERS, TEXTS, TEXTS, DAYS, BOOLS, (*NUMBERS, *TEXTS, *DAYS, *BOOLS, *ODD))))
    left, right, other = draw(one(pool)), draw(one(pool)), draw(one(pool))
    if pool is TEXTS and draw(st.booleans()):
        call = draw(one(("startsWith", "endsWith", "contains", "matches")))
        return draw(one((f"{left}.{call}({right})", f"{left} in [{right}, {other}]", f"{left} in data.needs")))
    if pool is BOOLS and draw(st.booleans()):
        return left
    return f"{left} {draw(one(('==', '!=', '<', '<=', '>', '>=')))} {right}"


def template(when: str) -> Template:
    quoted = when.replace("'", "''")
    rules = f"[{{id: r, when: '{quoted}'}}, {{id: d, default: true}}]"
    last = f"decision: {{id: last, title: {T}, accountable: cfo, rules: {rules}}}"
    return small(f"- {ASKED}\n- {GRADED}\n- {GATHERED}\n- {last}\n", "opened_by: [people, rules]\n")


@cache
def started() -> Play:
    return Play(template("data.flag")).open()


@st.composite
def worlds(draw: st.DrawFn, made: Template) -> dict[str, Any]:
    """What a condition sees of a case of this template."""
    one = st.sampled_from
    amounts = st.decimals(-5, 500, places=2) | one((Decimal(0), Decimal(5), Decimal("100.50"), Decimal(-3)))
    values: dict[str, st.SearchStrategy[Any]] = {
        "amount": amounts.map(str),
        "count": st.integers(-10, 200) | st.integers(-(2**53) + 1, 2**53 - 1),
        "note": one(("", "big", "high", "ok", "urgent")) | st.text(max_size=5),
        "day": st.dates().map(lambda day: day.isoformat()),
        "flag": st.booleans(),
        "kind": one(("big", "small")),
    }
    data: dict[str, Any] = {name: draw(strategy) for name, strategy in values.items()}
    for name, strategy in values.items():
        if draw(st.booleans()):
            data[f"maybe_{name}"] = draw(st.none() | strategy)
    data["grade"] = draw(one(("high", "low")))
    data["needs"] = draw(one((["high"], ["low"])))
    steps = {
        "a": draw(one(("ok", "other"))),
        "g": draw(one(("up", "down"))),
        "n": draw(one(("up", "down"))),
    }
    figures = st.none() | amounts.map(str)
    state = replace(
        started().state,
        data=data,
        latest_observed=draw(figures),
        threshold=draw(figures),
        breaches=draw(st.integers(1, 200)),
        priority=draw(one(("urgent", "high", "normal", "low"))),
        metric=draw(one(("", "ok", "on_time_rate"))),
        steps={name: StepState(step_id=name, kind="x", status="completed", visit=1, entered_at=MONDAY, outcome=end)
               for name, end in steps.items()},
    )  # fmt: skip
    return case_variables(made, state)


def test_what_is_accepted_has_an_answer_and_what_is_called_idle_decides_nothing(pytestconfig: pytest.Config) -> None:
    soak = bool(pytestconfig.getoption("--soak", default=False))
    seen: Counter[str] = Counter()

    @settings(
        max_examples=2_000 if soak else 100,
        derandomize=not soak,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def law(data: st.DataObject) -> None:
        source = data.draw(sources())
        made = template(source)
        findings = [one.message for one in lint(made, ROLES, JOBS) if one.step == "last"]
        idle = [one for one in findings if one.startswith("this condition")]
        if len(idle) < len(findings):
            seen["refused"] += 1
            return
        seen[idle[0].split(",")[0] if idle else "decides"] += 1
        condition = compile_condition(source)
        for _ in range(20 if soak else 4):
            answer = condition.holds(data.draw(worlds(made)))
            assert not idle or answer is ("always" in idle[0]), idle

    law()
    assert seen["decides"] > 15, seen
    assert seen["refused"] > 20, seen
    # Which conditions are drawn depends on what else is loaded: of few, one kind of idle ones may be missing.
    kinds = [seen[f"this condition {how} holds"] for how in ("never", "always")]
    assert all(kinds) if soak else any(kinds), seen
