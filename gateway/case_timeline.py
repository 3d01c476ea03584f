"""What happened to a case, in sentences; its decisions; and the ledger of its clocks. From the log as a reader sees it.

Everything is read from the governed log (GovernedCases.events), so that what a reader may not see is not in it. An
event that has no words here is told by its name, with its step, person and outcome.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.case_words import CaseWords
from gateway.words import text
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.votes import not_yet_agreed
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.sla_clock import light_of, used_share
from workflow_jobs.slack.incident_lines import COUNTED
from workflow_jobs.timekeeping import CHANGED

# What other events say already.
_SILENT = frozenset({"StepEntered", "StepCompleted"})
_MAJOR = frozenset(
    {"CaseOpened", "TaskDecided", "CaseClosed", "CaseReopened", "EffectJudged", "RungFired", "CaseReturned",
     "CaseWithdrawn", "DefaultTaken", "CaseRungFired"}
)  # fmt: skip
_DETAILS = ("reason", "note", "error", "comment", "text")
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One line of the timeline."""

    at: datetime
    sentence: str
    detail: str
    major: bool


@dataclass(frozen=True)
class Decision:
    """A decision with what was entered; ``instead_of`` is whom the decider acted for. ``pending``: others have not
    agreed yet, so what was entered is not the case's.
    """

    at: datetime
    step: str
    outcome: str
    person: str
    instead_of: str
    late: bool
    entries: tuple[tuple[str, str], ...]
    pending: bool = False


@dataclass
class Clock:
    """One task's working time: agreed, used, what paused it and which rungs fired. ``lines`` are in words."""

    step: str
    person: str
    agreed: str
    used: str
    percent: int
    light: str
    started: datetime
    due: datetime
    ended: datetime | None
    confirmed: bool
    paused: str
    paused_until: datetime | None
    lines: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Pause:
    """One pause of a clock: of a task, or of the ``whole`` case. ``rested`` is working time, in words; ``why_ended``
    is empty while it rests, and where the time that was asked for was over.
    """

    step: str
    reason: str
    person: str
    began: datetime
    ended: datetime | None
    rested: str
    whole: bool
    why_ended: str = ""


