"""Plays that between them make every event that there is, for the stored logs that must load for ever.

`python -m tests.log_plays > tests/fixtures/engine_events_v<n>.json` writes them. A fixture is never written again: the
next version of the engine gets a file of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct

from tests.engine_world import Play, human, shipped, small, to_the_end
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import fold
from workflow_jobs.engine.migration import migrate
from workflow_jobs.engine.state import state_to_json
from workflow_jobs.engine.template import load_template
from workflow_jobs.engine.working_time import WorkingCalendar

EVERYTHING = """  - id: shared
    kind: human
    title: {en: Shared, zh: 共享}
    raci: {responsible: buyer, accountable: purchasing_manager}
    sla: P1D
    pool: true
    actions: {release: true}
    outcomes: [{id: ok, title: {en: Ok, zh: 好}}]
  - id: work
    kind: human
    title: {en: Work, zh: 处理}
    raci: {responsible: quality_engineer, accountable: quality_manager, consulted: [buyer]}
    sla: P1D
    ladder: [{at: 50, action: remind, to: assignee, unless: acknowledged}, {at: 100, action: escalate, to: manager}]
    form: [{name: seen, type: text, title: {en: Seen, zh: 见}}]
    actions:
      acknowledge: true
      assign: true
      delegate: true
      add_approver: true
      snooze: {at_most: P2D}
      pauses: [{id: waiting_for_supplier, title: {en: Waiting, zh: 等待}, at_most: P2D}]
    outcomes: [{id: ok, title: {en: Ok, zh: 好}}]
  - id: board
    kind: human
    title: {en: Board, zh: 票签}
    raci: {accountable: ceo}
    sla: P1D
    vote: {voters: [cfo, plant_manager, sales_manager], needed: 2, approves: go, rejects: stop}
    outcomes: [{id: go, title: {en: Go, zh: 同意}}, {id: stop, title: {en: Stop, zh: 否决}, ends_case: stopped}]
  - decision:
      id: pick
      title: {en: Pick, zh: 选}
      accountable: cfo
      rules:
        - {id: fit, when: 'case.breaches > 3', set: {way: short}}
        - {id: other, default: true, set: {way: long}}
  - id: pause
    kind: wait
    title: {en: Pause, zh: 等}
    raci: {accountable: plant_manager}
    until: {clock: P3D}
    signal: go_on
    pauses_case: true
    form: [{name: word, type: text, title: {en: Word, zh: 话}}]
  - fork:
      id: first_wins
      join: any
      branches:
        - - {id: inner, kind: process, title: {en: Inner, zh: 内}, raci: {accountable: cfo}, template: other_process}
        - - id: beside
            kind: human
            title: {en: Beside, zh: 旁}
            raci: {responsible: sales_rep, accountable: sales_manager}
            sla: P2D
            outcomes: [{id: ok, title: {en: Ok, zh: 好}}]
  - id: last
    kind: human
    title: {en: Last, zh: 末}
    raci: {responsible: finance_analyst, accountable: finance_manager}
    sla: PT4H
    ladder: [{at: 100, action: default, to: owner, outcome: ok}]
    outcomes:
      - {id: ok, title: {en: Ok, zh: 好}}
      - {id: again, title: {en: Again, zh: 再}, returns_to: board}
    form: [{name: why, type: text, title: {en: Why, zh: 因}, required: [again]}]
"""
HEAD = (
    "sla: P2D\ncase_ladder: [{at: 100, action: escalate, to: owner}]\nopened_by: [people, rules]\n"
    "learning: {cause: why, remedy: word, rating: true}\n"
)


def everything() -> Play:
    """A case with every kind of step and everything that people do with a task; it ends by its template's default."""
    play = Play(small(EVERYTHING, HEAD)).open(requested_by="o1")
    task = play.task("shared")
    play.do(c.ClaimTask(task_id=task.task_id, task_version=task.version, person_id="b1"))
    task = play.task("shared")
    play.do(c.ReleaseTask(task_id=task.task_id, task_version=task.version, person_id="b1", reason="busy"))
    task = play.task("shared")
    play.do(c.ClaimTask(task_id=task.task_id, task_version=task.version, person_id="b2"))
    play.choose("shared", "ok")
    _work(play)
    for voter, outcome in (("cfo", "go"), ("pm", "stop"), ("sm", "go")):
        _as(play, voter, "board", outcome)
    play.wait(hours=1).do(c.SendSignal(signal="go_on", data={"word": "Yes"}, person_id="pm"))
    refused = play.state.steps["inner"].child_case_id
    assert refused is not None
    play.do(c.RefuseChild(child_case_id=refused, reason="The input limit (Limit) is missing."))
    play.wait(hours=1).choose("inner", "retry")
    child = play.state.steps["inner"].child_case_id
    assert child is not None and child != refused
    play.do(c.EndChild(child_case_id=child, outcome="completed", data={}))
    play.choose("last", "again", why="Something was forgotten")
    for voter in ("cfo", "pm"):
        _as(play, voter, "board", "go")
    play.wait(days=3).do(c.FireTimers())
    play.wait(days=2).do(c.FireTimers())
    play.choose("beside", "ok")
    play.wait(days=3).do(c.FireTimers())
    play.do(c.FireRungs())
    assert play.state.status == "closed", play.state.steps
    play.do(c.RateCase(person_id="b2", score=4, comment="Quick"))
    return play


