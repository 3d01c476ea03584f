"""What the service does because time passes: timers, absences, changed calendars, and the mark that it looked.

Belongs here: finding the cases that have something to do, in the order in which it is to be done. What a case then does
is the engine's; who calls, and how often, is the sensors'.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from resources.ops_database import reading
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
        """Ask somebody else wherever the assignee of an open task is away, or nobody could be asked; how many moved.

        Urgent tasks go first, and what waits long before what is new: the first gets who has least to do.
        """
        directory = self._directory()
        now = self._clock.now()
        days = {name: calendar.work_date(now) for name, calendar in self._calendars.items()}
        usual = self._calendar.work_date(now)

        def away(person: str) -> bool:
            # A task's own template may name another calendar; the engine decides by that.
            return any(
                directory.absent_on(person, day)
                for day in {days.get(directory.calendar_of(person) or "", usual), usual}
            )

        with reading(self._engine) as connection:
            asked = case_rows.open_assignees(connection)
            gone = [person for person in asked if person is not None and away(person)]
            waiting = (
                case_rows.tasks_of_assignees(connection, gone, unassigned=None in asked)
                if gone or None in asked
                else []
            )
        ordered = in_order(waiting, lambda one: one.created_at, lambda one: one.weight)
        cases = dict.fromkeys(one.case_id for one in ordered)
        events = self._on_each("reassign_absent", [(case_id, c.ReassignAbsent()) for case_id in cases])
        return sum(isinstance(event, e.TaskReassigned) for event in events)

    def keep_clocks(self, limit: int = 500) -> int:
        """Compute open clocks anew where a calendar, or who follows which, is another than last time; how many moved.

        At most ``limit`` cases at a time; the next call goes on where this one ended. Done twice it changes nothing.
        """
        directory = self._directory()
        if not len(directory):
            # Nothing was published yet: nobody's calendar is known.
            return 0
        digest = digest_of({**self._calendars, "default": self._calendar}, directory.calendars)
        with reading(self._engine) as connection:
            mark = mark_rows.read_mark(connection, CALENDARS)
            seen: dict[str, str] = {} if mark is None else json.loads(mark.value)
            if seen.get("done") == digest:
                return 0
            after = seen.get("after", "") if seen.get("doing") == digest else ""
            cases = case_rows.open_cases_after(connection, after, limit) if seen else []
        events = self._on_each("keep_clocks", [(case_id, c.RecomputeClocks(reason=CHANGED)) for case_id in cases])
        done = len(cases) < limit
        value = {"done": digest} if done else {"done": seen["done"], "doing": digest, "after": cases[-1]}
        self._mark(CALENDARS, json.dumps(value), self._clock.now())
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
