"""Stored logs load for ever; what is no event of ours is refused rather than guessed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine_world import Play, shipped, to_the_end
from tests.log_plays import as_far_as, missing, plays, whole
from workflow_jobs.engine import events as e
from workflow_jobs.engine.codec import CodecError
from workflow_jobs.engine.evolve import evolve, replay
from workflow_jobs.engine.refusal import EngineError
from workflow_jobs.engine.state import state_from_json, state_to_json

_ZULU = re.compile(r'(T\d\d:\d\d:\d\d(?:\.\d+)?)Z"')
FIXTURES = Path(__file__).parent.parent / "fixtures"
CASES: list[dict[str, Any]] = [
    case
    for name in (
        "engine_events_v1.json",
        "engine_events_v1_incident.json",
        "engine_events_v2.json",
        "engine_events_v3.json",
        "engine_events_v4.json",
        "engine_events_v5.json",
    )
    for case in json.loads((FIXTURES / name).read_text(encoding="utf-8"))["cases"]
]


@pytest.mark.parametrize("case", CASES, ids=[case["state"]["case_id"] for case in CASES])
def test_logs_of_every_version_fold_to_the_states_that_they_had(case: dict[str, Any]) -> None:
    log = [e.from_json(body) for body in case["events"]]
    stored = {name: _offsets(value) for name, value in case["state"].items() if name != "state_version"}
    assert as_far_as(stored, whole(replay(log))) == stored


def _offsets(value: Any) -> Any:
    """Stored JSON with its instants as the first versions wrote them: `+00:00`, where msgspec writes `Z`."""
    return json.loads(_ZULU.sub(r'\1+00:00"', json.dumps(value)))


def test_the_state_of_an_earlier_version_is_replayed_rather_than_read() -> None:
    with pytest.raises(CodecError, match="replay the log"):
        state_from_json(CASES[0]["state"])


def test_the_stored_logs_hold_every_kind_of_event_that_there_is() -> None:
    assert {body["type"] for case in CASES for body in case["events"]} == e.EVENT_TYPES.keys()


def test_every_kind_of_event_still_happens() -> None:
    played = plays()
    assert missing([play.log for play in played]) == set()
    for play in played:
        again = [e.from_json(e.to_json(event)) for event in play.log]
        assert again == play.log
        assert replay(again) == play.state
        assert state_from_json(state_to_json(play.state)) == play.state


def test_a_field_that_was_added_later_takes_its_default() -> None:
    body = CASES[0]["events"][0]
    older = {name: value for name, value in body.items() if name != "requested_by"}
    loaded = e.from_json(older)
    assert isinstance(loaded, e.CaseOpened)
    assert loaded.requested_by is None


@pytest.mark.parametrize(
    "change",
    [
        {"type": "CaseVanished"},
        {"type": None},
        {"schema_version": 99},
        {"schema_version": "1"},
        {"colour": "red"},
        {"seq": "1"},
        {"at": "2026-11-16T01:30:00"},
        {"at": "soon"},
        {"case_id": None},
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        e.from_json({**CASES[0]["events"][0], **change})


def test_a_missing_field_is_refused() -> None:
    body = dict(CASES[0]["events"][0])
    del body["rule_id"]
    with pytest.raises(CodecError, match="rule_id"):
        e.from_json(body)


def test_a_naive_instant_is_never_written() -> None:
    with pytest.raises(CodecError, match="naive"):
        e.to_json(replace(e.from_json(CASES[0]["events"][0]), at=datetime(2026, 1, 1)))


def test_a_state_of_another_version_asks_for_a_replay() -> None:
    body = state_to_json(to_the_end(Play(shipped("supply_exception"))).state)
    with pytest.raises(CodecError, match="replay"):
        state_from_json({**body, "state_version": 0})


def test_a_log_has_no_gaps_no_repeats_and_one_case() -> None:
    log = to_the_end(Play(shipped("supply_exception"))).log
    for broken in (log[1:], [*log[:3], *log[4:]], [*log[:3], log[2]], [log[0], log[0]], []):
        with pytest.raises(EngineError):
            replay(broken)
    other = Play(shipped("supply_exception")).open(case_id="c2").log
    with pytest.raises(EngineError, match="c2"):
        evolve(replay(log[:1]), other[1])


def test_an_event_about_a_task_that_was_never_asked_is_refused() -> None:
    log = to_the_end(Play(shipped("supply_exception"))).log[:3]
    stray = e.TaskAcknowledged(case_id="c1", seq=4, at=log[0].at, task_id="c1.judge.7", person_id="q1")
    with pytest.raises(EngineError, match=r"c1\.judge\.7"):
        replay([*log, stray])


def test_every_event_names_its_case_its_place_and_its_time() -> None:
    for event in to_the_end(Play(shipped("supply_exception"))).log:
        assert event.at.utcoffset() == datetime.now(UTC).utcoffset()
        assert {"case_id", "seq", "at"} <= set(event.__struct_fields__)
