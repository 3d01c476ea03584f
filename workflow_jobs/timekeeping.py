"""What the service does because time passes: timers, absences, pools, effects, changed calendars, and the mark that it
looked.

Belongs here: finding the cases that have something to do, in the order in which it is to be done. What a case then does
is the engine's; who calls, how often and for how long, is the sensors'; how a scan goes on past what failed is
``due_scan``'s.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from resources.people import Directory
from workflow_jobs.calendars import digest_of
from workflow_jobs.case_transactions import CaseTransactions, Change
from workflow_jobs.cases import Observed
from workflow_jobs.due_scan import Page, W, listed, never, work_through
from workflow_jobs.engine import clocks
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.assignment import turn_of
from workflow_jobs.engine.state import CaseState
from workflow_jobs.store import case_rows, due_rows, mark_rows, older_rows, pool_rows
from workflow_jobs.store.due_rows import START, Place

logger = logging.getLogger(__name__)

TIMER_SCAN: Final = "timer_scan"
CALENDARS: Final = "calendars"
SCANS: Final = "due_scans"
CHANGED: Final = "the working calendar changed"
# How often rows are looked for that a process of an older version wrote, beside once after each start.
OLDER_ROWS_EVERY: Final = timedelta(hours=1)


class Timekeeping(CaseTransactions):
    """The commands that no person gives."""

    _leavers_sought_in: Directory | None = None
    _older_rows_sought_at: datetime | None = None

    def fire_due_rungs(self, page: int = 500, *, enough: Callable[[], bool] = never) -> int:
        """Fire every timer that is due: rungs of the ladders, waits and service attempts whose time is over.

        One transaction a case and kind; returns how many rungs fired, waits ended and attempts timed out. A case that
        fails is logged and stops no other; the failures are raised together at the end. Where ``enough`` says that the
        time is over before all was seen, the next call goes on from there; so with all scans of this class.
        """
        fired = 0

        def fire(work: tuple[str, c.Command]) -> None:
            nonlocal fired
            fired += sum(map(_fires, self._moved("fire_due_rungs", *work).events))

        commands: dict[str, c.Command] = {
            "rungs": c.FireRungs(),
            "timers": c.FireTimers(),
            "services": c.TimeOutServices(),
        }
        pages = {kind: self._due_cases(kind, page, command) for kind, command in commands.items()}
        self._scan("fire_due_rungs", pages, fire, enough)
        return fired

    def reassign_absent(self, *, enough: Callable[[], bool] = never) -> int:
        """Ask somebody else wherever the assignee of an open task is away or has left, or nobody could be asked before.

        Returns how many tasks moved. Urgent ones go first, and what waits long before what is new: the first gets who
        has least to do. The cost is that of the tasks of people who are away, not of all that are open; who has left
        is looked for once for each new directory.
        """
        directory = self._directory()
        gone = self._away(directory)
        with reading(self._engine) as connection:
            if directory is not self._leavers_sought_in and len(directory):
                gone += [one for one in case_rows.open_assignees(connection) if one and one not in directory]
            waiting = case_rows.tasks_of_assignees(connection, gone, unassigned=True)
        moved = 0

        def ask(case_id: str) -> None:
            nonlocal moved
            events = self._moved("reassign_absent", case_id, c.ReassignAbsent()).events
            moved += sum(isinstance(event, e.TaskReassigned) for event in events)

        if self._scan("reassign_absent", {"absent": _by_turn(waiting)}, ask, enough):
            self._leavers_sought_in = directory
        return moved

    def hand_out_pools(self, *, enough: Callable[[], bool] = never) -> int:
        """Ask somebody by name wherever a task waited too long to be claimed, urgent and old ones first; how many.

        After each start, and every hour, rows of a process of an older version are set right: they do not say until
        when a task may be claimed, so nobody would ever be given it.
        """
        now = self._clock.now()
        with reading(self._engine) as connection:
            waiting = pool_rows.due_claims(connection, now)
        kinds = {"pools": _by_turn(waiting)}
        if self._older_rows_sought_at is None or now - self._older_rows_sought_at >= OLDER_ROWS_EVERY:
            kinds["older"] = self._older_rows(now)
        moved = 0

        def hand_out(work: tuple[str, str]) -> None:
            nonlocal moved
            kind, case_id = work
            if kind == "older":
                self._set_right(case_id)
                return
            change = self._moved("hand_out_pools", case_id, c.HandOutPool())
            moved += sum(isinstance(event, e.TaskReassigned) for event in change.events)
            if not change.events:
                # Nobody is there to be asked, or the row does not say any more until when people may claim it.
                self._keep_claims([change.after])

        pages = {kind: _of_kind(kind, page) for kind, page in kinds.items()}
        self._scan("hand_out_pools", pages, hand_out, enough)
        return moved

    def _older_rows(self, now: datetime) -> Page[str]:
        """The cases whose rows a process of an older version may have written; at the end they count as sought."""
        with reading(self._engine) as connection:
            found = listed([(Place(START.at, one), one) for one in older_rows.in_question(connection)])

        def look(behind: Place) -> Sequence[tuple[Place, str]]:
            rest = found(behind)
            if not rest:
                self._older_rows_sought_at = now
            return rest

        return look

    def _set_right(self, case_id: str) -> None:
        try:
            state = self.case(case_id)
        except Exception as error:
            error.add_note(f"case {case_id}")
            raise
        self._keep_claims([state])
        with reading(self._engine) as connection:
            right = older_rows.is_right(connection, state)
        if not right:
            self._transaction("older_rows", partial(older_rows.set_right, state=state))

    def judge_due_effects(
        self,
        observe: Callable[[CaseState], Observed],
        snapshot_id: str,
        page: int = 100,
        *,
        enough: Callable[[], bool] = never,
    ) -> int:
        """Look at the figure of every closed case whose effect window is over; how many were judged by it.

        One without a figure of after its window is looked at again a day later.
        """
        judged = 0

        def judge(work: tuple[str, None]) -> None:
            nonlocal judged
            case_id, _ = work
            try:
                found = observe(self.case(case_id))
                command = c.JudgeEffect(observed=found.value, snapshot_id=snapshot_id, as_of=found.as_of)
            except Exception as error:
                error.add_note(f"case {case_id}")
                raise
            events = self._moved("judge_effect", case_id, command, via="sensor").events
            judged += any(isinstance(event, e.EffectJudged) for event in events)

        self._scan("judge_effect", {"effects": self._due_cases("effects", page, None)}, judge, enough)
        return judged

    def _due_cases(self, kind: str, page: int, with_each: W) -> Page[tuple[str, W]]:
        """Pages of the cases that are due, each with what is to be done."""
        now = self._clock.now()

        def look(behind: Place) -> list[tuple[Place, tuple[str, W]]]:
            with reading(self._engine) as connection:
                found = due_rows.due(connection, kind, now, behind, page)
            return [(place, (case_id, with_each)) for place, case_id in found]

        return look

    def _scan(
        self, name: str, kinds: Mapping[str, Page[W]], do: Callable[[W], None], enough: Callable[[], bool]
    ) -> bool:
        """Do what is due, from where the last scan had to stop; whether all was seen. Failures are raised together."""
        with reading(self._engine) as connection:
            mark = mark_rows.read_mark(connection, f"{SCANS}.{name}")
        known: dict[str, Any] = {} if mark is None else json.loads(mark.value)
        begin = {kind: Place(datetime.fromisoformat(at), key) for kind, (at, key) in known.items()}
        seen = work_through(kinds, do, begin=begin, enough=enough)
        left = {kind: [place.at.isoformat(), place.key] for kind, place in seen.left.items()}
        if left != known:
            self._mark(f"{SCANS}.{name}", json.dumps(left), self._clock.now())
        if seen.failures:
            raise ExceptionGroup(f"{name} failed for {len(seen.failures)} case(s)", seen.failures)
        return not left and not begin

    def _moved(self, name: str, case_id: str, command: c.Command, via: str = "timer") -> Change:
        try:
            return self._on_case(name, case_id, command, via=via)
        except Exception as error:
            logger.exception("%s failed for case %s", name, case_id)
            error.add_note(f"case {case_id}")
            raise

    def _keep_claims(self, cases: Iterable[CaseState]) -> None:
        """Write until when tasks may be claimed where their rows say something else: the calendar may have changed."""
        ends = {
            task.task_id: clocks.claim_until(task, self.calendar(task.calendar))
            for case in cases
            for task in case.open_tasks
            if task.pooled and task.assignee is None
        }
        if not ends:
            return
        with reading(self._engine) as connection:
            rows = pool_rows.claims_of(connection, ends)
        moved = {task_id: (was, ends[task_id]) for task_id, was in rows.items() if was != ends[task_id]}
        if moved:
            self._transaction("keep_claims", partial(pool_rows.move_claims, moved=moved))

    def _away(self, directory: Directory) -> list[str]:
        """Who is away on the day on which he works next, or on which the company does."""
        now = self._clock.now()
        # A task's own template may name another calendar than its assignee's; the engine decides by that.
        days = {one.work_date(now) for one in (self._calendar, *self._calendars.values())}
        return [person for person in directory.absences if any(directory.absent_on(person, day) for day in days)]

    def keep_clocks(self, limit: int = 500) -> int:
        """Compute open clocks and waits anew where a calendar, or who follows which, is another than last time; how
        many moved.

        At most ``limit`` cases at a time; the next call goes on where this one ended. Done twice it changes nothing.
        A case that fails is passed over and tried again when all others are done; the failures are raised together.
        """
        directory = self._directory()
        if not len(directory):
            # Nothing was published yet: nobody's calendar is known.
            return 0
        digest = digest_of({**self._calendars, "default": self._calendar}, directory.calendars)
        with reading(self._engine) as connection:
            mark = mark_rows.read_mark(connection, CALENDARS)
            seen: dict[str, Any] = {} if mark is None else json.loads(mark.value)
            doing = seen.get("doing")
            # One that was begun is over only when it is done: taken back half way, it moved the clocks of some cases.
            under_way = bool(seen) and (doing is not None or seen["done"] != digest)
            goes_on = doing == digest or not under_way
            left: list[str] = seen.get("failed", []) if goes_on else []
            if under_way:
                after = seen["after"] if goes_on else ""
                cases = case_rows.open_cases_after(connection, after, limit)
            else:
                cases, left = left[:limit], left[limit:]
        if seen and not under_way and not cases:
            return 0
        changes: list[Change] = []
        failures: list[Exception] = []
        for case_id in cases:
            try:
                changes.append(self._moved("keep_clocks", case_id, c.RecomputeClocks(reason=CHANGED)))
            except Exception as error:  # noqa: BLE001 - raised below, together
                failures.append(error)
                left.append(case_id)
        self._keep_claims(change.after for change in changes)
        value: dict[str, Any] = {"done": digest}
        if under_way and len(cases) == limit:
            value = {"done": seen["done"], "doing": digest, "after": cases[-1]}
        self._mark(CALENDARS, json.dumps(value | ({"failed": left} if left else {})), self._clock.now())
        if failures:
            raise ExceptionGroup(f"keep_clocks failed for {len(failures)} case(s)", failures)
        moved = (e.ClockRecomputed, e.WaitRecomputed)
        return sum(isinstance(event, moved) for change in changes for event in change.events)

    def mark_timer_scan(self, at: datetime) -> None:
        """Note that the timers were looked at, at an instant of the machine's clock."""
        self._mark(TIMER_SCAN, "", at)

    def last_timer_scan(self) -> datetime | None:
        """When the timers were looked at last, by the machine's clock; None before the first time."""
        with reading(self._engine) as connection:
            mark = mark_rows.read_mark(connection, TIMER_SCAN)
        return None if mark is None else mark.at

    def _mark(self, name: str, value: str, at: datetime) -> None:
        def work(connection: Connection) -> None:
            mark_rows.write_mark(connection, name, value, at)

        self._transaction("mark", work)


def _fires(event: e.Event) -> bool:
    """Whether a timer was due: a rung fired, a wait ended, or an attempt timed out."""
    if isinstance(event, e.StepCompleted):
        return event.outcome == "elapsed"
    return isinstance(event, (e.RungFired, e.CaseRungFired, e.ServiceFailed))


def _of_kind(kind: str, page: Page[str]) -> Page[tuple[str, str]]:
    """The same page, each case with what is to be done with it."""
    return lambda behind: [(place, (kind, case_id)) for place, case_id in page(behind)]


def _by_turn(waiting: Iterable[case_rows.Waiting | pool_rows.Unclaimed]) -> Page[str]:
    """The cases of tasks that wait for a person: urgent and old ones first."""
    return listed([(Place(turn_of(one.created_at, one.weight), one.case_id), one.case_id) for one in waiting])