def _work(play: Play) -> None:
    task = play.task("work")
    who = task.assignee or ""
    play.do(c.Acknowledge(task_id=task.task_id, person_id=who))
    play.do(c.AnswerConsultation(task_id=task.task_id, person_id="b1", text="It is the transport"))
    play.wait(hours=6).do(c.FireRungs())
    task = play.task("work")
    until = play.now + timedelta(hours=20)
    play.do(c.SnoozeTask(task_id=task.task_id, task_version=task.version, person_id=who, until=until, reason="later"))
    play.wait(hours=1).do(c.WakeTask(task_id=task.task_id, person_id=who))
    task = play.task("work")
    play.do(
        c.PauseTask(
            task_id=task.task_id, task_version=task.version, person_id=who, reason_id="waiting_for_supplier",
            until=play.now + timedelta(hours=2),
        )
    )  # fmt: skip
    play.wait(hours=3).do(c.FireRungs())
    _moved(play, "sla: P1D\n    ladder: [{at: 50", "sla: P2D\n    ladder: [{at: 50")
    task = play.task("work")
    other = "q2" if who == "q1" else "q1"
    play.do(c.AssignTask(task_id=task.task_id, task_version=task.version, person_id=who, to=other, reason="yours"))
    task = play.task("work")
    play.do(c.DelegateTask(task_id=task.task_id, task_version=task.version, person_id=other, to="s1", reason="look"))
    play.choose("work", "ok", "s1")
    task = play.task("work")
    play.do(c.AddApprover(task_id=task.task_id, task_version=task.version, person_id=other, to="f1", reason="two see"))
    _as(play, other, "work", "ok", seen="once")
    _as(play, "f1", "work", "ok", seen="twice")


def _as(play: Play, person: str, step: str, outcome: str, **form: str) -> None:
    """Decide the task of the step that this person has."""
    task = next(t for t in play.state.open_tasks if t.step_id == step and t.assignee == person)
    command = c.DecideTask(
        task_id=task.task_id, task_version=task.version, person_id=person, outcome=outcome, form=form
    )
    play.do(command)


def _moved(play: Play, old: str, new: str) -> None:
    """The case goes on by another version of its template."""
    before = play.template
    assert old in before.text
    text = before.text.replace(old, new).replace("version: 1", "version: 2")
    play.template = load_template(text, file="small.yaml")
    events = migrate(play.state, before, play.template, play.now, play.env, "im")
    play.current = fold(play.state, events)
    play.log += events


def withdrawn() -> Play:
    """A case that is taken back while people and a job work on it."""
    play = Play(shipped("supply_exception")).open(case_id="c2", requested_by="o1")
    play.choose("judge", "confirm", impact_amount="30000.00", exception_cause="transport")
    play.choose("supplier", "agreed", delivery_date="2026-12-01", supplier_measure="Air freight")
    play.do(c.FailService(step_id="replan", run_id="r1", error="no memory"))
    play.do(c.WithdrawCase(person_id="bm", reason="Opened twice"))
    return play


def ineffective() -> Play:
    """A case that did not move its figure: reopened once, then handed up."""
    play = to_the_end(Play(shipped("supply_exception")), case_id="c3")
    play.do(c.RecordBreach(observed="0.70", snapshot_id="s2"))
    for round_ in (1, 2):
        play.wait(days=7).do(c.JudgeEffect(observed="0.5", snapshot_id=f"later{round_}"))
        if round_ == 1:
            play.choose("judge", "confirm", impact_amount="1", exception_cause="transport")
            play.choose("supplier", "agreed", delivery_date="2026-12-20", supplier_measure="A second source")
            play.choose("protect", "covered")
            play.do(c.CompleteService(step_id="replan", run_id="r2", result={"work_orders": 1}))
            play.choose("assess", "approve", measure_cost="1", cost_bearer="supplier")
            play.choose("promise", "kept")
    return play