class Story:
    """A case's log told in words."""

    def __init__(
        self, state: CaseState, template: Template | None, events: Sequence[Event], words: CaseWords, now: datetime
    ) -> None:
        self._state, self._template, self._events = state, template, events
        self._words, self._now = words, now

    def timeline(self) -> list[Told]:
        """Everything that happened, oldest first."""
        return [self._told(event) for event in self._events if self._is_told(event)]

    def decisions(self) -> list[Decision]:
        """Every decision, oldest first."""
        return [self._decision(event) for event in self._events if event["type"] == "TaskDecided"]

    def clocks(self) -> list[Clock]:
        """The clock of the whole case, where it has one, and of every task, in the order in which they began."""
        clocks = {task.task_id: self._clock(task) for task in self._state.tasks.values()}
        for event in self._events:
            clock = clocks.get(str(event.get("task_id")))
            line = _LEDGER.get(event["type"])
            if clock is not None and line is not None:
                anew = _version(event) if event["type"] == "ClockRecomputed" else ""
                said = self._words.t(f"ledger_{event['type']}{_resting(event)}{anew}", **self._values(event))
                detail = str(event.get("reason") or "")
                if not (event.get("person_id") or event.get("by")):
                    detail = self._words.engine(detail)
                clock.lines.append((_at(event), f"{said} {detail}".strip()))
        whole = self._case_clock()
        return [*([whole] if whole is not None else []), *clocks.values()]

    def pauses(self) -> list[Pause]:
        """Every pause of a clock, oldest first. Reasons in a person's own words are those of the log as it is seen."""
        own = {str(e["at"]): str(e.get("reason") or "") for e in self._events if e["type"] == "TaskPaused"}
        endings = self._ends_of_pauses()
        return [
            Pause(
                step=self._words.step(self._template, one.step_id),
                reason=self._words.t("pause_waits")
                if one.task_id is None
                else self._words.pause(self._template, one.step_id, one.reason_id)
                or own.get(one.began_at.isoformat(), ""),
                person=self._words.person(one.person_id),
                began=one.began_at,
                ended=one.ended_at or endings[number][0],
                rested=self._words.working(timedelta(seconds=one.working_seconds), self._calendar_of(one.task_id)),
                whole=one.task_id is None,
                why_ended=self._words.t(f"pause_{endings[number][1]}") if endings[number][1] else "",
            )
            for number, one in enumerate(self._state.ledger)
        ]

    def _calendar_of(self, task_id: str | None) -> WorkingCalendar:
        """The calendar of a task's clock, or of the clock of the case."""
        task = self._state.tasks.get(task_id or "")
        return self._words.calendar if task is None else self._words.calendar_of(task)

    def _ends_of_pauses(self) -> list[tuple[datetime | None, str]]:
        """For each line of the ledger when and why its pause ended, by the log. Logs of earlier versions withdraw a
        task that rests without a word about its rest.
        """
        found: list[tuple[datetime | None, str]] = []
        under_way: dict[object, int] = {}
        for event in self._events:
            clock = event.get("task_id")
            if event["type"] in ("TaskPaused", "CasePaused"):
                under_way[clock] = len(found)
                found.append((None, ""))
            elif event["type"] in ("TaskResumed", "CaseResumed", "TaskCancelled") and clock in under_way:
                why = "withdrawn" if event["type"] == "TaskCancelled" else str(event.get("because") or "")
                found[under_way.pop(clock)] = (_at(event), why if why in _ENDED_BEFORE else "")
        return found

    def _case_clock(self) -> Clock | None:
        state, words = self._state, self._words
        if state.due_at is None or not state.sla_seconds:
            return None
        # The due time of a case moves when its rest is over, not, as a task's, when it begins.
        end = state.paused_at or state.closed_at or self._now
        agreed = timedelta(seconds=state.sla_seconds)
        share = max(0.0, 1.0 - words.calendar.working_between(end, state.due_at) / agreed)
        lines = [
            (_at(event), words.t(f"event_{event['type']}", **self._values(event)))
            for event in self._events
            if event["type"] in ("CaseRungFired", "CasePaused", "CaseResumed")
        ]
        return Clock(
            step=words.t("case_whole"),
            person="",
            agreed=words.working(agreed),
            used=words.working(agreed * share),
            percent=int(share * 100),
            light=light_of(share, overdue=state.due_at < end),
            started=state.opened_at,
            due=state.due_at,
            ended=state.closed_at,
            confirmed=state.calendar_confirmed,
            paused=words.working(timedelta(seconds=state.paused_seconds)) if state.paused_seconds else "",
            paused_until=state.paused_until,
            lines=lines,
        )

    def _is_told(self, event: Event) -> bool:
        kind = event.get("kind")
        return event["type"] not in _SILENT or kind == "fork" or event.get("outcome") == "joined"

    def _told(self, event: Event) -> Told:
        key = f"event_{self._variant(event)}"
        values = self._values(event)
        sentence = text(self._words.language, key, **values)
        if sentence == key:
            parts = [str(values[key]) for key in ("step", "who", "outcome")]
            name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", event["type"]).capitalize()
            sentence = ": ".join([name, *([", ".join(filter(None, parts))] if any(parts) else [])])
        return Told(_at(event), sentence, self._detail(event), event["type"] in _MAJOR)

    def _detail(self, event: Event) -> str:
        """What a person wrote, as it is; what the engine wrote, in the reader's words."""
        if event["type"] == "TaskCreated":
            # Why this person was chosen is kept in English only.
            return str(event.get("assigned_because") or "") if self._words.language == "en" else ""
        if event["type"] == "CasePaused":
            return ""
        if event["type"] == "BreachRecorded":
            changed = [words for key, words in _CHANGED.items() if key in (event.get("data") or {})]
            return ", ".join(self._words.t(words) for words in changed)
        if event["type"] in ("CaseReopened", "EffectEscalated"):
            judged = (one for one in self._events if one["type"] == "EffectJudged" and one["at"] == event["at"])
            observed = next((str(one["observed"]) for one in judged if one.get("observed") is not None), None)
            if observed is not None:
                return self._words.missed_effect(self._state, self._template, observed)
        detail = next((str(event[key]) for key in _DETAILS if event.get(key)), "")
        return detail if event.get("person_id") else self._words.engine(detail)

    def _variant(self, event: Event) -> str:
        chosen = _VARIANTS.get(event["type"])
        return f"{event['type']}{chosen(event)}" if chosen is not None else str(event["type"])

    def _values(self, event: Event) -> dict[str, object]:
        words, task = self._words, self._state.tasks.get(str(event.get("task_id")))
        named = (event.get(key) for key in ("step_id", "fork_id", "from_step"))
        step_id = next((str(one) for one in named if one), task.step_id if task is not None else "")
        who = next((event[key] for key in ("person_id", "to_person", "assignee", "by") if event.get(key)), None)
        if event["type"] == "CaseOpened":
            who = event.get("requested_by")
        other = event.get("acting_for") or event.get("previous") or event.get("requested_by")
        if event["type"] == "TaskClaimed":
            other = event.get("substitute_for")
        until = event.get("until") or event.get("due_at") or event.get("timeout_at") or event.get("wake_at")
        ending = event["type"] == "CaseClosed" or not step_id
        outcome = event.get("outcome")
        ended = words.ending(outcome, self._template) if ending else words.outcome(self._template, step_id, outcome)
        return {
            "who": words.person(who) or (words.role(str(event["role"])) if event.get("role") else words.t("nobody")),
            "other": words.person(other) or words.t("nobody"),
            "by": words.person(event.get("by")) or words.t("nobody"),
            "step": words.step(self._template, step_id) if step_id else "",
            "outcome": ended,
            "until": words.instant(datetime.fromisoformat(str(until))) if until else "",
            "value": words.figure(self._state.metric, event.get("observed")) if self._state.metric else "–",
            "rule": self._state.rule_id,
            "percent": event.get("percent", ""),
            "job": event.get("job", ""),
            "attempt": event.get("attempt", ""),
            "count": event.get("breaches") or event.get("reopened") or event.get("branches") or "",
            "branch": int(event.get("branch") or 0) + 1,
            "remaining": event.get("remaining", ""),
            "case": event.get("joined", ""),
            "signal": str(event.get("signal") or "").replace("_", " "),
            "rules": ", ".join(words.rules(self._template, step_id, event.get("rules") or ())),
            "child": event.get("child_case_id", ""),
            "target": words.step(self._template, str(event["to_step"])) if event.get("to_step") else "",
            "target_person": words.person(event.get("to")) or words.t("nobody"),
            "approvals": event.get("approvals", ""),
            "rejections": event.get("rejections", ""),
            "needed": event.get("needed", ""),
            "voters": event.get("voters", ""),
            "score": event.get("score", ""),
            "stated": words.pause(self._template, step_id, str(event.get("reason_id") or "")) or words.t("a_reason"),
            "rung": words.t(f"rung_{event['action']}") if event.get("action") else "",
            "to": self._recipient(event),
        }

    def _recipient(self, event: Event) -> str:
        if event.get("to_person"):
            return self._words.person(str(event["to_person"]))
        if event.get("to") == "department":
            return self._words.t("rung_department" if event.get("channel") != "" else "rung_no_channel")
        return self._words.role(str(event["to"]).removeprefix("role:")) if event.get("to") else ""

    def _decision(self, event: Event) -> Decision:
        values = self._values(event)
        entries = self._words.entries(self._template, event.get("form") or {}, str(event["step_id"]))
        task = self._state.tasks.get(str(event["task_id"]))
        instead = self._words.person(event.get("acting_for")) if event.get("acting_for") else ""
        return Decision(
            at=_at(event),
            step=str(values["step"]),
            outcome=str(values["outcome"]),
            person=str(values["who"]),
            instead_of=instead,
            late=bool(event.get("late")),
            entries=tuple(entries),
            pending=task is not None and not_yet_agreed(self._state, task),
        )

    def _clock(self, task: TaskState) -> Clock:
        words = self._words
        agreed = timedelta(seconds=task.sla_seconds)
        calendar = words.calendar_of(task)
        share = used_share(task, self._now, calendar)
        ended = task.decided_at or task.closed_at
        overdue = task.due_at < (ended or self._now)
        return Clock(
            step=words.step(self._template, task.step_id),
            person=words.person(task.assignee) or words.role(task.role),
            agreed=words.working(agreed, calendar),
            used=words.working(agreed * share, calendar),
            percent=int(share * 100),
            light=light_of(share, overdue=overdue),
            started=task.created_at,
            due=task.due_at,
            ended=ended,
            confirmed=task.calendar_confirmed,
            paused=words.working(timedelta(seconds=task.paused_seconds), calendar) if task.paused_seconds else "",
            paused_until=task.paused_until,
        )


