"""Keeps people's Home tabs in Slack: drawn when somebody opens his, and drawn anew after what he did.

Belongs here: whose tab, which cases, when. Does not belong here: what it looks like (workflow_jobs.slack.home_tab).

A tab is a picture of the moment and no message, so it needs no outbox. Changes are coalesced: however often a person
acts while his tab is being drawn, it is drawn once more. One that could not be drawn is drawn when it is opened next.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.context import GatewayContext
from gateway.kicked_thread import KickedThread
from gateway.slack_people import SlackPeople
from resources.ops_database import reading
from resources.people import Directory, Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.engine.state import CaseState, TaskState
from workflow_jobs.sla_clock import light_of, used_share
from workflow_jobs.slack.home_tab import (
    MOST_LATE,
    MOST_REQUESTS,
    MOST_TASKS,
    MOST_WAITS,
    HomeCase,
    HomeContent,
    HomeTask,
    HomeWait,
    home_view,
)
from workflow_jobs.store import home_rows

_MOST_KNOWN = 5000
_log = logging.getLogger(__name__)


class HomeTabs:
    """Draws Home tabs. Start its thread with :meth:`start`; until then :meth:`changed` only notes."""

    def __init__(self, context: GatewayContext, people: SlackPeople, slack: SlackClient) -> None:
        self._context = context
        self._people = people
        self._slack = slack
        # Whoever opened his tab since the start, person id -> Slack user; the others see theirs when they open it.
        self._users: OrderedDict[str, str] = OrderedDict()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._thread = KickedThread(
            "gateway-slack-home", self._draw_waiting, "drawing Home tabs failed; the next change tries again"
        )

    def opened(self, body: Mapping[str, Any]) -> None:
        """Slack's event ``app_home_opened``: draw the tab of whoever opened it."""
        event = body.get("event") or {}
        user = str(event.get("user") or "")
        if event.get("tab") != "home" or not user:
            return
        try:
            person = self._people.person(user)
            if person is None:
                return
            self._publish(user, person)
        except SlackError as error:
            _log.warning("drawing the Home tab of %s failed: %s", user, error)
            return
        with self._lock:
            self._users[person.person_id] = user
            self._users.move_to_end(person.person_id)
            while len(self._users) > _MOST_KNOWN:
                self._users.popitem(last=False)

    def changed(self, person_id: str) -> None:
        """Draw a person's tab anew soon, if he has opened it. Never waits and never fails."""
        with self._lock:
            if person_id in self._users:
                self._waiting.add(person_id)
        self._thread.kick()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the tabs that are being drawn; waits at most ``timeout`` seconds."""
        self._thread.stop(timeout)

    def draw(self, user: str, person: Person) -> dict[str, Any]:
        """The view of a person's tab as it would be now, in the language in which he reads."""
        service, now = self._context.service, self._context.clock.now()
        directory = self._context.directory()
        team = reports_of(directory, person.person_id)
        with reading(self._context.engine) as connection:
            own, own_count = home_rows.own_tasks(connection, person.person_id, MOST_TASKS)
            asked, asked_count = home_rows.requested_cases(connection, person.person_id, MOST_REQUESTS)
            late, late_count = home_rows.late_tasks(connection, team, now, MOST_LATE) if team else ([], 0)
        waits, more_waits = self._waits(person.person_id)
        states = service.states({case_id for case_id, _ in (*own, *late)} | set(asked))
        language = self._people.language(user, self._context.settings.language)
        content = HomeContent(
            person_id=person.person_id,
            now=now,
            address=self._context.settings.gateway_url,
            work=self._tasks(own, states, now),
            work_count=own_count,
            requests=[HomeCase(states[one], service.template_of(states[one])) for one in asked if one in states],
            request_count=asked_count,
            late=self._tasks(late, states, now) if team else None,
            late_count=late_count,
            waits=waits,
            more_waits=more_waits,
            department=person.department_name or "",
        )
        return home_view(content, replace(service.card_context(reader=person.person_id), language=language))

    def _waits(self, person_id: str) -> tuple[list[HomeWait], bool]:
        """What the person may say that it has happened; what goes wrong there must not cost him the rest of his tab."""
        service = self._context.service
        try:
            waits, more = service.waits_for(person_id, MOST_WAITS)
            return [HomeWait(case, step, service.template_of(case)) for case, step in waits], more
        except Exception:  # noqa: BLE001 - said in the log; the tab shows his work, and that there may be waits
            _log.exception("looking for the waits of %s failed; his Home tab is drawn without them", person_id)
            return [], True

    def _tasks(
        self, found: Collection[tuple[str, str]], states: Mapping[str, CaseState], now: datetime
    ) -> list[HomeTask]:
        tasks = []
        for case_id, task_id in found:
            case = states.get(case_id)
            task = case.tasks.get(task_id) if case is not None else None
            # Between the two looks somebody may have decided it.
            if case is not None and task is not None and task.status == "open":
                tasks.append(HomeTask(case, task, self._context.service.template_of(case), self._light(task, now)))
        return tasks

    def _light(self, task: TaskState, now: datetime) -> str:
        if task.paused_until is not None:
            return "paused"
        share = used_share(task, now, self._context.service.calendar(task.calendar))
        return light_of(share, overdue=task.due_at < now)

    def _publish(self, user: str, person: Person) -> None:
        self._slack.publish_home(user, self.draw(user, person))

    def _draw_waiting(self) -> int:
        """Draw every tab that changed; how many people's."""
        # Whoever waits goes on waiting where the people cannot be read.
        directory = self._context.directory()
        with self._lock:
            waiting = {one: self._users[one] for one in sorted(self._waiting) if one in self._users}
            self._waiting.clear()
        for person_id, user in waiting.items():
            person = directory.people.get(person_id)
            try:
                if person is not None:
                    self._publish(user, person)
            except Exception:  # noqa: BLE001 - the others still get theirs; opening the tab draws this one again
                _log.exception("drawing the Home tab of %s failed", person_id)
        return len(waiting)


def reports_of(directory: Directory, person_id: str) -> frozenset[str]:
    """Everybody below a person, however deep; empty for whoever leads nobody. Circles in HR data end at once."""
    below: dict[str, list[str]] = {}
    for one in directory.people.values():
        if one.manager_id is not None:
            below.setdefault(one.manager_id, []).append(one.person_id)
    found: set[str] = set()
    ahead = list(below.get(person_id, ()))
    while ahead:
        one_id = ahead.pop()
        if one_id not in found and one_id != person_id:
            found.add(one_id)
            ahead += below.get(one_id, ())
    return frozenset(found)
