"""The linter on conditions of tiers and decision tables: each of these has no answer on some data, or never decides."""

from __future__ import annotations

import pytest

from tests.engine_world import JOBS, ROLES, human, service, small
from workflow_jobs.engine.lint import lint

T = "{en: T, zh: 题}"
FORM = (
    f", form: [{{name: kind, type: choice, required: true, title: {T}, options: "
    f"[{{value: urgent, title: {T}}}, {{value: calm, title: {T}}}]}}, "
    f"{{name: flag, type: boolean, required: true, title: {T}}}, "
    f"{{name: amount, type: decimal, title: {T}}}, "
    f"{{name: cost, type: decimal, required: true, min: 0, max: 100, title: {T}}}, "
    f"{{name: count, type: integer, required: true, title: {T}}}, "
    f"{{name: day, type: date, required: true, title: {T}}}, "
    f"{{name: note, type: text, required: true, title: {T}}}]"
)
TWO = f"[{{id: ok, title: {T}}}, {{id: no_, title: {T}}}, {{id: stop, title: {T}, ends_case: stopped}}]"
A = human("a", extra=FORM, outcomes=TWO)
LEVEL = (
    f"decision: {{id: l, title: {T}, accountable: cfo, rules: [{{id: up, when: data.flag, set: {{level: high}}}}, "
    "{id: down, default: true, set: {level: low}}]}"
)
NEEDS = LEVEL.replace("id: l,", "id: n, policy: collect,").replace("level", "needs")
RACI = "raci: {responsible: buyer, accountable: cfo}"
WAIT = f"{{id: w, kind: wait, title: {T}, {RACI}, until: {{clock: P1D}}, signal: come}}"


