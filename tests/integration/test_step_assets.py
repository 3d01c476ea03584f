"""Process steps in Dagster's graph: the specs, runless completions, and the replanning job run by a real instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import dagster as dg
import duckdb
import pytest
from sqlalchemy.engine import Engine

from ops_assets.catalog import Watch
from ops_assets.dictionary.watch_rule import WatchRule
from resources.calendars import CalendarSpec
from resources.clock import FixedClock
from resources.ops_database import migrate, open_engine
from resources.people_reading import CurrentDirectory
from resources.serving import SnapshotInfo, SnapshotStore
from resources.settings import Settings
from tests.engine_world import MONDAY, STAFF, shipped
from tests.process_world import World
from workflow_jobs.jobs import replan, service_jobs
from workflow_jobs.replanning import OpenOrder, propose
from workflow_jobs.step_assets import report_completions, step_asset_specs, step_key
from workflow_jobs.step_completion import StepCompletion

T = TypeVar("T")
TEMPLATES = [shipped("data_incident"), shipped("supply_exception")]


def _watch(metric: str) -> Watch:
    return Watch(metric, WatchRule(name=f"{metric}_high", above=Decimal("0.1"), template="supply_exception"))


def test_steps_follow_their_metric_and_each_other() -> None:
    specs = {spec.key: spec for spec in step_asset_specs(TEMPLATES, [_watch("metric_a"), _watch("metric_b")])}

    def before(step: str) -> set[str]:
        return {dep.asset_key.to_user_string() for dep in specs[step_key("supply_exception", step)].deps}

    assert before("judge") == {"metric_a", "metric_b"}
    assert before("replan") == {"process/supply_exception/supplier"}
    assert before("assess") == {"process/supply_exception/replan", "process/supply_exception/protect"}
    assert before("outcome") == {"process/supply_exception/promise"}
    judge = specs[step_key("supply_exception", "judge")]
    assert judge.owners == ["team:quality_manager"]
    assert judge.metadata["sla_working_time"] == "PT4H"
    assert {"human"} == judge.kinds and {"job"} == specs[step_key("supply_exception", "replan")].kinds
    assert not list(specs[step_key("data_incident", "explain")].deps)


def test_a_step_names_all_who_vote_and_what_may_be_chosen() -> None:
    others = [shipped("new_product_introduction"), shipped("data_service_subscription")]
    specs = {spec.key: spec for spec in step_asset_specs(others, [])}
    voted = specs[step_key("new_product_introduction", "countersign")]
    assert voted.metadata["responsible"].count(", ") == 3
    described = [spec.description or "" for spec in specs.values()]
    assert [one for one in described if "Choices: " in one]
    assert not [one for one in described if one.endswith(").")], "no person's step has its title alone"


def test_a_process_metric_is_linked_and_closes_no_cycle() -> None:
    specs = step_asset_specs(TEMPLATES, [_watch("metric_case_cycle_time")], process_metrics={"metric_case_cycle_time"})
    judge = next(spec for spec in specs if spec.key == step_key("supply_exception", "judge"))
    assert not list(judge.deps)
    assert judge.metadata["opened_by_process_metrics"] == "metric_case_cycle_time"
    # The whole loop: outcome -> history -> process metric. Dagster loads a circle of external assets without a word, so
    # the graph is sorted here.
    history = dg.AssetSpec("history", deps=[step_key("supply_exception", "outcome")])
    metric = dg.AssetSpec("metric_case_cycle_time", deps=["history"])
    _sorted([*specs, history, metric])
    with pytest.raises(CycleError):
        _sorted([*step_asset_specs(TEMPLATES, [_watch("metric_case_cycle_time")]), history, metric])


def _sorted(specs: list[dg.AssetSpec]) -> list[dg.AssetKey]:
    return list(TopologicalSorter({spec.key: [dep.asset_key for dep in spec.deps] for spec in specs}).static_order())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as found:
        yield found


def test_completions_are_events_of_their_asset(instance: dg.DagsterInstance) -> None:
    done = StepCompletion("C-1", "supply_exception", "judge", MONDAY, "confirm", "q1", 75, "V1", "metric_a", 4)
    report_completions(instance, [done])
    event = instance.get_latest_materialization_event(step_key("supply_exception", "judge"))
    assert event is not None and event.asset_materialization is not None
    metadata = {name: entry.value for name, entry in event.asset_materialization.metadata.items()}
    assert (metadata["case_id"], metadata["decided_by"], metadata["working_minutes"]) == ("C-1", "q1", 75)


def _snapshot_store(folder: Path, *, conformed: bool) -> SnapshotStore:
    store = SnapshotStore(folder)
    folder.mkdir(parents=True)
    built = folder / "built.duckdb"
    with duckdb.connect(str(built)) as db:
        db.execute(
            "create table people (person_id varchar, name varchar, email varchar, login varchar, title varchar,"
            " department_id varchar, department_name varchar, manager_id varchar, country varchar)"
        )
        db.execute("create table person_roles (person_id varchar, role varchar)")
        db.execute("create table absences (person_id varchar, starts_on date, ends_on date)")
        db.execute(
            "create table metrics (metric varchar, label_en varchar, label_zh varchar, unit varchar, decimals int)"
        )
        for person_id, (name, boss, roles) in STAFF.items():
            db.execute("insert into people (person_id, name, manager_id) values (?, ?, ?)", [person_id, name, boss])
            for role in roles:
                db.execute("insert into person_roles values (?, ?)", [person_id, role])
        if conformed:
            db.execute("create table fct_purchase_order_line (supplier_id varchar, item_id varchar)")
            db.execute("insert into fct_purchase_order_line values ('S1', 'i1'), ('S1', 'i1'), ('S2', 'i2')")
            db.execute(
                "create table fct_work_order (work_order_no varchar, line_code varchar, item_id varchar,"
                " quantity decimal(18, 4), planned_start timestamp, event_date date)"
            )
            db.execute(
                "insert into fct_work_order values"
                " ('W0', 'L1', 'i1', 5, '2026-11-14 08:00', '2026-11-14'),"
                " ('W1', 'L1', 'i1', 5, '2026-11-16 08:00', '2026-11-16'),"
                " ('W2', 'L1', 'i2', 5, '2026-11-17 08:00', '2026-11-17')"
            )
    info = SnapshotInfo("snap-1", 1, datetime(2026, 11, 16, tzinfo=UTC), date(2026, 11, 15), "small", 1, ())
    store.commit(info, built)
    store.switch("snap-1")
    return store


class _Platform:
    """What the job needs of the platform; hashable, as the real one."""

    def __init__(self, engine: Engine, snapshots: SnapshotStore, home: Path) -> None:
        self.ops_engine = engine
        self.clock = FixedClock(MONDAY)
        self.snapshots = snapshots
        self.pack = SimpleNamespace(
            name="small", calendar="CN", time_zone="Asia/Shanghai", calendars={"default": CalendarSpec()}, roles={}
        )
        self.people = CurrentDirectory(snapshots)
        self.settings = SimpleNamespace(
            slack_channel="ops",
            language="en",
            gateway_url="http://127.0.0.1:8400",
            home=home,
            templates_dir=Settings.model_fields["templates_dir"].get_default(call_default_factory=True),
        )

    def once(self, build: Callable[[_Platform], T]) -> T:
        """Built anew each time: nothing here is kept in it."""
        return build(self)


def test_the_job_hands_its_proposal_to_the_case_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    platform = _Platform(engine, _snapshot_store(tmp_path / "serving", conformed=True), tmp_path)
    world = World(engine)
    case_id = world.open("S1").case_id
    for step in ("judge", "supplier", "protect"):
        world.decide(case_id, step)
    (due,) = world.service.due_service_steps()
    config = {"case_id": case_id, "step_id": due.step_id, "idempotency_key": due.idempotency_key}
    (job,) = [job for job in service_jobs() if job.name == due.job]

    def run() -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            run_config={"ops": {job.name.removesuffix("_job"): {"config": config}}},
            instance=instance,
            resources={"platform": platform},
        )

    assert run().success
    outcome = world.service.service_step(due.idempotency_key)
    assert outcome is not None and outcome.status == "done" and outcome.result is not None
    assert [move["work_order_no"] for move in outcome.result["moves"]] == ["W2", "W1"]
    assert world.task(case_id, "assess").assignee == "fm"
    seq = world.service.case(case_id).seq
    assert run().success, "a second run of a done step does nothing"
    assert world.service.case(case_id).seq == seq
    event = instance.get_latest_materialization_event(step_key("supply_exception", "replan"))
    assert event is not None and event.asset_materialization is not None
    assert event.asset_materialization.metadata["case_id"].value == case_id
    engine.dispose()


def test_without_conformed_rows_nothing_is_to_be_replanned(tmp_path: Path) -> None:
    for snapshot in (None, _snapshot_store(tmp_path / "serving", conformed=False).current()):
        proposal = replan(snapshot, "S1")
        assert proposal["moves"] == [] and "No open production was found" in proposal["summary"]


def test_replanning_keeps_every_slot_and_the_order_within_each_group() -> None:
    orders = [
        OpenOrder(f"W{n}", "L1" if n < 5 else "L2", item, "1", datetime(2026, 11, 16, 8 + n))
        for n, item in enumerate(["x", "a", "x", "b", "a", "x", "a"])
    ]
    proposal = propose("S", ["x"], orders)
    to = {move["work_order_no"]: move["to"][11:13] for move in proposal["moves"]}
    assert to == {"W1": "08", "W3": "09", "W4": "10", "W0": "11", "W2": "12", "W6": "13", "W5": "14"}
    assert (proposal["affected_work_orders"], proposal["open_work_orders"]) == (3, 7)
