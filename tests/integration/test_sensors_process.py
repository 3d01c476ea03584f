"""The sensors that move processes on, ticked on a real platform: what is due is done, and done once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from ops_assets.ingestion.ledger import inbox_event
from resources.stopped_runs import STOPPED_TAG
from sensors.process import (
    case_history_sensor,
    due_effects_sensor,
    due_rungs_sensor,
    failed_service_steps_sensor,
    outbox_sensor,
    run_failure_history_sensor,
    run_success_history_sensor,
    service_steps_sensor,
)
from sensors.published import build_published_sensor
from sensors.schedules import build_schedules
from tests.platform_world import PlatformWorld, PublishedHome, copied_world
from tests.process_world import REGULAR, request
from workflow_jobs.cases import ServiceStep
from workflow_jobs.engine.state import TaskState
from workflow_jobs.jobs import replan_production_job
from workflow_jobs.refresh_jobs import REFRESH_JOB
from workflow_jobs.service import ProcessService
from workflow_jobs.wiring import process_service


def heard(context: Any) -> Any:
    """What the failure sensor asks for when it is told of a failed run."""
    return failed_service_steps_sensor(context)


class House:
    """A published platform with its process service and a Dagster instance."""

    def __init__(self, world: PlatformWorld) -> None:
        self.world = world
        self.platform = world.platform
        self.service = process_service(world.platform)
        self.instance = dg.DagsterInstance.ephemeral()

    def tick(self, sensor: dg.SensorDefinition, cursor: str | None = None) -> Any:
        with dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"platform": self.platform}
        ) as context:
            return sensor.evaluate_tick(context)

    def open(self, subject: str) -> str:
        return self.service.open_case(request(subject, self.world.snapshot.id)).case_id

    def task(self, case_id: str, step: str) -> TaskState:
        return next(task for task in self.service.case(case_id).open_tasks if task.step_id == step)

    def decide(self, case_id: str, *steps: str) -> None:
        for step in steps:
            task = self.task(case_id, step)
            outcome, form = REGULAR[step]
            self.service.decide_task(task.task_id, task.version, task.assignee or "", outcome, form, "test")

    def due(self, case_id: str) -> dg.RunRequest:
        """The run that the service step of a case asks for."""
        requests = self.tick(service_steps_sensor).run_requests
        (asked,) = [one for one in requests if one.tags["trueloop/case"] == case_id]
        assert isinstance(asked, dg.RunRequest)
        return asked

    def failed(self, asked: dg.RunRequest, *, stopped: bool = False) -> Any:
        """What the failure sensor is told of a run that failed, or that was stopped with Trueloop."""
        made = self.replan(asked, idempotency_key="unknown")
        assert not made.success
        if stopped:
            self.instance.add_run_tags(made.run_id, {STOPPED_TAG: "its process ended"})
        run = self.instance.get_run_by_id(made.run_id)
        assert run is not None
        return dg.build_run_status_sensor_context(
            "failed_service_steps_sensor", made.get_run_failure_event(), self.instance, run,
            resources={"platform": self.platform},
        ).for_run_failure()  # fmt: skip

    def replan(self, asked: dg.RunRequest, **config: str) -> dg.ExecuteInProcessResult:
        """Run the job that a run request asks for; ``config`` overrides parts of it."""
        run_config: dict[str, Any] = json.loads(json.dumps(asked.run_config))
        run_config["ops"]["replan_production"]["config"].update(config)
        return replan_production_job.execute_in_process(
            run_config=run_config,
            instance=self.instance,
            tags=dict(asked.tags),
            resources={"platform": self.platform},
            raise_on_error=False,
        )

    def inbox(self, table: str) -> list[dict[str, Any]]:
        query = sa.select(inbox_event.c.row).where(
            inbox_event.c.source == "trueloop", inbox_event.c.table_name == table
        )
        with self.platform.ops_engine.connect() as connection:
            return [json.loads(row) for row in connection.execute(query.order_by(inbox_event.c.id)).scalars()]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, published: PublishedHome) -> Iterator[House]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        nobody_listens = found.getsockname()[1]
    world = copied_world(tmp_path_factory.mktemp("process") / "home", published.home, gateway_port=nobody_listens)
    made = House(world)
    yield made
    made.instance.dispose()
    world.close()


def test_service_steps_start_once_an_attempt_and_hand_their_result_over(house: House) -> None:
    assert house.tick(service_steps_sensor).skip_message == "No case waits for a service step."
    case_id = house.open("V000101")
    house.decide(case_id, "judge", "supplier", "protect")
    asked, again = house.due(case_id), house.due(case_id)
    assert asked.run_key == again.run_key, "Dagster makes one run of one key"
    assert asked.job_name == "replan_production_job"
    assert asked.tags["trueloop/case"] == case_id

    # Trueloop is stopped while it runs: the same attempt is asked for once more, and the case hears nothing.
    seq = house.service.case(case_id).seq
    stopped = house.failed(asked, stopped=True)
    once_more = heard(stopped)
    assert once_more.run_key not in (None, asked.run_key)
    assert heard(stopped).run_key == once_more.run_key, "however often it is told"
    assert (once_more.run_config, once_more.job_name) == (asked.run_config, asked.job_name)
    assert once_more.tags.items() <= asked.tags.items()
    assert house.service.case(case_id).seq == seq

    # The first attempt dies; the case hears it and asks for another.
    context = house.failed(once_more)
    heard(context)
    step = next(step for step in house.service.due_service_steps() if step.case_id == case_id)
    assert step.attempt == 2
    second = house.due(case_id)
    assert second.run_key != asked.run_key
    assert second.tags["trueloop/attempt"] == "2"

    # The same failure told twice, as after a lost cursor, changes nothing; nor is a stopped run of before asked for.
    seq = house.service.case(case_id).seq
    heard(context)
    assert heard(stopped).skip_message.endswith("waits for it no more.")
    assert house.service.case(case_id).seq == seq
    assert [step.attempt for step in house.service.due_service_steps() if step.case_id == case_id] == [2]

    assert house.replan(second).success
    assert house.tick(service_steps_sensor).run_requests == []
    assert house.task(case_id, "assess").assignee
    outcome = house.service.service_step(second.tags["trueloop/idempotency_key"])
    assert outcome is not None and outcome.result is not None
    assert outcome.result["snapshot_id"] == house.world.snapshot.id


def test_a_step_whose_job_is_gone_is_asked_of_a_person_and_holds_up_no_other_case(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, other = house.open("V000121"), house.open("V000122")
    for case_id in (lost, other):
        house.decide(case_id, "judge", "supplier", "protect")
    look = ProcessService.due_service_steps

    def renamed(service: ProcessService, *of: Any) -> list[ServiceStep]:
        """As if the first case followed a version from before the job had its name of today."""
        found = look(service, *of)
        return [replace(one, job="replan_by_hand_job") if one.case_id == lost else one for one in found]

    with monkeypatch.context() as patch:
        patch.setattr(ProcessService, "due_service_steps", renamed)
        asked = house.due(other)
    assert house.replan(asked).success
    step = house.service.case(lost).steps["replan"]
    assert (step.status, step.attempt) == ("failed", 1)
    assert step.error is not None and step.error.startswith("There is no job 'replan_by_hand_job'.")
    assert house.task(lost, "replan").purpose == "rescue"
    assert all(one.case_id != lost for one in house.service.due_service_steps())


def test_a_run_that_takes_trueloop_with_it_every_time_is_a_failed_attempt_in_the_end(house: House) -> None:
    case_id = house.open("V000103")
    house.decide(case_id, "judge", "supplier", "protect")
    asked = house.due(case_id)
    for _ in range(5):
        assert isinstance(heard(house.failed(asked, stopped=True)), dg.RunRequest)
    assert heard(house.failed(asked, stopped=True)) is None
    assert [step.attempt for step in house.service.due_service_steps() if step.case_id == case_id] == [2]


def test_effects_are_judged_by_the_published_figure_when_they_are_due(house: House) -> None:
    subject, rejects = next(
        (row["subject_id"], row["value"])
        for row in house.world.snapshot.rows(
            "select subject_id, value from metric_subject where metric = 'metric_supplier_reject_rate' "
            "and dimension = 'supplier' order by value"
        )
    )
    case_id = house.open(subject)
    house.decide(case_id, "judge", "supplier", "protect")
    asked = house.due(case_id)
    assert house.replan(asked).success
    house.decide(case_id, "assess", "promise")
    assert house.service.case(case_id).status == "watching_effect"
    assert house.tick(due_effects_sensor).skip_message == "0 cases judged by their metric."
    house.world.clock.advance(timedelta(days=7))
    assert house.tick(due_effects_sensor).skip_message == "0 cases judged by their metric.", "the figures are older"
    house.world.refresh()
    house.world.clock.advance(timedelta(days=1))
    assert house.tick(due_effects_sensor).skip_message == "1 cases judged by their metric."
    assert house.service.case(case_id).status == "effective"
    assert rejects <= 0.08
    assert house.tick(due_effects_sensor).skip_message == "0 cases judged by their metric."


def test_case_history_is_handed_over_once(house: House) -> None:
    case_id = house.open("V000104")
    nothing = "0 changed cases and tasks and 0 consistency scores handed over."
    assert house.tick(case_history_sensor).skip_message != nothing
    assert house.tick(case_history_sensor).skip_message == nothing
    assert [row["status"] for row in house.inbox("cases") if row["case_id"] == case_id] == ["open"]
    assert {row["step_id"] for row in house.inbox("tasks") if row["case_id"] == case_id} == {"judge"}


def test_clocks_run_and_fire_their_rungs_once(house: House) -> None:
    case_id = house.open("V000105")
    house.tick(due_rungs_sensor)
    house.world.clock.advance(timedelta(days=30))
    said = house.tick(due_rungs_sensor).skip_message
    assert not said.startswith("0 rungs fired")
    fired = [event for event in house.service.events(case_id) if type(event).__name__ == "RungFired"]
    assert fired
    house.tick(due_rungs_sensor)
    assert [e for e in house.service.events(case_id) if type(e).__name__ == "RungFired"] == fired


def test_each_scan_leaves_its_mark_also_where_a_case_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.now(UTC)
    house.tick(due_rungs_sensor)
    first = house.service.last_timer_scan()
    assert first is not None and began <= first <= datetime.now(UTC), "by the machine's clock"

    def broken(**_given: Any) -> int:
        raise ExceptionGroup("fire_due_rungs failed for 1 case(s)", [ValueError("boom")])

    asked: list[str] = []

    def kept() -> int:
        asked.append("keep_clocks")
        return 0

    monkeypatch.setattr(house.service, "fire_due_rungs", broken)
    monkeypatch.setattr(house.service, "keep_clocks", kept)
    with pytest.raises(ExceptionGroup, match="not everything that was due"):
        house.tick(due_rungs_sensor)
    second = house.service.last_timer_scan()
    assert second is not None and second > first
    assert asked == ["keep_clocks"], "the rest is done all the same"


def test_messages_wait_while_nobody_listens_and_steps_are_reported_all_the_same(house: House) -> None:
    house.decide(house.open("V000106"), "judge")
    said = house.tick(outbox_sensor).skip_message
    sent, retried, dead = (int(word) for word in said.replace(",", "").split() if word.isdigit())
    # Slack got nothing: what was sent is what Dagster heard.
    assert (dead, retried > 0, sent > 0) == (0, True, True), said
    judged = dg.AssetKey(["process", "supply_exception", "judge"])
    assert house.instance.get_latest_materialization_event(judged) is not None


def test_finished_reports_become_source_rows_and_other_runs_do_not(house: House) -> None:
    def run(name: str, *, fail: bool = False) -> dg.ExecuteInProcessResult:
        @dg.op(name="step")
        def step() -> None:
            if fail:
                raise ValueError("no disk")

        graph = dg.GraphDefinition(name=name, node_defs=[step])
        return graph.to_job().execute_in_process(instance=house.instance, raise_on_error=False)

    def context(result: dg.ExecuteInProcessResult, event: dg.DagsterEvent, sensor: str) -> dg.RunStatusSensorContext:
        return dg.build_run_status_sensor_context(
            sensor, event, house.instance, result.dagster_run, resources={"platform": house.platform}
        )

    good, bad, other = run(REFRESH_JOB), run(REFRESH_JOB, fail=True), run("some_other_job")
    for _ in range(2):
        success = context(good, good.get_run_success_event(), "run_success_history_sensor")
        assert run_success_history_sensor(success) is None
        failure = context(bad, bad.get_run_failure_event(), "run_failure_history_sensor")
        assert run_failure_history_sensor(failure) is None
    skipped = run_success_history_sensor(context(other, other.get_run_success_event(), "run_success_history_sensor"))
    assert isinstance(skipped, dg.SkipReason)
    rows = {row["run_id"]: row for row in house.inbox("runs")}
    assert {run_id: row["status"] for run_id, row in rows.items()} == {good.run_id: "SUCCESS", bad.run_id: "FAILURE"}
    assert all(row["started_at"] <= row["ended_at"] for row in rows.values())
    assert len(house.inbox("runs")) == 2


def test_a_snapshot_is_read_once_and_again_only_when_the_cursor_was_lost(house: House) -> None:
    catalog = house.world.definitions.catalog
    overrides = {"supplier_reject_rate_high": {"above": Decimal("0.000001"), "min_denominator": Decimal(1)}}
    sensor = build_published_sensor(catalog.watches(overrides))
    first = house.tick(sensor)
    assert first.cursor == house.world.snapshot.id
    assert "breaches" in first.skip_message
    opened = {case.case_id for case in house.service.cases(status="open", limit=1000)}
    assert "was read already" in house.tick(sensor, cursor=first.cursor).skip_message
    assert "0 cases opened" in house.tick(sensor).skip_message
    assert {case.case_id for case in house.service.cases(status="open", limit=1000)} == opened
    subjects = [case.subject_id for case in house.service.cases(status="open", limit=1000)]
    assert len(subjects) == len(set(subjects)), "one open case a supplier"


def test_the_five_minute_refresh_waits_for_a_running_one(house: House) -> None:
    refresh, _ = build_schedules("Asia/Shanghai")
    # A schedule's context takes an instance by reference only, so this one is on disk.
    (house.world.home / "schedules").mkdir()
    with dg.DagsterInstance.local_temp(str(house.world.home / "schedules")) as instance:
        _check_schedule(house, refresh, instance)


def _check_schedule(house: House, refresh: dg.ScheduleDefinition, instance: dg.DagsterInstance) -> None:
    context = dg.build_schedule_context(instance=instance, resources={"platform": house.platform})
    (request_,) = refresh.evaluate_tick(context).run_requests or []
    assert request_.tags["trueloop/as_of"] == house.platform.as_of().isoformat()
    instance.add_run(dg.DagsterRun(job_name=REFRESH_JOB, status=dg.DagsterRunStatus.STARTED))
    waiting = refresh.evaluate_tick(context)
    assert not waiting.run_requests
    assert "A refresh is running" in (waiting.skip_message or "")