def _resting(event: Event) -> str:
    """A task that is withdrawn rests no longer, and its clock does not run again either. A clock that is stopped for a
    stated reason is no snooze.
    """
    if event["type"] == "TaskPaused":
        return "_stated" if event.get("reason_id") else ""
    return "_withdrawn" if event["type"] == "TaskResumed" and event.get("because") == "withdrawn" else ""


def _version(event: Event) -> str:
    """What is computed anew is so by a changed calendar, or by another version of the template."""
    return "" if event.get("reason") in (None, "", CHANGED) else "_version"


_LEDGER_EVENTS = (
    "TaskPaused", "TaskResumed", "RungFired", "RungSkipped", "TaskReassigned", "TaskClaimed", "TaskReleased",
    "ClockRecomputed", "DefaultTaken",
)  # fmt: skip
_LEDGER = dict.fromkeys(_LEDGER_EVENTS, True)
# What of an incident may have changed, in words.
_CHANGED: Mapping[str, str] = {
    "failed": "incident_failed",
    "held": "incident_held",
    "symptoms": "incident_symptoms",
    "as_of": "changed_as_of",
}
# Why a pause ended before the time that was asked for.
_ENDED_BEFORE = ("woken", "decided", "withdrawn")
_EFFECTS: Mapping[bool | None, str] = {True: "_yes", False: "_no", None: "_unknown"}


