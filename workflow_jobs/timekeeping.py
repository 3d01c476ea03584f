"""What the service does because time passes: timers, absences, changed calendars, and the mark that it looked.

Belongs here: finding the cases that have something to do, in the order in which it is to be done. What a case then does
is the engine's; who calls, and how often, is the sensors'.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from resources.ops_database import reading
from resources.people import Directory
from workflow_jobs.calendars import digest_of
from workflow_jobs.case_transactions import CaseTransactions
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.assignment import in_order
from workflow_jobs.store import case_rows, mark_rows

TIMER_SCAN: Final = "timer_scan"
CALENDARS: Final = "calendars"
CHANGED: Final = "the working calendar changed"


class Timekeeping(CaseTransactions):
    """The commands that no person gives."""

    _leavers_sought_in: Directory | None = None

    def fire_due_rungs(self, limit: int = 100) -> int:
        """Fire every timer that is due: rungs of the ladders, waits and service attempts whose time is over.

        One transaction a case and kind; returns how many rungs fired, waits ended and attempts timed out. A case that
        fails is logged and does not stop the others; the failures are raised together at the end.
        """
        now = self._clock.now()
        with reading(self._engine) as connection:
            ladders = case_rows.cases_with_due_rungs(connection, now, limit)
            services = case_rows.cases_with_late_services(connection, now, limit)
            timers = case_rows.cases_with_due_timers(connection, now, limit)
        jobs: list[tuple[str, c.Command]] = [(case_id, c.FireRungs()) for case_id in ladders]
        jobs += [(case_id, c.FireTimers()) for case_id in timers]
        jobs += [(case_id, c.TimeOutServices()) for case_id in services]
        events = self._on_each("fire_due_rungs", jobs)
        return sum(
            isinstance(event, (e.RungFired, e.CaseRungFired, e.ServiceFailed))
            or (isinstance(event, e.StepCompleted) and event.outcome == "elapsed")
            for event in events
        )

    def reassign_absent(self) -> int:
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
        ordered = in_order(waiting, lambda one: one.created_at, lambda one: one.weight)
        cases = dict.fromkeys(one.case_id for one in ordered)
        events = self._on_each("reassign_absent", [(case_id, c.ReassignAbsent()) for case_id in cases])
        self._leavers_sought_in = directory
        return sum(isinstance(event, e.TaskReassigned) for event in events)

    def _away(self, directory: Directory) -> list[str]:
        """Who is away on the day on which he works next, or on which the company does."""
        now = self._clock.now()
        # A task's own template may name another calendar than its assignee's; the engine decides by that.
        days = {one.work_date(now) for one in (self._calendar, *self._calendars.values())}
        return [person for person in directory.absences if any(directory.absent_on(person, day) for day in days)]

    def keep_clocks(self, limit: int = 500) -> int:
        """Compute open clocks anew where a calendar, or who follows which, is another than last time; how many moved.

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
        events: list[e.Event] = []
        failures: list[Exception] = []
        for case_id in cases:
            try:
                events += self._on_each("keep_clocks", [(case_id, c.RecomputeClocks(reason=CHANGED))])
            except ExceptionGroup as group:
                failures += group.exceptions
                left.append(case_id)
        value: dict[str, Any] = {"done": digest}
        if under_way and len(cases) == limit:
            value = {"done": seen["done"], "doing": digest, "after": cases[-1]}
        self._mark(CALENDARS, json.dumps(value | ({"failed": left} if left else {})), self._clock.now())
        if failures:
            raise ExceptionGroup(f"keep_clocks failed for {len(failures)} case(s)", failures)
        return sum(isinstance(event, e.ClockRecomputed) for event in events)

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
