"""One incident and one message for each root cause, however many symptoms, snapshots and sensors see it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from ops_assets.automation import Trouble
from tests.incident_world import Lineage
from tests.process_world import World, upgrade_from
from tests.slack_server import SlackServer
from workflow_jobs.cases import CaseSummary
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.detection import read_snapshot
from workflow_jobs.engine import events as e
from workflow_jobs.engine.evolve import replay
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState
from workflow_jobs.incident_list import incident_list
from workflow_jobs.incidents import INCIDENT_TEMPLATE
from workflow_jobs.watching_over import keep_troubles

ERROR = Trouble(
    "error/1f", "error", "OSError: disk full", "OSError: disk full", 4, ("sensor/a_sensor", "sensor/b_sensor")
)
RUN = Trouble("job/refresh_job", "job", "job refresh_job", "DbtError: syntax error", 3)


class Incidents:
    """A service and a Slack, a planted lineage, and what people see of it."""

    def __init__(self, engine: Engine, slack: SlackServer, folder: Path) -> None:
        self.engine, self.world = engine, World(engine)
        self.service = self.world.service
        self.slack = slack
        slack.knows(self.world.directory)
        self.lineage = Lineage(folder)

    def read(self) -> str:
        return read_snapshot(self.service, self.lineage.publish(), [], self.lineage.set_aside)

    def watch(self, *troubles: Trouble) -> None:
        keep_troubles(self.service, troubles, lambda _subject: True)

    def open(self) -> list[CaseSummary]:
        return self.service.cases(status="open", template=INCIDENT_TEMPLATE)

    def subjects(self) -> set[str]:
        return {case.subject_id for case in self.open()}

    def about(self, subject: str) -> CaseState:
        return self.service.case(self.service.cases(subject_id=subject)[0].case_id)

    def deliver(self) -> None:
        while deliver_due(
            self.world.engine, clock=self.world.clock, slack=self.slack.client(), report=lambda _done: None, limit=500
        ).sent:
            pass

    def posted(self, channel: str) -> list[dict[str, Any]]:
        """Messages of a channel that are no replies."""
        return [message for message in self.slack.top() if message["channel"] == channel]

    def cards(self) -> list[dict[str, Any]]:
        """The cards of the people who must act, in their direct messages."""
        return [one for one in self.slack.top() if any(b["type"] == "actions" for b in one["blocks"])]


@pytest.fixture
def incidents(ops_engine: Engine, slack: SlackServer, tmp_path: Path) -> Incidents:
    return Incidents(ops_engine, slack, tmp_path / "serving")


def plant_ten(incidents: Incidents) -> set[str]:
    """Ten root causes; returns the subjects of their incidents."""
    lineage = incidents.lineage
    lineage.wrong |= {"fct_order", "fct_line", "metric_survey", "fct_balance"}
    lineage.unbuilt |= {"fct_test", "fct_person"}
    lineage.late |= {"mes__runs"}
    lineage.aside |= {"crm__quotes"}
    incidents.read()
    incidents.watch(ERROR, RUN)
    return {
        "fct_order", "fct_line", "metric_survey", "fct_balance", "fct_test", "fct_person",
        "source/mes", "source/crm/quotes", "error/1f", "job/refresh_job",
    }  # fmt: skip


def test_ten_root_causes_with_many_symptoms_are_ten_incidents_and_ten_messages(incidents: Incidents) -> None:
    roots = plant_ten(incidents)
    failing = incidents.lineage.failures()
    assert sum(len(checks) for checks in failing.values()) > 30, "many symptoms"
    assert incidents.subjects() == roots
    assert len(incidents.open()) == 10
    incidents.deliver()
    assert len(incidents.posted("C1")) == 10, "one message an incident in the channel"
    cards = incidents.cards()
    assert len(cards) == 10, "one card an incident to its owner"
    everybody = Counter(message["channel"] for message in incidents.slack.top())
    assert max(everybody.values()) <= 10, "and to nobody more than one an incident"

    # An hour of refreshes and watches, each read by four sensors: the same ten, and nothing more in their logs.
    begun = {case.case_id: len(incidents.service.events(case.case_id)) for case in incidents.open()}
    snapshot = incidents.lineage.publish()
    top = len(incidents.slack.top())
    for number in range(6):
        same = incidents.lineage.again(snapshot, number)
        for _ in range(4):
            read_snapshot(incidents.service, same, [], incidents.lineage.set_aside)
            incidents.watch(ERROR, RUN)
    incidents.deliver()
    assert incidents.subjects() == roots
    assert len(incidents.slack.messages) == top, "no message more, no reply either"
    assert {case.case_id: len(incidents.service.events(case.case_id)) for case in incidents.open()} == begun
    assert (incidents.about("error/1f").breaches, incidents.about("job/refresh_job").breaches) == (4, 3)
    (card,) = [one for one in incidents.cards() if "fct_order" in one["text"]]
    assert "since Mon" in str(card["blocks"]) and card.get("edits", 0) == 0
    for case in incidents.open():
        assert replay(incidents.service.events(case.case_id)) == incidents.service.case(case.case_id)

    # All well again: all closed by themselves, with one reply in each thread of the channel.
    lineage = incidents.lineage
    for planted in (lineage.wrong, lineage.unbuilt, lineage.late, lineage.aside):
        planted.clear()
    incidents.read()
    incidents.watch()
    incidents.deliver()
    assert incidents.open() == []
    assert len(incidents.slack.top()) == top
    assert len(incidents.slack.messages) == top + 10
    assert incidents.cards() == [], "nobody has anything to press any more"


def test_the_same_failure_in_fifty_snapshots_and_by_four_sensors_at_once(incidents: Incidents) -> None:
    incidents.lineage.wrong.add("fct_run")
    snapshot = incidents.lineage.publish()
    failures: list[BaseException] = []
    for number in range(50):
        same = incidents.lineage.again(snapshot, number)

        def read(same: Any = same) -> None:
            try:
                read_snapshot(incidents.service, same, [])
            except BaseException as error:  # noqa: BLE001 - reported below
                failures.append(error)

        if number % 10:
            read()
            continue
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        incidents.deliver()
        incidents.world.clock.advance(timedelta(minutes=1))
    incidents.deliver()
    assert failures == []
    assert incidents.subjects() == {"fct_run"}
    state = incidents.about("fct_run")
    assert state.breaches == 1, "it is as it was when it began"
    assert len(incidents.posted("C1")) == 1
    (card,) = incidents.cards()
    assert card.get("edits", 0) == 0
    # When it was seen last is known all the same.
    (line,) = incident_list(incidents.service)
    assert line.last_seen_at == incidents.world.clock.now() > line.opened_at


def test_an_incident_is_recorded_again_when_what_fails_changed(incidents: Incidents) -> None:
    lineage = incidents.lineage
    lineage.wrong.add("fct_balance")
    incidents.read()
    incidents.read()
    case_id = incidents.about("fct_balance").case_id

    def recorded() -> list[set[str]]:
        return [set(one.data) for one in incidents.service.events(case_id) if isinstance(one, e.BreachRecorded)]

    assert recorded() == []
    # It cannot be built either; then its checks are well again.
    lineage.unbuilt.add("fct_balance")
    incidents.read()
    incidents.read()
    assert recorded() == [{"failed"}]
    lineage.wrong.clear()
    incidents.read()
    assert recorded() == [{"failed"}, {"failed"}]
    incidents.deliver()
    card = next(one for one in incidents.cards() if "fct_balance" in one["text"])
    assert "recorded 3 times" in str(card["blocks"]) and "was_built" in str(card["blocks"])
    assert "in_range" not in str(card["blocks"])
    assert replay(incidents.service.events(case_id)) == incidents.service.case(case_id)


def test_an_incident_says_what_failed_what_is_held_and_reaches_the_owners_downstream_once(incidents: Incidents) -> None:
    incidents.lineage.wrong.add("fct_balance")
    incidents.read()
    incidents.deliver()
    state = incidents.about("fct_balance")
    failed: Any = state.data["failed"]
    assert [one["check"] for one in failed] == ["complete", "in_range"]
    assert state.data["symptoms"] == ["metric_stock", "metric_turnover", "stock_between"]
    (card,) = incidents.cards()
    assert card["channel"] == "DUD1", "the data owner, for a model that several metrics stand on"
    text = str(card["blocks"])
    for part in (
        "in_range: 11 % is above 1 %.",
        "Stock (last good figures of 2026-11-15)",
        "Turnover",
        "since Mon",
    ):
        assert part in text, part
    told = {message["channel"] for message in incidents.slack.top()} - {"C1", "DUD1"}
    assert told == {"DULM", "DUFM"}, "the owners of the metrics that are held"
    # A further metric fails by the same cause: its owner hears, the others' message is brought up to date.
    before = len(incidents.slack.messages)
    incidents.lineage.wrong.add("metric_stock")
    incidents.read()
    incidents.deliver()
    assert len(incidents.slack.messages) == before
    assert incidents.subjects() == {"fct_balance"}


def test_the_owner_of_a_metric_answers_for_it_and_it_for_deliveries(incidents: Incidents) -> None:
    incidents.lineage.wrong.add("metric_headcount")
    incidents.lineage.late.add("erp__orders")
    incidents.read()
    owners = {case.subject_id: incidents.service.tasks(case_id=case.case_id)[0].role for case in incidents.open()}
    assert owners == {"metric_headcount": "plant_manager", "source/erp": "it_manager"}
    assert "wms" not in str(incidents.about("source/erp").data)


def test_a_cause_found_further_up_takes_the_older_incident_in(incidents: Incidents) -> None:
    incidents.lineage.wrong.add("stock_between")
    incidents.read()
    older = incidents.about("stock_between")
    task = older.open_tasks[0]
    incidents.service.acknowledge(task.task_id, task.assignee or "")
    incidents.lineage.wrong |= {"stg_moves"}
    for _ in range(2):
        incidents.read()
    assert incidents.subjects() == {"stg_moves"}
    root = incidents.about("stg_moves")
    older = incidents.about("stock_between")
    assert (older.status, older.outcome, older.joined) == ("closed", "joined", root.case_id)
    assert [one.case_id for one in incidents.service.taken_in(root)] == [older.case_id]
    # A database of before the column says the same.
    upgrade_from(incidents.engine, "0011")
    assert [one.case_id for one in incidents.service.taken_in(root)] == [older.case_id]
    assert incidents.service.taken_in(older) == []
    incidents.deliver()
    (shown,) = [one for one in incidents.posted("C1") if "stock_between" in one["text"]]
    assert f"*Part of*: {root.case_id}" in str(shown["blocks"])
    # The cause is mended but the older failure was one of its own: it goes on where it was, with who looks after it.
    incidents.lineage.wrong.discard("stg_moves")
    incidents.read()
    assert incidents.subjects() == {"stock_between"}
    again = incidents.about("stock_between")
    assert (again.case_id, again.reopened, again.joined) == (older.case_id, 1, "")
    assert incidents.service.taken_in(root) == []
    assert again.open_tasks[0].acknowledged_by == task.assignee


def test_an_incident_that_comes_and_goes_is_one_with_one_message(incidents: Incidents) -> None:
    for _ in range(6):
        incidents.lineage.wrong.add("fct_quote")
        incidents.read()
        incidents.deliver()
        incidents.lineage.wrong.clear()
        incidents.read()
        incidents.deliver()
        incidents.world.clock.advance(timedelta(minutes=30))
    incidents.lineage.wrong.add("fct_quote")
    incidents.read()
    incidents.deliver()
    (case,) = incidents.service.cases(template=INCIDENT_TEMPLATE)
    state = incidents.service.case(case.case_id)
    assert (state.status, state.reopened, len(state.tasks)) == ("open", 6, 1)
    assert len(incidents.posted("C1")) == 1
    assert len(incidents.cards()) == 1
    # closed once, opened again once, and the owner told once that it is back: the rest is counted on the cards.
    assert len(incidents.slack.messages) - len(incidents.slack.top()) == 3
    assert "came back 6 times" in str(incidents.posted("C1")[0]["blocks"])
    incidents.lineage.wrong.clear()
    incidents.read()
    incidents.world.clock.advance(timedelta(days=2))
    incidents.lineage.wrong.add("fct_quote")
    incidents.read()
    assert len(incidents.service.cases(template=INCIDENT_TEMPLATE)) == 2, "long afterwards it is another one"


def test_snooze_assign_and_state_the_cause_and_it_still_waits_for_the_check(incidents: Incidents) -> None:
    incidents.lineage.unbuilt.add("fct_test")
    incidents.lineage.wrong.add("metric_yield")
    incidents.read()
    assert incidents.subjects() == {"fct_test"}
    service, clock = incidents.service, incidents.world.clock
    task = incidents.about("fct_test").open_tasks[0]
    who = task.assignee or ""
    until = clock.now() + timedelta(hours=30)
    service.snooze(task.task_id, task.version, who, until, "the lab sends it again tomorrow")
    clock.advance(timedelta(hours=29))
    assert service.fire_due_rungs() == 0
    incidents.deliver()
    assert "Snoozed until" in str(incidents.cards()[0]["blocks"])
    clock.advance(timedelta(hours=1, minutes=1))
    service.fire_due_rungs()
    assert incidents.about("fct_test").open_tasks[0].paused_until is None
    stored = service.task(task.task_id)
    assert stored.due_at == incidents.about("fct_test").open_tasks[0].due_at
    modal = service.action_modal(task.task_id, task.version, "assign")
    offered = {option["value"] for option in modal["blocks"][1]["element"]["options"]}
    assert offered == {"d2", "im"}
    service.assign(task.task_id, task.version, who, "d2", "you know the lab")
    incidents.deliver()
    (card,) = incidents.cards()
    assert (card["channel"], "Assigned by Yang Data" in str(card["blocks"])) == ("DUD2", True)
    form = {"incident_cause": "delivery", "remedy": "The lab loads it again."}
    with pytest.raises(Refused, match="stale_task"):
        service.decide_task(task.task_id, task.version, who, "stated", form)
    service.decide_task(task.task_id, task.version + 1, "d2", "stated", form)
    incidents.read()
    assert incidents.subjects() == {"fct_test"}, "whatever people have entered"
    incidents.lineage.unbuilt.clear()
    incidents.read()
    assert incidents.subjects() == {"metric_yield"}, "what failed by itself all the time is now its own cause"
    assert incidents.about("fct_test").outcome == "resolved"


@pytest.mark.parametrize("at_once", [True, False])
def test_a_decision_while_it_is_snoozed_counts_no_rest_as_work_and_says_nothing_of_it(
    incidents: Incidents, at_once: bool
) -> None:
    incidents.lineage.unbuilt.add("fct_test")
    incidents.read()
    service, clock = incidents.service, incidents.world.clock
    task = incidents.about("fct_test").open_tasks[0]
    who = task.assignee or ""
    service.snooze(task.task_id, task.version, who, clock.now() + timedelta(hours=30), "tomorrow")
    clock.advance(timedelta(hours=28 if at_once else 31))
    if not at_once:
        service.fire_due_rungs()
    form = {"incident_cause": "delivery", "remedy": "The lab loads it again."}
    service.decide_task(task.task_id, task.version, who, "stated", form)
    incidents.deliver()
    told = [str(message["blocks"]) for message in incidents.slack.messages]
    assert any("The snooze is over" in text for text in told) == (not at_once)
    (entry,) = incidents.about("fct_test").ledger
    assert entry.ended_at is not None
    if at_once:
        assert service.task(task.task_id).working_minutes == 0
