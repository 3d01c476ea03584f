"""The linter on decisions, joins, returns, waits, votes, clocks and processes inside processes: each rule on a template
that breaks it alone, with its line; the same template mended is clean.
"""

from __future__ import annotations

import pytest

from tests.engine_world import JOBS, ROLES, human, service
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.template import Template, load_template

T = "{en: T, zh: 题}"
HEAD = f"id: demo\nversion: 1\ntitle: {T}\ndescription: {T}\nowner_role: buyer\n"
LINES = HEAD.count("\n")
AMOUNT = f", form: [{{name: amount, type: decimal, required: true, title: {T}}}]"
WHY = f", form: [{{name: why, type: text, title: {T}, required: [back]}}]"
STOPS = f"[{{id: stop, title: {T}, ends_case: stopped}}]"
YES_NO = f"[{{id: yes_, title: {T}}}, {{id: no_, title: {T}}}]".replace("yes_", "agree").replace("no_", "refuse")
A, B, C, S = human("a"), human("b"), human("x"), service("s")


def back(to: str, extra: str = WHY, name: str = "b") -> str:
    return human(name, outcomes=f"[{{id: go, title: {T}}}, {{id: back, title: {T}, returns_to: {to}}}]", extra=extra)


def fork(join: str, *branches: str, name: str = "f") -> str:
    return f"fork: {{id: {name}, join: {join}, branches: [{', '.join(f'[{one}]' for one in branches)}]}}"


def decision(*rules: str, policy: str = "first", name: str = "d") -> str:
    return f"decision: {{id: {name}, title: {T}, accountable: cfo, policy: {policy}, rules: [{', '.join(rules)}]}}"


def rule(when: str = "data.amount > 5.0", steps: str = "", name: str = "r", sets: str = "") -> str:
    return f"{{id: {name}, when: '{when}', set: {{{sets}}}, steps: [{steps}]}}"


def other(steps: str = "", sets: str = "") -> str:
    return f"{{id: other, default: true, set: {{{sets}}}, steps: [{steps}]}}"


def nested(item: str) -> str:
    return "{" + item + "}"


RACI = "raci: {responsible: buyer, accountable: cfo}"


def wait(until: str = "clock: P1D", extra: str = "", name: str = "w") -> str:
    return f"{{id: {name}, kind: wait, title: {T}, {RACI}, until: {{{until}}}{extra}}}"


def process(template: str = "child", extra: str = "") -> str:
    return f"{{id: p, kind: process, title: {T}, {RACI}, template: {template}{extra}}}"


def voting(vote: str, extra: str = "", responsible: str = "responsible: buyer, ") -> str:
    return (
        f"{{id: v, kind: human, title: {T}, raci: {{{responsible}accountable: cfo}}, sla: PT4H, "
        f"outcomes: {YES_NO}, vote: {{{vote}}}{extra}}}"
    )


def third(agree: str, refuse: str) -> str:
    """A counted vote with these ends, and a further choice that seems to go on."""
    more = f"{{id: agree, title: {T}, {agree}}}, {{id: refuse, title: {T}, {refuse}}}, {{id: later, title: {T}}}"
    why = f", form: [{{name: why, type: text, title: {T}, required: true}}]"
    return voting(COUNTED, why).replace(YES_NO, f"[{more}]")


def told(moments: str, extra: str = "", step: str = "") -> str:
    """A step of which sales_rep is informed at these moments."""
    step = step or human("a", extra=extra)
    return step.replace("raci: {", f"raci: {{informed: [sales_rep], informs_at: [{moments}], ")


