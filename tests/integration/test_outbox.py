"""Delivery on both databases against a Slack that speaks HTTP: once each, in order, patient, never stuck on one row."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tests.process_world import World
from tests.slack_server import SlackServer
from workflow_jobs.delivery import outbox
from workflow_jobs.delivery.outbox import Delivered, deliver_due, outbox_status, resend_dead
from workflow_jobs.delivery.targets import SlackUsersFileError, load_slack_users
from workflow_jobs.outgoing_message import CARD, MESSAGE, STEP_COMPLETED, UPDATE, Outgoing
from workflow_jobs.step_completion import StepCompletion
from workflow_jobs.store import outbox_rows
from workflow_jobs.store.tables import outbox as outbox_table


@pytest.fixture
def world(ops_engine: Engine, slack: SlackServer) -> World:
    world = World(ops_engine)
    slack.knows(world.directory)
    return world


class Reports(list[list[StepCompletion]]):
    """What Dagster was told, batch by batch."""

    def __call__(self, batch: list[StepCompletion]) -> None:
        self.append(batch)


def deliver(world: World, slack: SlackServer, reports: Any = None, **options: Any) -> Delivered:
    return deliver_due(
        world.engine,
        clock=world.clock,
        slack=slack.client(),
        report=reports if reports is not None else Reports(),
        **{"limit": 200, **options},
    )


def put(world: World, *messages: Outgoing) -> None:
    with world.engine.begin() as connection:
        outbox_rows.put(connection, "C-1", messages, world.clock.now())


def message(key: str, person: str = "q1", kind: str = MESSAGE, card: str | None = None, text: str = "") -> Outgoing:
    to = {"person": person, "name": person, "email": f"{person}@small.example"}
    payload = {"text": text or key, "blocks": [{"type": "divider"}], "to": to, "fallback_channel": "ops"}
    return Outgoing(kind, key, payload, card)


def rows(world: World) -> list[dict[str, Any]]:
    with world.engine.connect() as connection:
        found = connection.execute(sa.select(outbox_table).order_by(outbox_table.c.outbox_id))
        return [dict(row) for row in found.mappings()]


def test_a_case_is_told_to_the_right_people_and_dagster(world: World, slack: SlackServer) -> None:
    reports = Reports()
    case_id = world.open().case_id
    judge = world.task(case_id, "judge")
    done = deliver(world, slack, reports)
    assert done.retried == done.dead == 0
    (card,) = [m for m in slack.top() if m["channel"] == f"DU{(judge.assignee or '').upper()}"]
    actions = [b for b in card["blocks"] if b["type"] == "actions"]
    assert [e["action_id"] for e in actions[0]["elements"]] == ["decide:confirm", "decide:reject"]
    (overview,) = [m for m in slack.top() if m["channel"] == "C1"]

    world.decide(case_id, "judge")
    deliver(world, slack, reports)
    assert not [b for b in card["blocks"] if b["type"] == "actions"], "a decided card keeps no buttons"
    assert "Confirm" in str(card["blocks"]) and overview["edits"] == 1
    assert [c.step_id for batch in reports for c in batch] == ["judge"]
    completion = reports[0][0]
    assert (completion.case_id, completion.outcome, completion.decided_by) == (case_id, "confirm", judge.assignee)
    assert deliver(world, slack, reports) == Delivered(0, 0, 0)


def test_only_the_newest_update_of_a_card_is_sent(world: World, slack: SlackServer) -> None:
    put(world, message("card", kind=CARD, card="k"), *(message(f"u{n}", kind=UPDATE, card="k") for n in range(5)))
    assert deliver(world, slack).sent == 2
    assert [m["text"] for m in slack.messages] == ["u4"]
    assert slack.count("chat.update") == 1
    assert [row["status"] for row in rows(world)] == ["sent", *["superseded"] * 4, "sent"]


def test_what_concerns_a_card_waits_for_it_and_replies_into_its_thread(world: World, slack: SlackServer) -> None:
    put(world, message("card", kind=CARD, card="k"), message("up", kind=UPDATE, card="k"), message("re", card="k"))
    slack.trouble = lambda method, form: "fatal" if method == "chat.postMessage" else None
    assert deliver(world, slack) == Delivered(0, 1, 0), "nothing about a card goes out before the card"
    slack.trouble = lambda method, form: None
    world.clock.advance(timedelta(seconds=16))
    assert deliver(world, slack).sent == 3
    card, reply = slack.messages
    assert (card["text"], card["edits"]) == ("up", 1)
    assert (reply["text"], reply["thread_ts"]) == ("re", card["ts"])


def test_retry_after_stops_everything_until_then_and_counts_no_attempt(world: World, slack: SlackServer) -> None:
    put(world, message("a"), message("b", "q2"))
    slack.trouble = lambda method, form: "429:30" if method == "chat.postMessage" else None
    assert deliver(world, slack) == Delivered(0, 1, 0)
    calls = len(slack.calls)
    world.clock.advance(timedelta(seconds=29))
    assert deliver(world, slack) == Delivered(0, 0, 0)
    assert len(slack.calls) == calls, "nobody calls Slack before its Retry-After is over"
    slack.trouble = lambda method, form: None
    world.clock.advance(timedelta(seconds=2))
    assert deliver(world, slack).sent == 2
    assert [row["attempts"] for row in rows(world)] == [1, 1]


def test_a_row_that_keeps_failing_becomes_a_dead_letter_and_can_be_sent_again(
    world: World, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    put(world, message("bad", "q1"), message("good", "q2"))
    slack.trouble = lambda method, form: "invalid_blocks" if form.get("text") == "bad" else None
    with caplog.at_level(logging.ERROR):
        done = [deliver(world, slack)]
        for _ in range(outbox.MOST_ATTEMPTS):
            world.clock.advance(outbox.LONGEST_DELAY)
            done.append(deliver(world, slack))
    assert sum(d.dead for d in done) == 1 and done[0].sent == 1
    bad = rows(world)[0]
    assert (bad["status"], bad["attempts"]) == ("dead", outbox.MOST_ATTEMPTS)
    assert "invalid_blocks" in bad["last_error"]
    assert "given up" in caplog.text
    status = outbox_status(world.engine, world.clock)
    assert (status.pending, status.dead) == (0, 1)
    slack.trouble = lambda method, form: None
    assert resend_dead(world.engine, world.clock) == 1
    assert deliver(world, slack).sent == 1
    assert [m["text"] for m in slack.messages] == ["good", "bad"]


def test_a_payload_nobody_can_read_does_not_stop_the_others(world: World, slack: SlackServer) -> None:
    put(world, Outgoing(MESSAGE, "broken", {"nothing": 1}), message("good"))
    assert deliver(world, slack) == Delivered(sent=1, retried=1, dead=0)
    assert "KeyError" in rows(world)[0]["last_error"]


@pytest.mark.parametrize("trouble", ["lost", "500", "html", "dropped"])
def test_a_post_without_an_answer_is_recognised_before_it_is_repeated(
    world: World, slack: SlackServer, trouble: str
) -> None:
    put(world, message("once"))
    slack.trouble = lambda method, form: trouble if method == "chat.postMessage" else None
    assert deliver(world, slack) == Delivered(0, 1, 0)
    arrived = len(slack.messages)
    assert arrived == (1 if trouble == "lost" else 0)
    slack.trouble = lambda method, form: None
    world.clock.advance(timedelta(seconds=16))
    assert deliver(world, slack).sent == 1
    assert [m["text"] for m in slack.messages] == ["once"]
    assert rows(world)[0]["result"]["ts"] == slack.messages[0]["ts"]


def test_a_reply_without_an_answer_is_looked_for_in_its_thread(world: World, slack: SlackServer) -> None:
    put(world, message("card", kind=CARD, card="k"))
    deliver(world, slack)
    put(world, message("reply", card="k"))
    slack.trouble = lambda method, form: "lost" if method == "chat.postMessage" else None
    deliver(world, slack)
    slack.trouble = lambda method, form: None
    world.clock.advance(timedelta(seconds=16))
    assert deliver(world, slack).sent == 1
    assert [m["text"] for m in slack.messages] == ["card", "reply"]


def test_a_worker_that_died_leaves_its_row_to_the_next_after_the_lease(world: World, slack: SlackServer) -> None:
    put(world, message("a"))
    with world.engine.begin() as connection:
        (claimed,) = outbox_rows.claim(connection, (MESSAGE,), world.clock.now(), outbox.LEASE, 10)
    assert deliver(world, slack) == Delivered(0, 0, 0)
    world.clock.advance(outbox.LEASE + timedelta(seconds=1))
    assert deliver(world, slack).sent == 1
    with world.engine.begin() as connection:
        late = outbox_rows.mark_dead(connection, claimed, "zombie", outcome_unknown=True)
    assert not late and rows(world)[0]["status"] == "sent"


def test_many_workers_send_each_message_once(world: World, slack: SlackServer) -> None:
    put(world, *(message(f"m{n}", ("q1", "q2", "b1")[n % 3]) for n in range(24)))
    threads = [threading.Thread(target=deliver, args=(world, slack)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(m["text"] for m in slack.messages) == sorted(f"m{n}" for n in range(24))
    assert {row["status"] for row in rows(world)} == {"sent"}


def test_a_person_whom_slack_does_not_know_is_told_in_the_channel(world: World, slack: SlackServer) -> None:
    put(world, message("for you", "stranger"))
    assert deliver(world, slack).sent == 1
    assert [(m["channel"], m["text"]) for m in slack.messages] == [("C1", "stranger: for you")]


def test_the_mapping_file_goes_before_the_address(world: World, slack: SlackServer, tmp_path: Path) -> None:
    file = tmp_path / "users.yaml"
    file.write_text("stranger: UB1\n")
    put(world, message("for you", "stranger"))
    assert deliver(world, slack, slack_users=load_slack_users(file)).sent == 1
    assert [m["channel"] for m in slack.messages] == ["DUB1"]
    file.write_text("- a list\n")
    with pytest.raises(SlackUsersFileError, match=r"users\.yaml: must map"):
        load_slack_users(file)
    assert load_slack_users(None) == {}


def test_a_person_is_looked_up_once_and_again_when_slack_says_he_is_gone(world: World, slack: SlackServer) -> None:
    put(world, message("a"), message("b"))
    deliver(world, slack)
    assert slack.count("users.lookupByEmail") == 1
    slack.users["q1@small.example"] = "UNEW"
    slack.trouble = lambda method, form: "channel_not_found" if form.get("channel") == "DUQ1" else None
    put(world, message("c"))
    deliver(world, slack)
    world.clock.advance(timedelta(seconds=16))
    assert deliver(world, slack).sent == 1
    assert slack.messages[-1]["channel"] == "DUNEW"


def test_one_completion_that_dagster_refuses_holds_up_no_other(world: World, slack: SlackServer) -> None:
    at = datetime(2026, 11, 16, tzinfo=UTC).isoformat()
    body = {
        "case_id": "C-1",
        "template_id": "t",
        "at": at,
        "outcome": "ok",
        "decided_by": "q1",
        "working_minutes": 5,
        "subject_id": "S",
        "metric": "m",
        "event_seq": 3,
    }
    put(world, *(Outgoing(STEP_COMPLETED, f"s{n}", body | {"step_id": f"s{n}"}) for n in range(4)))
    told: list[str] = []

    def report(batch: list[StepCompletion]) -> None:
        if any(c.step_id == "s2" for c in batch):
            raise RuntimeError("no such asset")
        told.extend(c.step_id for c in batch)

    assert deliver(world, slack, report) == Delivered(sent=3, retried=1, dead=0)
    assert told == ["s0", "s1", "s3"]
    assert "no such asset" in rows(world)[2]["last_error"]
    assert rows(world)[2]["next_attempt_at"] == world.clock.now() + outbox.FIRST_DELAY


def test_an_update_of_a_card_that_was_given_up_is_given_up(world: World, slack: SlackServer) -> None:
    put(world, message("up", kind=UPDATE, card="never"))
    assert deliver(world, slack) == Delivered(0, 0, 1)
    assert "never posted" in rows(world)[0]["last_error"]


def test_waiting_grows_and_stays_below_an_hour() -> None:
    waits = [outbox.delay_after(n) for n in range(1, 30)]
    assert waits[:3] == [timedelta(seconds=15), timedelta(seconds=30), timedelta(minutes=1)]
    assert waits == sorted(waits) and waits[-1] == timedelta(hours=1)


class _Race:
    """Lets something happen while Slack takes the first message."""

    def __init__(self, slack: SlackServer, meanwhile: Any) -> None:
        self._meanwhile = meanwhile
        slack.trouble = self

    def __call__(self, method: str, form: dict[str, Any]) -> str | None:
        if method == "chat.postMessage" and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile(form)
        return None


def test_an_attempt_whose_lease_was_lost_takes_its_own_message_back(world: World, slack: SlackServer) -> None:
    put(world, message("k", kind=CARD, card="task:1"))

    def the_lease_ends_and_another_worker_sends_it(_form: dict[str, Any]) -> None:
        world.clock.advance(outbox.LEASE + timedelta(seconds=1))
        assert deliver(world, slack).sent == 1

    _Race(slack, the_lease_ends_and_another_worker_sends_it)
    deliver(world, slack)
    (row,) = rows(world)
    (stands,) = slack.messages
    assert (row["status"], row["result"]["ts"], slack.count("chat.delete")) == ("sent", stands["ts"], 1)
    with world.engine.connect() as connection:
        assert outbox_rows.card_place(connection, "task:1") == (stands["channel"], stands["ts"])


def test_a_message_of_a_dead_attempt_that_arrives_late_is_removed(world: World, slack: SlackServer) -> None:
    put(world, message("k"))
    with world.engine.begin() as connection:
        outbox_rows.claim(connection, (MESSAGE,), world.clock.now(), outbox.LEASE, 1)
    world.clock.advance(outbox.LEASE + timedelta(seconds=1))

    def the_dead_attempts_message_arrives(form: dict[str, Any]) -> None:
        slack.handle("chat.postMessage", form)

    _Race(slack, the_dead_attempts_message_arrives)
    assert deliver(world, slack).sent == 1
    (row,) = rows(world)
    (stands,) = slack.messages
    assert (row["result"]["ts"], slack.count("chat.delete")) == (stands["ts"], 1)


def test_a_repetition_that_cannot_be_removed_is_said_and_stops_nothing(
    world: World, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    put(world, message("k"))

    def the_lease_ends_and_slack_refuses_to_delete(_form: dict[str, Any]) -> None:
        world.clock.advance(outbox.LEASE + timedelta(seconds=1))
        deliver(world, slack)
        slack.trouble = lambda method, _form: "cant_delete_message" if method == "chat.delete" else None

    _Race(slack, the_lease_ends_and_slack_refuses_to_delete)
    deliver(world, slack)
    assert [row["status"] for row in rows(world)] == ["sent"]
    assert len(slack.messages) == 2
    assert "may stand in" in caplog.text


def test_old_messages_go_but_for_dead_letters_what_waits_and_the_cards_of_cases_that_go_on(
    world: World, slack: SlackServer
) -> None:
    ended, open_case = world.open("S1").case_id, world.open("S2").case_id
    task = world.task(ended, "judge")
    world.service.decide_task(task.task_id, task.version, task.assignee or "", "reject", {"judgement": "a typo"})
    deliver(world, slack)
    put(world, message("dead"), message("waits"))
    with world.engine.begin() as connection:
        for key, status in (("dead", "dead"), ("waits", "pending")):
            connection.execute(outbox_table.update().where(outbox_table.c.dedupe_key == key).values(status=status))
    kept = timedelta(days=30)
    assert outbox.prune_sent(world.engine, clock=world.clock, kept=kept) == 0
    log = world.service.events(ended)
    world.clock.advance(kept + timedelta(seconds=1))
    put(world, message("new"))
    while outbox.prune_sent(world.engine, clock=world.clock, kept=kept, limit=2):
        pass
    left = rows(world)
    assert {(row["case_id"], row["kind"]) for row in left if row["case_id"] != "C-1"} == {(open_case, CARD)}
    assert {row["dedupe_key"] for row in left if row["case_id"] == "C-1"} == {"dead", "waits", "new"}
    assert world.service.events(ended) == log
    world.decide(open_case, "judge")
    deliver(world, slack)
    assert all(row["status"] in ("sent", "superseded", "dead") for row in rows(world))


def test_what_was_sent_a_moment_ago_stays_however_long_it_waited(world: World, slack: SlackServer) -> None:
    put(world, message("resent late"))
    kept = timedelta(days=30)
    world.clock.advance(2 * kept)
    deliver(world, slack)
    assert outbox.prune_sent(world.engine, clock=world.clock, kept=kept) == 0
    world.clock.advance(kept + timedelta(seconds=1))
    assert outbox.prune_sent(world.engine, clock=world.clock, kept=kept) == 1


def at_once(world: World, *works: Callable[[Connection], object]) -> None:
    """Run each in a transaction of its own, all open at the same time; raises what one of them raises."""
    started = threading.Barrier(len(works))

    def run(work: Callable[[Connection], object]) -> None:
        # SQLite has one writer: there each waits for its turn before it begins.
        if world.engine.dialect.name == "sqlite":
            started.wait(10)
        with world.engine.begin() as connection:
            if world.engine.dialect.name != "sqlite":
                connection.execute(sa.select(1))
                started.wait(10)
            work(connection)

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(timeout=30)


def test_deliverers_that_note_the_same_place_at_once_do_not_disturb_each_other(world: World) -> None:
    def note(ts: str) -> Callable[[Connection], None]:
        return lambda connection: outbox_rows.remember_card(connection, "first:C-1:D1", "C-1", "D1", ts)

    at_once(world, *(note(ts) for ts in ("1.0", "2.0", "3.0")))
    with world.engine.connect() as connection:
        place = outbox_rows.card_place(connection, "first:C-1:D1")
    assert place is not None and place[0] == "D1" and place[1] in ("1.0", "2.0", "3.0")


def test_the_longest_of_slacks_waits_holds_for_all(world: World) -> None:
    def wait(seconds: int) -> Callable[[Connection], None]:
        return lambda connection: outbox_rows.pause_until(connection, world.clock.now() + timedelta(seconds=seconds))

    at_once(world, wait(1), wait(60), wait(5))
    at_once(world, wait(1))
    with world.engine.connect() as connection:
        until = outbox_rows.paused_until_ms(connection)
    assert until == int((world.clock.now() + timedelta(seconds=60)).timestamp() * 1000)
