"""Past cases played on another version of their template, before it goes live: what would have gone another way. Pure.

From a log the things that happened from outside are taken at their times: decisions of people, results of jobs,
signals, pauses, figures. They are played on both versions with the people and calendars of today, so that only the
template makes a difference; timers fire as they did, late ones late (`past_moments`). Who of several holders of a role
was asked, hand-overs and advice are not compared: they depend on the day's load, not on the template.

Where the play on the old version is not what happened (other people or calendars today), a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from workflow_jobs.engine import events as e
from workflow_jobs.engine.environment import Environment
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.past_course import Course
from workflow_jobs.engine.refusal import EngineError
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind` is path, tier, roles, due or outcome; `before` and `after` say it for the old and the new version."""

    kind: str
    step: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """A past case on two versions. `stopped` says where the old decisions lead no further on the new one, and why."""

    case_id: str
    differences: tuple[Difference, ...]
    stopped: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the case would have gone the same way."""
        return not self.differences and not self.stopped


def replay_case(
    log: Sequence[e.Event], old: Template, new: Template, environment: Callable[[Template], Environment]
) -> Replayed:
    """Play a case's log on both versions and compare. Raises EngineError for a log that does not begin a case."""
    if not log or not isinstance(log[0], e.CaseOpened):
        raise EngineError("a log starts with CaseOpened")
    courses = []
    for template in (old, new):
        course = Course(environment(template), log)
        course.play()
        courses.append(course)
    before, after = courses
    if after.current is None or before.current is None:
        return Replayed(log[0].case_id, (), tuple(after.stopped or before.stopped))
    ways = [_Way(course.events, course.current) for course in courses if course.current is not None]
    told = set(before.stopped)
    stopped = [one for one in (*after.stopped, *after.left()) if one not in told and one not in before.left()]
    notes = [f"on the old version too: {one}" for one in (*before.stopped, *before.left())]
    notes += _not_as_it_happened(log, ways[0])
    return Replayed(log[0].case_id, tuple(_differences(*ways)), tuple(stopped), (*notes, *after.notes))


@dataclass(frozen=True, slots=True)
class _Way:
    """How a case went: what happened, and what it came to."""

    events: Sequence[e.Event]
    state: CaseState


def _not_as_it_happened(log: Sequence[e.Event], played: _Way) -> Iterator[str]:
    """Where the play on the old version differs from the log itself; not said of a case that was moved in between."""
    if any(isinstance(event, e.TemplateMigrated) for event in log):
        return
    for one in _differences(_Way(log, replay(log)), played):
        where = f"step {one.step}, " if one.step else ""
        yield f"played again, the old version is not what happened: {where}{one.kind}: {one.before}, now {one.after}"


def _differences(before: _Way, after: _Way) -> Iterator[Difference]:
    paths = [_path(way.events) for way in (before, after)]
    for step in (one for one in paths[0] if one not in paths[1]):
        yield Difference("path", step, "done", "not reached")
    for step in (one for one in paths[1] if one not in paths[0]):
        yield Difference("path", step, "not there", "reached")
    common = [[one for one in path if one in paths[0] and one in paths[1]] for path in paths]
    if common[0] != common[1]:
        yield Difference("path", "", " > ".join(common[0]), " > ".join(common[1]))
    tasks = [_tasks(way.events) for way in (before, after)]
    for key in (key for key in tasks[0] if key in tasks[1]):
        old, new = tasks[0][key], tasks[1][key]
        if old.tier != new.tier:
            yield Difference("tier", old.step_id, _tier(old), _tier(new))
        if (old.role, old.accountable) != (new.role, new.accountable):
            yield Difference("roles", old.step_id, f"{old.role}, {old.accountable}", f"{new.role}, {new.accountable}")
        if old.due_at != new.due_at:
            yield Difference("due", old.step_id, old.due_at.isoformat(), new.due_at.isoformat())
    for step in common[0]:
        outcomes = [way.state.steps[step].outcome or way.state.steps[step].status for way in (before, after)]
        if outcomes[0] != outcomes[1]:
            yield Difference("outcome", step, outcomes[0], outcomes[1])
    ends = [way.state.outcome or way.state.status for way in (before, after)]
    if ends[0] != ends[1]:
        yield Difference("outcome", "", ends[0], ends[1])


def _path(events: Sequence[e.Event]) -> list[str]:
    """Steps in the order in which they were first entered, forks left out."""
    return list(dict.fromkeys(ev.step_id for ev in events if isinstance(ev, e.StepEntered) and ev.kind != "fork"))


def _tasks(events: Sequence[e.Event]) -> dict[tuple[str, str, int], e.TaskCreated]:
    """Tasks by step, purpose and how many of these came before."""
    found: dict[tuple[str, str, int], e.TaskCreated] = {}
    for event in events:
        if isinstance(event, e.TaskCreated):
            number = sum(key[:2] == (event.step_id, event.purpose) for key in found)
            found[event.step_id, event.purpose, number] = event
    return found


def _tier(task: e.TaskCreated) -> str:
    return "no tier" if task.tier is None else f"tier {task.tier + 1}"