R = "responsible: buyer, "
LATE = "ladder: [{at: 120, action: remind, to: owner}]\n"
COMING = wait(extra=", signal: come")
PAUSE = f"{{id: r, title: {T}, at_most: P1D}}"
COUNTED = "needed: all, approves: agree, rejects: refuse"
AMOUNT_A, B_AMOUNT = human("a", extra=AMOUNT), human("b", extra=AMOUNT)
BACK_AMOUNT = back("a", extra=f"{WHY[:-1]}, {AMOUNT.partition('[')[2]}")
NOTE = f", form: [{{name: note, type: text, title: {T}}}]"
B_NOTE, X_NOTE = human("b", extra=NOTE), human("x", extra=NOTE)
LEVEL_A = human("a", extra=NOTE.replace("note", "level"))
LEVELS = decision(rule("case.breaches > 2", sets="level: high"), other(sets="level: low"))
DATE_A = human("a", extra=f", form: [{{name: day, type: date, required: true, title: {T}}}]")
FILE_A = human("a", extra=f", form: [{{name: scan, type: file, required: true, title: {T}}}]")


def steps(*items: str, head: str = "") -> str:
    return head + "steps:\n" + "".join(f"- {item}\n" for item in items)


def template(body: str, name: str = "demo", head: str = HEAD) -> Template:
    return load_template(head.replace("id: demo", f"id: {name}") + body, file=f"{name}.yaml")


def found(body: str) -> list[tuple[int, str, str]]:
    return [(f.line, f.step, f.message) for f in lint(template(body), ROLES, JOBS, ("welding",))]


LEARNS = human(
    "a", extra=f", form: [{{name: cause, type: text, title: {T}}}, {{name: remedy, type: text, title: {T}}}]"
)
IN_AMOUNT = f"inputs:\n- {{name: amount, type: decimal, title: {T}, required: true}}\n"


