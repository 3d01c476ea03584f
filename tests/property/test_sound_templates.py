"""Random templates that the linter accepts always end; the same with one planted fault are refused where it is."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine_machine import Cases
from tests.engine_templates import random_draft, random_template
from tests.engine_world import JOBS, ROLES, Play
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import TaskState
from workflow_jobs.engine.template import load_template

Entry = dict[str, Any]
Where = tuple[str | int, ...]


def test_whatever_was_chosen_before_a_case_ends_once_people_choose_to_go_on(pytestconfig: pytest.Config) -> None:
    """Any outcomes first, returns and all; then those that lead on. The end comes within the number of its steps."""
    chance = random.Random(3)
    ended: Counter[str] = Counter()
    for _ in range(3000 if pytestconfig.getoption("--soak", default=False) else 60):
        machine = Cases()
        machine.play = Play(random_template(chance)).open(data={"day": "2026-11-18"})
        play = machine.play
        for _ in range(chance.randrange(40)):
            if not play.state.is_open:
                break
            _anything(machine, chance)
        entered = len([event for event in play.log if isinstance(event, e.StepEntered)])
        machine.teardown()
        more = len([event for event in play.log if isinstance(event, e.StepEntered)]) - entered
        assert more <= len(list(play.template.steps)) + sum(1 for _ in _entries(_raw(play)))
        ended[play.state.outcome or play.state.status] += 1
        ended["returned"] += play.state.returns
    assert ended["completed"]
    assert ended["stopped"]
    assert ended["returned"]


def _anything(machine: Cases, chance: random.Random) -> None:
    play = machine.play
    tasks = play.state.open_tasks
    if tasks and chance.random() < 0.7:
        _decide(play, chance.choice(tasks), chance)
    elif play.state.waits:
        play.now = max(play.now, play.state.next_timer_at or play.now)
        play.do(c.FireTimers())
    elif play.state.waiting_services:
        machine.attempt(c.CompleteService(step_id=play.state.waiting_services[0].step_id, run_id="r"))
    else:
        machine.another_case_ends(chance.randrange(9), "completed", 1)


def _decide(play: Play, task: TaskState, chance: random.Random) -> None:
    question = question_of(play.template, task)
    outcome = chance.choice(question.outcomes).id
    typed = {"amount": "60000", f"why_{task.step_id}": "again", "comment": "done"}
    form = {field.name: typed[field.name] for field in question.form if field.required_for(outcome)}
    with contextlib.suppress(Refused):  # he has voted already, or may not decide this one
        who = task.assignee or play.directory.candidates(task.role)[0]
        play.choose(task.step_id, outcome, who, **form)


def _raw(play: Play) -> Entry:
    return dict(json.loads(play.template.text))


def _entries(whole: Entry) -> Iterator[tuple[Where, Entry]]:
    """Every step and block of a template as plain data, with its path."""

    def walk(path: Where, sequence: list[Entry]) -> Iterator[tuple[Where, Entry]]:
        for number, entry in enumerate(sequence):
            here: Where = (*path, number)
            if "fork" in entry:
                yield (*here, "fork"), entry["fork"]
                for branch, inner in enumerate(entry["fork"]["branches"]):
                    yield from walk((*here, "fork", "branches", branch), inner)
            elif "decision" in entry:
                yield (*here, "decision"), entry["decision"]
                for row, rule in enumerate(entry["decision"]["rules"]):
                    yield from walk((*here, "decision", "rules", row, "steps"), rule.get("steps", []))
            else:
                yield here, entry

    yield from walk(("steps",), whole["steps"])


def _wider_join(fork: Entry) -> Where | None:
    fork["join"] = len(fork["branches"]) + 1
    return ("join",)


def _no_default(decision: Entry) -> Where | None:
    decision["rules"][-1] = {**decision["rules"][-1], "when": "data.amount > 1.0"}
    del decision["rules"][-1]["default"]
    return ("rules",)


def _default_first(decision: Entry) -> Where | None:
    decision["rules"].insert(0, {"id": "early", "default": True})
    return ("rules", 0)


def _unknown_field(decision: Entry) -> Where | None:
    decision["rules"][0]["when"] = "data.nowhere > 1.0"
    return ("rules", 0, "when")


def _returns_to_itself(step: Entry) -> Where | None:
    step["outcomes"].append({"id": "again", "title": step["title"], "returns_to": step["id"]})
    step["form"] = [*step.get("form", []), {"name": "z", "type": "text", "title": step["title"], "required": ["again"]}]
    return ("outcomes", len(step["outcomes"]) - 1, "returns_to")


def _only_returns(step: Entry) -> Where | None:
    if not any("returns_to" in outcome for outcome in step["outcomes"]):
        return None
    step["outcomes"] = [outcome for outcome in step["outcomes"] if "returns_to" in outcome]
    return ("outcomes",)


def _nobody(step: Entry) -> Where | None:
    step["raci"]["accountable"] = "wizard"
    return ("raci", "accountable")


def _no_reason(step: Entry) -> Where | None:
    found = [number for number, outcome in enumerate(step["outcomes"]) if "returns_to" in outcome]
    if not found:
        return None
    step["form"] = []
    return ("outcomes", found[0], "returns_to")


def _no_job(step: Entry) -> Where | None:
    step["job"] = "nowhere"
    return ("job",)


def _no_date(step: Entry) -> Where | None:
    step["until"] = {"date": "note"}
    return ("until", "date")


def _nothing_to_pass(step: Entry) -> Where | None:
    step["passes"] = {"x": "nowhere"}
    return ("passes", "x")


FAULTS: dict[str, tuple[Callable[[Entry], Where | None], ...]] = {
    "fork": (_wider_join,),
    "decision": (_no_default, _default_first, _unknown_field),
    "human": (_returns_to_itself, _only_returns, _nobody, _no_reason),
    "service": (_no_job, _nobody),
    "wait": (_no_date, _nobody),
    "process": (_nothing_to_pass, _nobody),
}


def test_a_planted_fault_is_found_at_its_line_and_step(pytestconfig: pytest.Config) -> None:
    chance = random.Random(5)
    planted: Counter[str] = Counter()
    for _ in range(2000 if pytestconfig.getoption("--soak", default=False) else 25):
        sound = random_draft(chance)
        entries = list(enumerate(_entries(sound)))
        for number, (path, entry) in chance.sample(entries, min(4, len(entries))):
            kind = entry.get("kind") or ("fork" if "branches" in entry else "decision")
            fault = chance.choice(FAULTS[kind])
            whole = copy.deepcopy(sound)
            inside = fault(list(_entries(whole))[number][1])
            if inside is None:
                continue
            text = json.dumps(whole, indent=1)  # JSON is YAML, with a line for each key
            template = load_template(text, file="random.yaml")
            findings = lint(template, ROLES, JOBS)
            line = template.line(*path, *inside)
            assert any((f.line, f.step) == (line, entry["id"]) for f in findings), (fault.__name__, line, findings)
            planted[fault.__name__] += 1
    assert planted.keys() == {fault.__name__ for kind in FAULTS.values() for fault in kind}
