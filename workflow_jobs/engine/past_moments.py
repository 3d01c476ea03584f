"""What a past case's log tells of its moments: when something came from outside, and when its timers were looked at.

Belongs here: reading the log. What is done with it on another version of the template is `past_course`.

A timer fires when somebody looks, not when it is due, and what comes in between comes first: who decides after the due
time and before the look decides still. So a log tells two things about looks: those at which timers fired, and, by
timers that were due and had not fired, from when on nobody had looked. Where it tells nothing, timers are taken to have
been looked at all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import evolve
from workflow_jobs.engine.state import CaseState

Kind = Literal["outside", "rungs", "timers", "end"]


@dataclass(frozen=True, slots=True)
class Moment:
    """`kind`: outside (`event` came), rungs or timers (ladders of tasks, or waits and the case's ladder, were looked
    at), end (the log says no more). `no_rungs_since` and `no_timers_since`: from when on nobody had looked at these
    before; None: it was not long ago.
    """

    kind: Kind
    at: datetime
    event: e.Event
    no_rungs_since: datetime | None
    no_timers_since: datetime | None


# What happens to a task that is passed on; what happens in passing is played where there is such a task.
HAND_OVERS: Final[frozenset[type[e.Event]]] = frozenset(
    {e.TaskReassigned, e.TaskClaimed, e.TaskReleased, e.TaskDelegated, e.TaskAdvised}
)
IN_PASSING: Final[frozenset[type[e.Event]]] = HAND_OVERS | {
    e.TaskAcknowledged,
    e.TaskPaused,
    e.TaskResumed,
    e.ApproverAdded,
    e.ChildRefused,
}
_FROM_OUTSIDE: Final[frozenset[type[e.Event]]] = IN_PASSING | {
    e.TaskDecided,
    e.ServiceCompleted,
    e.ServiceFailed,
    e.SignalReceived,
    e.ChildEnded,
    e.CaseWithdrawn,
    e.BreachRecorded,
    e.CaseClosed,
    e.EffectJudged,
    e.EffectDue,
}
# Events of the same command that come before the one that says what the command was.
_BEFORE: Final[dict[type[e.Event], tuple[type[e.Event], ...]]] = {
    e.TaskDecided: (e.TaskResumed,),
    e.TaskPaused: (e.RungFired, e.RungSkipped, e.TaskReassigned),
    e.CaseClosed: (e.TaskResumed, e.TaskCancelled, e.StepCancelled, e.CaseResumed),
    e.BreachRecorded: (e.CaseReopened, e.CaseResumed),
    e.ServiceCompleted: (e.TaskCancelled,),
    e.StepCompleted: (e.CaseResumed,),
}
_RUNGS: Final = (e.RungFired, e.RungSkipped)


def moments(log: Sequence[e.Event]) -> Iterator[Moment]:
    """The moments of a log after its first event, in the order of the log, and its end."""
    states: list[CaseState] = []
    for event in log:
        states.append(evolve(states[-1] if states else None, event))
    earlier = log[0].at
    for index in range(1, len(log)):
        kind = _kind(log, states, index)
        if kind is not None:
            first = index
            while first > 1 and _of_one_command(log[first - 1], log[index]):
                first -= 1
            yield _moment(kind, log[index], states[first - 1], earlier)
            earlier = log[index].at
    yield _moment("end", log[-1], states[-1], earlier)


def _of_one_command(earlier: e.Event, event: e.Event) -> bool:
    if earlier.at != event.at or not isinstance(earlier, _BEFORE.get(type(event), ())):
        return False
    return not isinstance(earlier, e.TaskResumed) or earlier.because in ("decided", "withdrawn")


def _moment(kind: Kind, event: e.Event, before: CaseState, earlier: datetime) -> Moment:
    def since(due: datetime | None) -> datetime | None:
        return None if due is None or due > event.at else max(due, min(earlier, event.at))

    return Moment(kind, event.at, event, since(before.next_rung_at), since(before.next_timer_at))


def _kind(log: Sequence[e.Event], states: Sequence[CaseState], index: int) -> Kind | None:
    event, before = log[index], log[index - 1]
    match event:
        case e.RungFired() | e.RungSkipped():
            # What is due fires also before a rest begins: of this task alone, and as part of that command.
            return None if isinstance(_behind(log, index), e.TaskPaused) else "rungs"
        case e.CaseRungFired():
            return None if isinstance(_behind(log, index), e.CasePaused) else "timers"
        case e.StepCompleted(outcome="elapsed") if states[index - 1].steps[event.step_id].kind == "wait":
            over_at_once = isinstance(before, e.WaitStarted) and before.wake_at <= before.at
            return None if over_at_once else "timers"
        case e.TaskResumed():
            return {"over": "rungs", "woken": "outside"}.get(event.because)  # type: ignore[return-value]
        case e.TaskReassigned() if isinstance(before, e.RungFired) and before.action == "reassign":
            return None
        case e.CaseClosed() if event.outcome not in ("resolved", "joined"):
            return None
        case e.EffectDue() if event.attempt == 1:
            return None
    return "outside" if type(event) in _FROM_OUTSIDE else None


def _behind(log: Sequence[e.Event], index: int) -> e.Event | None:
    """The first event of the same instant behind the rungs of this one's clock and what they did to it."""
    first = log[index]
    clock = getattr(first, "task_id", None)
    for event in log[index + 1 :]:
        if event.at != first.at or getattr(event, "task_id", None) != clock:
            return None
        if not isinstance(event, (*_RUNGS, e.CaseRungFired, e.TaskReassigned)):
            return event
    return None