def _unmeasured(event: Event) -> str:
    """Incidents, and whatever else is about no figure."""
    return "_unmeasured" if event.get("observed") is None else ""


def _seen_again(event: Event) -> str:
    """What fails now differs from what failed before; runs and sensors count how often they failed."""
    counted = str(event.get("snapshot_id") or "").startswith(COUNTED)
    return "_changed" if event.get("observed") is None and event.get("data") and not counted else _unmeasured(event)


# Events whose words depend on what they say.
_VARIANTS: Mapping[str, Callable[[Event], str]] = {
    "CaseOpened": lambda event: "_asked" if event.get("requested_by") else _unmeasured(event),
    "BreachRecorded": _seen_again,
    "CaseClosed": lambda event: "_joined" if event.get("joined") else "",
    "EffectJudged": lambda event: _EFFECTS[event.get("effective")],
    "TaskDecided": lambda event: "_for" if event.get("acting_for") else "",
    "TaskReassigned": lambda event: "_by" if event.get("by") else "",
    "TaskClaimed": lambda event: "_for" if event.get("substitute_for") else "",
    "TaskResumed": _resting,
    "StepEntered": lambda event: "_fork",
    "WaitStarted": lambda event: "_signal" if event.get("signal") else "",
    "SignalReceived": lambda event: "_by" if event.get("person_id") else "",
    "ClockRecomputed": lambda event: ("" if event.get("task_id") else "_case") + _version(event),
    "WaitRecomputed": _version,
    "StepCompleted": lambda event: "_joined",
    "TaskPaused": _resting,
}


def _at(event: Event) -> datetime:
    return datetime.fromisoformat(str(event["at"]))
