"""Slack is answered the moment a listener acknowledges: not when it ends, and not when somebody looks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from gateway.slack_acknowledging import answer_at_once

Listener = Callable[..., None]


def answered(listener: Listener, payload: dict[str, Any] | None = None) -> BoltResponse:
    """What Slack is answered where ``listener`` takes a modal, or the event that ``payload`` is."""
    app = App(
        client=WebClient(token="xoxb-0"),
        signing_secret="none",
        request_verification_enabled=False,
        token_verification_enabled=False,
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-0"),
    )
    app.view("decide")(listener)
    app.event("app_home_opened")(listener)
    answer_at_once(app)
    if payload is not None:
        return app.dispatch(BoltRequest(body=json.dumps(payload), headers={"content-type": ["application/json"]}))
    submitted = {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": "U1"},
        "view": {"type": "modal", "callback_id": "decide"},
    }
    headers: dict[str, str | Sequence[str]] = {"content-type": ["application/x-www-form-urlencoded"]}
    return app.dispatch(BoltRequest(body=urlencode({"payload": json.dumps(submitted)}), headers=headers))


def test_the_answer_does_not_wait_for_what_a_listener_does_after_it() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def listener(ack: Any) -> None:
        ack(response_action="clear")
        assert may_end.wait(10)
        has_ended.set()

    answer = answered(listener)
    assert not has_ended.is_set()
    assert (answer.status, json.loads(answer.body)) == (200, {"response_action": "clear"})
    may_end.set()
    assert has_ended.wait(10)


def test_an_event_is_acknowledged_before_its_listener_runs() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def listener() -> None:
        assert may_end.wait(10)
        has_ended.set()

    event = {
        "type": "event_callback",
        "team_id": "T1",
        "event": {"type": "app_home_opened", "user": "U1", "tab": "home"},
    }
    assert answered(listener, event).status == 200
    assert not has_ended.is_set()
    may_end.set()
    assert has_ended.wait(10)


def test_a_listener_that_fails_is_answered_with_its_failure() -> None:
    def listener(ack: Any) -> None:
        raise RuntimeError("the database is away")

    assert answered(listener).status == 500


def test_a_failure_after_the_acknowledgement_takes_nothing_back() -> None:
    failed = threading.Event()

    def listener(ack: Any) -> None:
        ack()
        failed.set()
        raise RuntimeError("the kick failed")

    assert answered(listener).status == 200
    assert failed.wait(10)


def test_a_listener_that_ends_without_a_word_is_not_waited_for() -> None:
    assert answered(lambda: None).status == 404