@pytest.mark.parametrize(
    "body",
    [
        steps(AMOUNT_A, decision(rule(), other())),
        steps(AMOUNT_A, decision(rule(steps=B, sets="level: high"), other(sets="level: low")),
              decision(rule('data.level == "low"'), other(), name="e")),
        steps(AMOUNT_A, decision(rule(sets="level: high"), other(), policy="collect"),
              decision(rule('"high" in data.level'), other(), name="e")),
        steps(AMOUNT_A, decision(rule(sets="level: high"), other()),
              decision(rule('has(data.level) && data.level == "high"'), other(), name="e")),
        # Every branch fills it, so the one that ended the fork did.
        steps(fork("any", AMOUNT_A, human("b", extra=AMOUNT)), decision(rule(), other())),
        steps(AMOUNT_A, decision(rule(steps=human("x", outcomes=STOPS)), other())),
        steps(fork("any", human("a", outcomes=STOPS), B), C),
        steps(A, back("a")),
        steps(A, fork("all", B, back("a", name="x"))),
        steps(fork("all", A, B), back("f", name="x")),
        steps(DATE_A, wait("date: day")),
        steps(wait("working: P2D", ", signal: come"), wait("clock: P2D", ", signal: come", name="w2")),
        steps(wait(extra=", pauses_case: true"), head="sla: P5D\n"),
        steps(A, head="sla: P5D\ncase_ladder: [{at: 50, action: remind, to: owner}]\n"),
        steps(voting(COUNTED)),
        steps(voting("voters: [buyer, cfo], needed: 2, approves: agree, rejects: refuse", responsible="")),
        steps(A, third("returns_to: a", "ends_case: y")),
        steps(fork("any", f"{AMOUNT_A}, {C}", human("b", extra=AMOUNT))),
        steps(fork("all", AMOUNT_A, B), human("x", extra=AMOUNT)),
        # Only one of these rules holds, and what both set is the same.
        steps(AMOUNT_A, decision(rule(steps=B_NOTE), other(X_NOTE), policy="collect")),
        steps(AMOUNT_A, fork("all", *(nested(decision(rule(sets="rush: true"), other(), name=n)) for n in ("d", "e")))),
        steps(told("late"), told("late", step=wait(extra=", signal: come")), told("late", step=process()),
              told("late", step=S), head=LATE),
        steps(told("late", ", ladder: [{at: 100, action: default, to: owner, outcome: ok}]")),
        steps(told("decided")),
        steps(voting("needed: any"), human("b", extra=", separate_from: [v]")),
        steps(human("a", extra=", skills: [welding], pool: true")),
        steps(human("a", extra=", ladder: [{at: 100, action: default, to: owner, outcome: ok}]")),
        steps(LEARNS, head="learning: {cause: cause, remedy: remedy}\n"),
        steps(A, head="learning: {rating: true}\n"),
        steps(A, head="opened_by: [people]\nrequesters: [buyer]\nsubject: amount\n" + IN_AMOUNT),
    ],
)  # fmt: skip
def test_sound_templates_are_clean(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    ("body", "line", "step", "says"),
    [
        # The way
        (steps(fork("3", A, B)), 1, "f", "3 branches of 2"),
        (steps(fork("2", A, human("b", outcomes=STOPS))), 1, "f", "only 1 can reach it"),
        (steps(fork("2", A, human("b", outcomes=STOPS), human("x", outcomes=STOPS)), C), 1, "f", "only 1 can reach"),
        (steps(AMOUNT_A, decision(rule())), 2, "d", "no rule is the default"),
        (steps(AMOUNT_A, decision(other())), 2, "d", "a decision needs a rule with a condition"),
        (steps(AMOUNT_A, decision(other(), rule())), 2, "d", "must be the last one"),
        (steps(AMOUNT_A, decision(rule(), rule(), other())), 2, "d", "'r' stands here twice"),
        (steps(AMOUNT_A, decision(rule(steps=human("x", outcomes=STOPS)), other(human("y", outcomes=STOPS))), B), 2,
         "d", "no rule goes on, so b can never be reached"),
        (steps(human("a", outcomes=STOPS), decision(rule("case.breaches > 2"), other())), 1, "a", "d can never be"),
        (steps(A, back("b")), 2, "b", "name an earlier step of its own or an enclosing sequence (a)"),
        (steps(A, back("later"), human("later")), 2, "b", "name an earlier step"),
        (steps(back("a"), A), 1, "b", "none, it is the first"),
        (steps(fork("all", A, back("a"))), 1, "b", "name an earlier step"),
        (steps(A, back("nowhere")), 2, "b", "name an earlier step"),
        (steps(A, back("a", extra="")), 2, "b", "a return needs a reason"),
        (steps(A, back("a", extra=AMOUNT)), 2, "b", "a return needs a reason"),
        (steps(A, human("b", outcomes=f"[{{id: back, title: {T}, returns_to: a}}]", extra=WHY)), 2, "b",
         "every outcome returns, so no case could ever end"),
        # A further choice counts as a rejection, whatever is written at it: it never goes on by itself.
        (steps(A, third("returns_to: a", "returns_to: a")), 2, "v", "can settle the vote returns, so no case could"),
        (steps(A, third("returns_to: a", "returns_to: a"), B), 2, "v", "so b can never be reached"),
        (steps(third("ends_case: x", "ends_case: y"), B), 1, "v", "can settle the vote ends the case, so b can"),
        (steps(fork("all", COMING, wait(extra=", signal: come", name="w2"))), 1, "w2", "at the same time"),
        (steps(fork("any", COMING, nested(decision(rule("case.breaches > 2", wait(
            extra=", signal: come", name="w2")), other())))), 1, "w2", "give each its own signal"),
        (steps(wait(extra=f", form: [{{name: n, type: text, title: {T}}}]")), 1, "w", "only a signal brings fields"),
        (steps(wait(extra=", pauses_case: true")), 1, "w", "no clock to pause"),
        (steps(process("demo")), 1, "p", "a process cannot open itself"),
        # Data
        (steps(decision(rule(), other())), 1, "d", "not certain to be known"),
        (steps(fork("any", AMOUNT_A, B), decision(rule(), other())), 2, "d", "not certain to be known"),
        (steps(fork("2", AMOUNT_A, B, C), decision(rule(), other())), 2, "d", "not certain to be known"),
        (steps(fork("any", A, B), decision(rule('outcomes.a == "ok"'), other())), 2, "d", "no step 'a' is certain"),
        (steps(decision(rule("case.breaches > 2", AMOUNT_A), other()), decision(rule(), other(), name="e")), 2, "e",
         "not certain to be known"),
        (steps(AMOUNT_A, decision(rule(sets="level: high"), other()),
               decision(rule('data.level == "high"'), other(), name="e")), 3, "e", "or ask `has(data.level)"),
        (steps(process(extra=", brings: {x: y}"), decision(rule('has(data.x) && data.x == "y"'), other())), 2, "d",
         "declare it as an input"),
        (steps(AMOUNT_A, decision(rule(sets="level: high"), other(sets="level: 3"))), 2, "d", "use one type"),
        (steps(fork("all", AMOUNT_A, B_AMOUNT)), 1, "b", "'a' may fill 'amount' at the same time"),
        (steps(fork("2", AMOUNT_A, B_AMOUNT, C), decision(rule(), other())), 1, "b", "would overwrite the other"),
        (steps(AMOUNT_A, decision(rule(steps=B_NOTE), rule(steps=X_NOTE, name="q"), other(), policy="collect")), 2, "x",
         "'b' may fill 'note' at the same time"),
        (steps(fork("all", LEVEL_A, nested(LEVELS))), 1, "d", "'a' may fill 'level' at the same time"),
        (steps(fork("all", LEVEL_A, process(extra=", brings: {level: y}"))), 1, "p", "'a' may fill 'level'"),
        # The first branch that is done ends the fork, but both have filled it before.
        (steps(fork("any", f"{AMOUNT_A}, {human('y')}", f"{B_AMOUNT}, {C}")), 1, "b", "'a' may fill 'amount'"),
        (steps(A, fork("any", f"{AMOUNT_A}, {human('y')}".replace("id: a,", "id: z,"), BACK_AMOUNT)), 2, "b",
         "'z' may fill 'amount'"),
        (steps(AMOUNT_A, decision(rule(sets="level: high"), other()), decision(
            rule(sets="level: low"), other(), policy="collect", name="e")), 3, "e", "to a list of"),
        (steps(AMOUNT_A, decision(rule(sets="amount: many"), other())), 2, "d", "cannot be set to 'many'"),
        (steps(AMOUNT_A, decision(rule(sets="amount: 3"), other(), policy="collect")), 2, "d", "be set to a list"),
        (steps(FILE_A, decision(rule("size(data.scan) > 0"), other())), 2, "d", "holds files"),
        (steps(AMOUNT_A, fork("all", nested(decision(rule(), other())), human("b", extra=AMOUNT))), 2, "d",
         "'b' must not change it"),
        (steps(AMOUNT_A, decision(rule("data.amount > "), other())), 2, "d", "no CEL condition"),
        (steps(AMOUNT_A, wait("date: amount")), 2, "w", "no field of type date"),
        (steps(wait("date: day")), 1, "w", "no field of type date"),
        (steps(fork("any", DATE_A, B), wait("date: day")), 2, "w", "not certain to be known"),
        (steps(process(extra=", passes: {x: unknown}")), 1, "p", "no field 'unknown' to pass"),
        (steps(A, head="learning: {cause: cause, remedy: remedy}\n"), 0, "", "no form asks for 'cause'"),
        (steps(AMOUNT_A, head="learning: {cause: amount, remedy: amount}\n"), 0, "", "make it a text or a choice"),
        (steps(A, head="subject: thing\n"), 0, "", "'thing' is no input"),
        (steps(A, head="requesters: [buyer]\n"), 0, "", "people do not open these cases"),
        (steps(A, head="opened_by: [people]\nrequesters: [wizard]\n"), 1, "", "nobody can hold the role 'wizard'"),
        (steps(A, head="closes: on_resolution\nopened_by: [cases]\n"), 1, "", "only rules open it"),
        # People
        (steps(decision(rule("case.breaches > 2"), other()).replace("cfo", "wizard")), 1, "d", "'wizard'"),
        (steps(wait().replace("cfo", "wizard")), 1, "w", "'wizard'"),
        (steps(process().replace("cfo", "wizard")), 1, "p", "'wizard'"),
        (steps(voting(COUNTED.replace("agree", "yes_please"))), 1, "v", "names the outcome 'yes_please'"),
        (steps(voting(COUNTED.replace("refuse", "agree"))), 1, "v", "must be two outcomes"),
        (steps(voting("voters: [buyer], needed: 2, approves: agree, rejects: refuse")), 1, "v", "never be had of 1"),
        (steps(voting("voters: [wizard], needed: any")), 1, "v", "'wizard'"),
        (steps(voting(COUNTED, responsible="")), 1, "v", "nobody is responsible"),
        (steps(wait().replace(R, "")), 1, "w", "nobody is responsible: name the role that sees to it"),
        (steps(process().replace(R, "")), 1, "p", "nobody is responsible: name the role that is asked when the other"),
        (steps(told("late")), 1, "a", "the template's ladder has no rung from 100 on"),
        (steps(told("asked, late"), head="ladder: [{at: 99, action: remind, to: owner}]\n"), 1, "a", "has no rung"),
        (steps(told("late", ", ladder: [{at: 80, action: remind, to: owner}]"), head=LATE), 1, "a",
         "the step's own ladder, which counts here, has no rung from 100 on"),
        (steps(told("late", step=wait())), 1, "w", "no signal is awaited here"),
        (steps(voting(COUNTED, ", pool: true")), 1, "v", "remove `pool`"),
        (steps(voting(COUNTED, ", tiers: [{default: true, responsible: cfo}]", "")), 1, "v", "a vote has no tiers"),
        (steps(human("a", extra=", separate_from: [b]"), B), 1, "a", "does not come before"),
        (steps(fork("all", A, human("b", extra=", separate_from: [a]"))), 1, "b", "does not come before"),
        (steps(S, human("a", extra=", separate_from: [s]")), 2, "a", "no human step 's'"),
        (steps(human("a", extra=", skills: [flying]")), 1, "a", "nobody has the skill 'flying'"),
        (steps(human("a", extra=", actions: {delegate: [wizard]}")), 1, "a", "'wizard'"),
        (steps(human("a", extra=", actions: {add_approver: [wizard]}")), 1, "a", "'wizard'"),
        (steps(human("a", extra=f", actions: {{pauses: [{PAUSE}, {PAUSE}]}}")), 1, "a", "'r' stands here twice"),
        # Clocks
        (steps(A, head="case_ladder: [{at: 50, action: remind, to: owner}]\n"), 0, "", "state it as `sla`"),
        (steps(A, head="sla: P1D\ncase_ladder: [{at: 50, action: reassign, to: owner}]\n"), 1, "", "to reassign"),
        (steps(A, head="sla: P1D\ncase_ladder: [{at: 50, action: remind, to: manager}]\n"), 1, "", "has no manager"),
        (steps(A, head="sla: P1D\ncase_ladder: [{at: 50, action: remind, to: 'role:wizard'}]\n"), 1, "", "'wizard'"),
        (steps(A, head="sla: P1D\ncase_ladder: [{at: 9, action: remind, to: owner, unless: acknowledged}]\n"), 1, "",
         "remove `unless`"),
        (steps(A, head="ladder: [{at: 50, action: default, to: owner, outcome: ok}]\n"), 0, "", "write it there"),
        (steps(human("a", extra=", ladder: [{at: 50, action: default, to: owner, outcome: fly}]")), 1, "a",
         "'fly' is no outcome"),
        (steps(human("a", extra=AMOUNT + ", ladder: [{at: 50, action: default, to: owner, outcome: ok}]")), 1, "a",
         "'ok' needs amount"),
        (steps(A, back("a", extra=WHY + ", ladder: [{at: 50, action: default, to: owner, outcome: back}]")), 2, "b",
         "takes a person's reason"),
        (steps(voting(COUNTED, ", ladder: [{at: 50, action: default, to: owner, outcome: agree}]")), 1, "v",
         "a vote is not ended by a ladder"),
        (steps(human("a", extra=", ladder: [{at: 50, action: default, to: owner, outcome: ok}, "
               "{at: 60, action: remind, to: owner}]")), 1, "a", "nothing fires after it"),
    ],
)  # fmt: skip
def test_each_rule_says_where_and_what(body: str, line: int, step: str, says: str) -> None:
    """`line` counts from `steps:` for a step, from the first line after the head for the template itself."""
    findings = found(body)
    first = LINES + 1 + (body.split("steps:\n", maxsplit=1)[0].count("\n") if step else 0)
    assert any(f[0] == first + line and f[1] == step and says in f[2] for f in findings), (first + line, findings)