def found(*whens: str, policy: str = "first") -> list[tuple[int, str]]:
    """(which condition, what) of a decision with these conditions."""
    rules = [f"    - id: r{number}\n      when: '{when}'\n" for number, when in enumerate(whens)]
    table = f"- decision:\n    id: d\n    title: {T}\n    accountable: cfo\n    policy: {policy}\n    rules:\n"
    template = small(f"- {A}\n- {LEVEL}\n- {NEEDS}\n- {WAIT}\n- {service('s')}\n{table}{''.join(rules)}"
                     "    - {id: other, default: true}\n")  # fmt: skip
    first = template.line("steps", 5, "decision", "rules", 0, "when")
    return [((one.line - first) // 2, one.message) for one in lint(template, ROLES, JOBS)]


@pytest.mark.parametrize(
    "when",
    [
        'data.kind == "urgent"', 'data.kind in ["urgent", "calm"] && data.flag', '!(data.kind == "calm")',
        "has(data.amount) && data.amount > 5", "!has(data.amount) || data.amount > 5.0", "data.flag ? data.cost > 5 : "
        "has(data.amount) && data.amount < -1.5", "data.flag && has(data.amount) && !(data.amount < 5.0)",
        "case.observed != null && case.observed < 5.0", "case.observed == null || case.observed < 5.0",
        'outcomes.a == "no_"', 'outcomes.w == "signalled"', 'outcomes.l == "up"', 'outcomes.n in ["up", "down"] && '
        'data.flag', 'outcomes.s == "done_by_hand"', "results.s.count > 3", "has(results.s.count) && results.s.good",
        'data.level == "high"', '"high" in data.needs', 'case.priority == "urgent"', 'case.direction != "above"',
        'data.day >= "2026-05-01"', 'data.note.startsWith("x") || size(data.note) > 9', "data.cost > data.count",
        'data.note.matches("^[A-Z]+$") // letters, as in has(x)', "data.count == 3 || data.count in [7, 9]",
        'data.note == "has(data.amount)"', "data.cost == 0", "data.cost >= 100.0", 'data.note != ""',
    ],
)  # fmt: skip
def test_a_condition_that_fits_is_clean(when: str) -> None:
    assert found(when.replace("'", "''")) == []


@pytest.mark.parametrize(
    ("when", "says"),
    [
        # A sample would pass these over.
        ("data.flag && data.kind > 5", "data.kind is a text and 5 is a number, so `>` has no answer"),
        ('data.flag && data.cost >= "50000"', 'data.cost is a number and "50000" is a text, so `>=` has no answer'),
        ("data.flag || data.note", "data.note is a text, not true or false"),
        ("data.flag ? data.note : true", "mixes a text with a yes or no"),
        ("!data.count == 3", "data.count is a number, not true or false"),
        ("data.flag && data.cost == data.note", "so they are never equal"),
        ('data.flag && data.cost in ["a"]', "so they are never equal"),
        ("data.flag && data.flag > false", "data.flag is a yes or no, which `>` cannot compare"),
        ("data.flag && data.cost in data.note", "`in` looks into a list"),
        ("data.flag && 5 in data.needs", "so they are never equal"),
        ("data.flag && size(data.cost) > 1", "size() is asked of data.cost, which is a number"),
        ("data.flag && data.note.startsWith(5)", "startsWith() takes a text in its brackets, not 5"),
        ('data.flag && data.note.matches("[")', "no pattern that matches() can read"),
        ("data.flag && data.note.matches(data.level)", "a pattern that stands in the condition itself"),
        ('data.flag && data.day > "2026-5-1"', "write it as '2026-03-31'"),
        ("data.flag && data.cost == null", "data.cost is never null: ask `has(data.cost)`"),
        ("data.flag && case.observed < 5.0", "ask `case.observed != null && ...`"),
        ("case.observed != null || case.threshold < 5.0", "ask `case.threshold != null && ...`"),
        ("has(case.observed) && data.flag", "is there in every case"),
        # Each `has` counts for its own conjunction.
        ("has(data.amount) || data.amount > 5.0", "data.amount is not certain to be known"),
        ("(has(data.amount) && data.flag) || data.amount > 5.0", "data.amount is not certain to be known"),
        ("!has(data.amount) && data.amount > 5.0", "data.amount is not certain to be known"),
        ("data.amount > 5.0 && has(data.amount)", "data.amount is not certain to be known"),
        ("data.amount > 5.0 // has(data.amount)", "data.amount is not certain to be known"),
        ('"has(data.amount)" != data.note && data.amount > 5.0', "data.amount is not certain to be known"),
        # What there is to compare with.
        ('data.kind == "urgnet"', 'data.kind is never "urgnet": write one of its values (calm, urgent)'),
        ('data.flag && data.kind != "urgnet"', "write one of its values"),
        ('data.flag && data.kind in ["calm", "urgnet"]', 'data.kind is never "urgnet"'),
        ('outcomes.a == "okk"', 'outcomes.a is never "okk": write one of its values (no_, ok)'),
        ('outcomes.a == "stop"', "write one of its values (no_, ok)"),
        ('outcomes.w == "came"', "(elapsed, signalled)"),
        ('outcomes.l == "high"', "(down, up)"),
        ('outcomes.n == "up+down"', 'outcomes.n is never "up+down": write one of its values (down, up)'),
        ('data.level == "middle"', "(high, low)"),
        ('"middle" in data.needs', 'data.needs is never "middle"'),
        ('case.priority == "URGENT"', "(high, low, normal, urgent)"),
        # What decides nothing.
        ("false", "never holds"),
        ("true", "always holds"),
        ('data.kind == "urgent" && data.kind == "calm"', "never holds"),
        ('data.kind in ["urgent", "calm"]', "always holds"),
        ("data.cost > 5.0 && data.cost < 5.01", "never holds"),
        ("data.cost > 100", "never holds"),
        ("data.count > 5 && data.count < 6", "never holds"),
        ("has(data.cost)", "always holds"),
        ('outcomes.a == "ok" || outcomes.a == "no_"', "always holds"),
        ("data.flag == !data.flag", "never holds"),
        ("data.kind in []", "never holds"),
        # What cannot be examined.
        ("data.needs.exists(x, x == data.level)", "reads x"),
        ("string(data.count) == data.note", "but not 'string()'"),
        ("data.count - 1 > 3", "arithmetic"),
        ("data.cost < 1.234567890123456e3", "digits"),
        ("data == data", "without brackets"),
        ("(" * 60 + "data.flag" + ")" * 60, "nested too deep"),
    ],
)  # fmt: skip
def test_what_has_no_answer_or_decides_nothing_is_found_at_its_line(when: str, says: str) -> None:
    findings = found("data.count == 77", when.replace("'", "''"))
    assert any(number == 1 and says in message for number, message in findings), findings
    assert {number for number, _ in findings} == {1}


@pytest.mark.parametrize(
    ("whens", "policy", "says"),
    [
        (("data.flag", "data.flag"), "first", "stands above already (number 1)"),
        (("data.cost > 10.0", "data.cost >= 50.0"), "first", "one above it does"),
        (("data.flag", "data.cost > 5 && data.flag"), "first", "one above it does"),
        (('data.kind == "calm"', 'data.kind == "urgent"', "data.flag"), "first", "one above it does"),
        # Where all that hold are taken, each of these says something.
        (("data.flag", "data.flag"), "collect", ""),
        (("data.flag", "true"), "collect", ""),
        (("data.flag", "has(data.flag)"), "collect", "always holds"),
        (("data.cost >= 50.0", "data.cost > 10.0"), "first", ""),
        (('data.kind == "calm"', 'data.kind == "urgent"'), "first", ""),
    ],
)
def test_a_condition_that_others_leave_nothing_to_is_found(whens: tuple[str, ...], policy: str, says: str) -> None:
    findings = found(*whens, policy=policy)
    assert [number for number, _ in findings] == ([len(whens) - 1] if says else [])
    assert all(says in message for _, message in findings)


def test_many_values_are_tried_or_nothing_is_claimed() -> None:
    """Too many combinations to try: the table as a whole is not judged, each condition still is."""
    many = " || ".join(f"data.cost == {number}.5 && data.count == {number}" for number in range(40))
    assert found(many, "data.cost == 200.0", "data.count == 5 && data.cost == 5.5") == [
        (1, "this condition never holds, whatever the case knows: mend it, or remove what it leads to")
    ]


def test_tiers_are_examined_like_rules() -> None:
    written = '{when: data.kind == "urgnet", responsible: buyer}, {default: true, responsible: cfo}'
    step = human("t", extra=f", tiers: [{written}]").replace("responsible: buyer, accountable", "accountable", 1)
    (finding,) = lint(small(f"- {A}\n- {step}\n"), ROLES, JOBS)
    assert (finding.line, finding.step) == (8, "t")
    assert "write one of its values" in finding.message
