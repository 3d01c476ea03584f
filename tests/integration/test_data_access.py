"""Data service subscriptions: the job prepares a token, the subscriber collects its secret once, the end revokes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Engine

from gateway.tokens import READ, TokenError, collect_token, list_tokens, revoke_token, verify_token
from ops_assets.access_file import load_access_policy
from resources.access_tokens import gateway_token, prepare_token
from resources.clock import FixedClock
from tests.engine_world import calendar, people
from tests.template_walks import shipped_library
from workflow_jobs import jobs
from workflow_jobs.cases import OpenRequest
from workflow_jobs.data_access import ROLE_OF_CLASS, GrantError, grant, revoke, token_of
from workflow_jobs.service import ProcessService
from workflow_jobs.store.tables import case_event, outbox

SUBSCRIBER = "b1"


class Platform:
    """What the jobs need of the platform."""

    def __init__(self, engine: Engine, clock: FixedClock) -> None:
        self.ops_engine = engine
        self.clock = clock
        self.service = ProcessService(
            engine,
            clock=clock,
            templates=shipped_library(),
            directory=people,
            calendar=calendar(),
            pack="small",
            channel="ops",
        )

    def subscribed(self, data_class: str = "internal") -> str:
        """A case whose owners have agreed, and which waits for its grant."""
        asked = OpenRequest(
            template_id="data_service_subscription",
            rule_id="people",
            subject_id=f"metric_{data_class}",
            requested_by=SUBSCRIBER,
            data={
                "data_set": "Supplier reject rate",
                "purpose": "Supplier talks",
                "data_class": data_class,
                "access_until": "2026-11-30",
            },
        )
        case_id = self.service.open_by_person(asked).case_id
        while tasks := self.service.case(case_id).open_tasks:
            outcome = {"owners": "agree", "check": "safe", "privacy": "lawful"}[tasks[0].step_id]
            self.service.decide_task(tasks[0].task_id, tasks[0].version, tasks[0].assignee or "", outcome, {}, "test")
        return case_id

    def key(self, case_id: str) -> str:
        return next(s.idempotency_key for s in self.service.due_service_steps() if s.case_id == case_id)


@pytest.fixture
def platform(ops_engine: Engine, clock: FixedClock) -> Platform:
    return Platform(ops_engine, clock)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as found:
        yield found


def test_the_secret_is_made_when_it_is_collected_and_shown_once(platform: Platform) -> None:
    case_id = platform.subscribed()
    case, key = platform.service.case(case_id), platform.key(case_id)
    result = grant(platform, case, people(), key)
    assert grant(platform, case, people(), key)["token_id"] == result["token_id"], "run twice, granted once"
    (token,) = list_tokens(platform.ops_engine)
    assert (token.token_id, token.scopes, token.reader_role) == (result["token_id"], (READ,), "employee")
    for guess in ("", "x", "None"):
        assert verify_token(platform.ops_engine, f"tl_{token.token_id}_{guess}", clock=platform.clock) is None
    made = collect_token(platform.ops_engine, token.token_id)
    found = verify_token(platform.ops_engine, made.text, clock=platform.clock)
    assert found is not None and found.reader_role == "employee"
    with pytest.raises(TokenError, match="collected already"):
        collect_token(platform.ops_engine, token.token_id)
    case = replace(case, results={"grant": result})
    revoke(platform, case)
    assert verify_token(platform.ops_engine, made.text, clock=platform.clock) is None
    assert "is revoked" in revoke(platform, case)["summary"]
    with pytest.raises(TokenError, match="There is no token"):
        collect_token(platform.ops_engine, "0123456789ab")


def test_a_revoked_token_cannot_be_collected_any_more(platform: Platform) -> None:
    prepare_token(
        platform.ops_engine, token_id="aa", name="x", scopes=[READ], reader_role="employee", departments=[],
        now=platform.clock.now(),
    )  # fmt: skip
    revoke_token(platform.ops_engine, "aa", clock=platform.clock)
    with pytest.raises(TokenError, match="is revoked"):
        collect_token(platform.ops_engine, "aa")


@pytest.mark.parametrize("data_class", ["internal", "confidential", "personal"])
def test_every_class_is_read_as_a_role_that_sees_it(platform: Platform, data_class: str) -> None:
    case_id = platform.subscribed(data_class)
    result = grant(platform, platform.service.case(case_id), people(), platform.key(case_id))
    rules = load_access_policy().roles[result["reader_role"]]
    shown = rules.highest == data_class or rules.above.get(data_class) == "show"  # type: ignore[call-overload]
    assert shown and result["reader_role"] == ROLE_OF_CLASS[data_class]


def test_without_a_known_subscriber_or_class_nothing_is_granted(platform: Platform) -> None:
    case = platform.service.case(platform.subscribed())
    for wrong in (
        replace(case, requested_by=None),
        replace(case, requested_by="nobody"),
        replace(case, data={**case.data, "data_class": "secret"}),
    ):
        with pytest.raises(GrantError):
            grant(platform, wrong, people(), "key")
    assert list_tokens(platform.ops_engine) == []
    assert token_of(case) is None and "by hand" in revoke(platform, case)["summary"]


def test_the_jobs_carry_a_case_from_grant_to_revocation_and_no_secret_is_written(
    platform: Platform, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "process_service", lambda _platform: platform.service)
    case_id = platform.subscribed()

    def run(job: dg.JobDefinition) -> None:
        (due,) = platform.service.due_service_steps()
        assert due.job == job.name
        config = {"case_id": case_id, "step_id": due.step_id, "idempotency_key": due.idempotency_key}
        done = job.execute_in_process(
            run_config={"ops": {job.name.removesuffix("_job"): {"config": config}}},
            instance=instance,
            resources={"platform": platform},
        )
        assert done.success

    run(jobs.grant_data_access_job)
    case = platform.service.case(case_id)
    made = collect_token(platform.ops_engine, token_of(case) or "")
    platform.service.send_signal(case_id, "end_access", {"end_reason": "Talks are over"}, via="test")
    run(jobs.revoke_data_access_job)
    case = platform.service.case(case_id)
    assert (case.status, case.outcome, case.data["ended_how"]) == ("closed", "completed", "early")
    assert verify_token(platform.ops_engine, made.text, clock=platform.clock) is None
    secret = made.text.split("_", 2)[2]  # url-safe characters: it may hold underscores itself
    with platform.ops_engine.connect() as connection:
        for column in (case_event.c.body, outbox.c.payload, gateway_token.c.secret_sha256):
            written = json.dumps(list(connection.execute(sa.select(column)).scalars()), default=str)
            assert secret not in written