CHILD = f"opened_by: [cases]\ninputs:\n- {{name: limit, type: decimal, title: {T}, required: true}}\n"


@pytest.mark.parametrize(
    ("child", "extra", "says"),
    [
        (steps(A, head=CHILD), ", passes: {limit: amount}, brings: {amount: limit}", ""),
        (steps(A, head=CHILD), "", "'child' needs the input 'limit': add it to `passes`"),
        (steps(A, head=CHILD), ", passes: {limit: amount, more: amount}", "'child' has no input 'more'"),
        (
            steps(A, head=CHILD),
            ", passes: {limit: note}",
            "'note' is text here, but the input 'limit' of 'child' is decimal",
        ),
        (steps(A, head=CHILD), ", passes: {limit: maybe}", "'maybe' is not certain to be known here"),
        (steps(A, head=CHILD), ", passes: {limit: amount}, brings: {x: colour}", "no field 'colour' to bring"),
        (steps(A, head=CHILD), ", passes: {limit: amount}, brings: {note: limit}", "'limit' of 'child' is decimal"),
        (steps(A), "", "cases do not open 'child'"),
        (steps(A, head="closes: on_resolution\n"), "", "ends when a check passes"),
        (steps(process("grandchild"), head="opened_by: [cases]\n"), "", "child > grandchild > demo"),
    ],
)
def test_what_templates_owe_each_other(child: str, extra: str, says: str) -> None:
    inputs = (
        f"inputs:\n- {{name: amount, type: decimal, title: {T}, required: true}}\n"
        f"- {{name: note, type: text, title: {T}, required: true}}\n- {{name: maybe, type: decimal, title: {T}}}\n"
    )
    parent = template(steps(process("child", extra), head=inputs))
    grandchild = template(steps(process("demo"), head="opened_by: [cases]\n"), "grandchild")
    findings = lint_library((parent, template(child, "child"), grandchild))
    mine = [finding for finding in findings if finding.file == "demo.yaml"]
    if not says:
        assert mine == []
        return
    assert any(says in finding.message and finding.step == "p" for finding in mine), mine
    assert {finding.line for finding in mine} == {LINES + 6}