def incident() -> Play:
    """An incident that waits for its cause to go, comes back and ends."""
    both = "  - fork:\n      id: both\n      join: all\n      branches:\n"
    both += f"        - - {human('mend')}\n        - - {human('tell')}\n"
    template = small(both, "closes: on_resolution\nreopens_within: P1D\n")
    play = Play(template).open(case_id="c4", metric="", direction="", observed=None, threshold=None)
    play.choose("mend", "ok")
    play.do(c.ResolveIncident(snapshot_id="s2"))
    play.wait(hours=2).do(c.ReopenIncident(observed=None, snapshot_id="s3"))
    play.choose("tell", "ok")
    play.wait(hours=2).do(c.ResolveIncident(snapshot_id="s4"))
    return play


def moved_waits() -> Play:
    """A case whose clock rests while it waits for a day of the calendar, which is another one meanwhile."""
    wait = "{kind: wait, title: {en: Wait, zh: 等}, raci: {accountable: plant_manager}, pauses_case: true"
    both = "  - fork:\n      id: both\n      join: all\n      branches:\n"
    for name, until in (("span", "working: P3D"), ("date", "date: day")):
        both += f"        - - {wait}, id: {name}, until: {{{until}}}}}\n"
    head = (
        "sla: P5D\nopened_by: [people]\ninputs: [{name: day, type: date, title: {en: Day, zh: 日}, required: true}]\n"
    )
    play = Play(small(f"{both}  - {human('a')}\n", head)).open(
        case_id="c5", requested_by="o1", data={"day": "2026-11-18"}
    )
    days_off = (date(2026, 11, 17), date(2026, 11, 18))
    play.calendars = {"default": WorkingCalendar("CN", days_off=days_off, first_year=2023, last_year=2030)}
    play.wait(hours=1).do(c.RecomputeClocks(reason="the working calendar changed"))
    play.wait(days=8).do(c.FireTimers())
    play.choose("a", "ok")
    return play


def grown() -> Play:
    """A case that becomes a larger one while an added approver is asked about it: the next tier is asked afresh."""
    tiers = "[{when: 'data.amount < 10000.0', responsible: finance_analyst}, {default: true, responsible: cfo}]"
    step = human("approve", extra=f", tiers: {tiers}, actions: {{add_approver: true}}")
    head = "inputs: [{name: amount, type: decimal, title: {en: Amount, zh: 金额}, required: true}]\n"
    steps = f"  - {step.replace('responsible: buyer, accountable', 'accountable', 1)}\n"
    play = Play(small(steps, head)).open(case_id="c6", data={"amount": "500"})
    task = play.task("approve")
    play.do(c.AddApprover(task_id=task.task_id, task_version=1, person_id="f1", to="s1", reason="two see"))
    play.wait(hours=1).choose("approve", "ok", "f1")
    play.wait(hours=1).do(c.RecordBreach(observed="0.5", snapshot_id="s2", data={"amount": "900000"}))
    play.wait(hours=1).choose("approve", "ok", "cfo")
    assert play.state.outcome == "completed"
    return play


def plays() -> tuple[Play, ...]:
    """All of them."""
    return everything(), withdrawn(), ineffective(), incident(), moved_waits(), grown()


def missing(logs: list[list[e.Event]]) -> set[str]:
    """The types of events that none of the logs has."""
    return set(e.EVENT_TYPES) - {type(event).__name__ for log in logs for event in log}


def whole(value: Any) -> Any:
    """A state as plain JSON with every field, as the first versions stored it."""
    if isinstance(value, Struct):
        return {name: whole(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {name: whole(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [whole(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime) else value


def as_far_as(stored: Any, now: Any) -> Any:
    """`now` with only those fields that the stored form had: later versions add some."""
    if isinstance(stored, list) and isinstance(now, list) and len(stored) == len(now):
        return [as_far_as(one, other) for one, other in zip(stored, now, strict=True)]
    if not isinstance(stored, dict):
        return now
    return {name: as_far_as(value, now[name]) for name, value in stored.items()}


if __name__ == "__main__":
    cases = [{"events": [e.to_json(event) for event in p.log], "state": state_to_json(p.state)} for p in plays()]
    json.dump({"cases": cases}, sys.stdout, ensure_ascii=False, indent=1)
