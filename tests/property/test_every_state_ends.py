"""Small templates that the linter accepts, searched completely: from every state that can be reached, an end can be."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from typing import Any

import pytest

from tests.engine_templates import random_draft, sound
from tests.engine_world import Play, calendar, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.children import waiting_for
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.template import Template

MOST_STATES = 400
DAY = "2026-11-18"
WHY = ", form: [{name: why, type: text, title: {en: T, zh: 题}, required: [back]}]"
Graph = dict[Hashable, set[Hashable]]


def plain(entry: Any) -> Any:
    """The draft with one person for each step and without a clock: the way through the blocks is what is searched."""
    if isinstance(entry, dict):
        without = ("vote", "pool", "separate_from", "ladder", "actions")
        return {key: plain(value) for key, value in entry.items() if key not in without}
    return [plain(one) for one in entry] if isinstance(entry, list) else entry


def key(play: Play) -> Hashable:
    """What decides what can come: where each step stands, what the case knows, which wait is over first, and whether
    the day for which some wait has come.
    """
    state = play.state
    steps = tuple((s.step_id, s.status, s.outcome, s.joined, s.started, s.attempt) for s in state.steps.values())
    known = tuple(sorted(map(str, state.data.items())))
    waits = tuple(s.step_id for s in sorted(state.waits, key=lambda s: (s.wake_at or play.now, s.step_id)))
    come = play.now.astimezone(calendar().time_zone).date().isoformat() >= DAY
    return state.status, state.awaiting_resolution, tuple(sorted(steps)), known, waits, come


def moves(play: Play) -> Iterator[c.Command]:
    """Everything that may happen next: each choice of each person, each job, wait, and other case."""
    state = play.state
    for task in state.open_tasks:
        question = question_of(play.template, task)
        for outcome in question.outcomes:
            typed = {"amount": "60000", f"why_{task.step_id}": "again", "comment": "done"}
            form = {f.name: typed.get(f.name, "text") for f in question.form if f.required_for(outcome.id)}
            yield c.DecideTask(
                task_id=task.task_id,
                task_version=task.version,
                person_id=task.assignee or "",
                outcome=outcome.id,
                form=form,
            )
    for step in state.steps.values():
        if step.status != "active":
            continue
        if step.kind == "service":
            yield c.CompleteService(step_id=step.step_id, run_id="r")
            yield c.FailService(step_id=step.step_id, run_id=f"f{state.seq}", error="x")
        elif step.kind == "process" and step.child_case_id and waiting_for(state, step.child_case_id):
            yield c.EndChild(child_case_id=step.child_case_id, outcome="completed")
            yield c.RefuseChild(child_case_id=step.child_case_id, reason="x")
        elif step.kind == "wait":
            yield c.FireTimers()
            if step.signal:
                yield c.SendSignal(signal=step.signal)


def explore(template: Template) -> tuple[Graph, set[Hashable]] | None:
    """All states that can be reached, with what follows each, and those that are an end; None where there are many."""
    first = Play(template, directory=people()).open(data={"day": DAY})
    begin = key(first)
    graph: Graph = {begin: set()}
    ended: set[Hashable] = set()
    waiting = [first]
    while waiting:
        play = waiting.pop()
        here = key(play)
        if not play.state.is_open or play.state.awaiting_resolution:
            ended.add(here)
            continue
        for command in moves(play):
            then = Play(template, now=play.now, directory=play.directory, current=play.state)
            if isinstance(command, c.FireTimers):
                # Not the next timer: that may be a rung of the case's own ladder, which leads nowhere.
                then.now = max(then.now, min(step.wake_at or then.now for step in play.state.waits))
            then.do(command)
            there = key(then)
            graph[here].add(there)
            if there not in graph:
                graph[there] = set()
                waiting.append(then)
                if len(graph) > MOST_STATES:
                    return None
    return graph, ended


def leads_to(graph: Graph, ends: set[Hashable]) -> set[Hashable]:
    """The states from which one of the ends can be reached."""
    found = set(ends)
    while True:
        more = {state for state, following in graph.items() if state not in found and following & found}
        if not more:
            return found
        found |= more


def test_from_every_reachable_state_an_end_can_be_reached(pytestconfig: pytest.Config) -> None:
    chance = random.Random(2)
    wanted = 400 if pytestconfig.getoption("--soak", default=False) else 12
    searched = states = 0
    while searched < wanted:
        draft = plain(random_draft(chance))
        draft["steps"] = draft["steps"][: chance.randint(2, 4)]
        explored = explore(sound(draft))
        if explored is None:
            continue
        graph, ends = explored
        assert ends
        assert graph.keys() - leads_to(graph, ends) == set()
        searched += 1
        states += len(graph)
    assert states > 10 * searched


@pytest.mark.parametrize("fault", ["only_returns", "join"])
def test_the_search_sees_what_the_linter_refuses(fault: str) -> None:
    """The search is no ornament: of templates that hang it finds states without an end, and the linter refuses them."""
    title = "{en: T, zh: 题}"
    back = human("b", outcomes=f"[{{id: back, title: {title}, returns_to: a}}]", extra=WHY)
    fork = f"fork: {{id: f, join: all, branches: [[{human('x')}], [{back}]]}}"
    template = small(f"- {human('a')}\n- {back if fault == 'only_returns' else fork}\n")
    explored = explore(template)
    assert explored is not None
    graph, ends = explored
    assert graph.keys() - leads_to(graph, ends)
    assert lint(template)