def test_a_process_that_does_not_exist_is_named_with_those_that_do() -> None:
    (finding,) = lint_library((template(steps(process("nowhere"))),))
    assert "there is no template 'nowhere' (known: demo)" in finding.message


@pytest.mark.parametrize(
    ("given", "wanted", "says"),
    [
        ("type: text, max_length: 50", "type: text, max_length: 50", ""),
        ("type: text", "type: text, max_length: 50", "may have 3000 characters, above the `max_length` 50"),
        ("type: date", "type: text, max_length: 9", "may have 10 characters"),
        ("type: integer, min: 1, max: 5", "type: integer, min: 1, max: 5", ""),
        ("type: integer", "type: integer, min: 1", "may be below the `min` 1"),
        ("type: integer, max: 6", "type: integer, max: 5", "may be above the `max` 5"),
        ("type: decimal, decimals: 4", "type: decimal, decimals: 3", "may have 4 decimal places"),
    ],
)
def test_what_is_passed_fits_the_bounds_of_the_input(given: str, wanted: str, says: str) -> None:
    parent_head = f"inputs:\n- {{name: amount, title: {T}, required: true, {given}}}\n"
    child_head = f"opened_by: [cases]\ninputs:\n- {{name: limit, title: {T}, required: true, {wanted}}}\n"
    parent = template(steps(process("child", ", passes: {limit: amount}"), head=parent_head))
    findings = [one.message for one in lint_library((parent, template(steps(A, head=child_head), "child")))]
    assert bool(findings) == bool(says)
    assert all(says in one for one in findings)


GRADE = f"type: choice, options: [{{value: high, title: {T}}}, {{value: low, title: {T}}}]"


@pytest.mark.parametrize(
    ("wanted", "high", "low", "policy", "says"),
    [
        (GRADE, "high", "low", "first", []),
        (GRADE, "high", "bogus", "first", ["'grade' is set by 'd', and the input 'limit' of 'child' must be one of"]),
        (GRADE, "wild", "bogus", "first", ["got 'bogus'", "got 'wild'"]),
        (GRADE, "high", "low", "collect", ["is a list here, which the input 'limit' of 'child' does not take"]),
        ("type: decimal, max: 10", "3", "4", "first", []),
        ("type: decimal, max: 10", "3", "many", "first", ["must be a number"]),
        ("type: decimal, max: 10", "3", "40", "first", ["must be at most 10"]),
        ("type: text", "3", "4", "first", ["must be text, got 3", "must be text, got 4"]),
        ("type: boolean", "true", "false", "first", []),
    ],
)
def test_what_a_decision_sets_fits_the_input_that_it_is_passed_to(
    wanted: str, high: str, low: str, policy: str, says: list[str]
) -> None:
    """Directly, and brought by another process whose decision set it."""
    table = decision(rule(sets=f"grade: {high}"), other(sets=f"grade: {low}"), policy=policy)
    opened = f"opened_by: [cases]\ninputs:\n- {{name: limit, title: {T}, required: true, {wanted}}}\n"
    child = template(steps(A, head=opened), "child")
    parent = template(steps(AMOUNT_A, table, process(extra=", passes: {limit: grade}")))
    other_one = template(steps(AMOUNT_A, table, head="opened_by: [cases]\nwithdrawn_by: []\n"), "other")
    brings = process("other", ", brings: {grade: grade}").replace("id: p", "id: q")
    second = process(extra=", passes: {limit: grade}")
    for library, line in (((parent, child), 3), ((template(steps(brings, second)), other_one, child), 2)):
        findings = [one for one in lint_library(library) if "not certain to be known" not in one.message]
        assert [one.line for one in findings] == [LINES + 1 + line] * len(says)
        for one in says:
            assert any(one in finding.message for finding in findings), findings


def test_what_another_process_set_fits_the_field_that_it_is_brought_to() -> None:
    table = decision(rule(sets="grade: high"), other(sets="grade: bogus"))
    child = template(steps(AMOUNT_A, table, head="opened_by: [cases]\n"), "child")
    asked = f"inputs:\n- {{name: mark, title: {T}, {GRADE}}}\n"
    (finding,) = lint_library((template(steps(process(extra=", brings: {mark: grade}"), head=asked)), child))
    assert "'grade' of 'child' is set to 'bogus' there, but 'mark' is a choice of high, low here" in finding.message
