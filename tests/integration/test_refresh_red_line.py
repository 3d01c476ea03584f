"""Red lines through the real refresh job: held back, dated, others moving, readers undisturbed, released, mended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from definitions import build_defs
from gateway.cli import app
from ops_assets.dongchen.feed import feed_until
from resources.dagster_home import prepare_dagster_home
from resources.serving import SnapshotStore
from tests.platform_world import SCALE, UNTIL, PlatformWorld, PublishedHome
from workflow_jobs.detection import read_snapshot
from workflow_jobs.incidents import INCIDENT_TEMPLATE
from workflow_jobs.wiring import process_service

HELD = "metric_line_performance"
MOVES = "metric_line_quality"
CHECK = "line_performance_pieces_are_not_faster_than_ideal"
NAMES = "metric, state, value_text, numerator, denominator, as_of, good_snapshot_id"


def _runs(total: int) -> list[dict[str, Any]]:
    """Runs of the last day; counters that jumped give far more pieces than the machine can make."""
    return [
        {
            "run_id": f"RUN-T{number}",
            "wo_no": "WO-T",
            "line_code": "L01",
            "item_code": "unknown",
            "machine_time": "2026-11-20 10:00:00",
            "server_time": "2026-11-20 10:00:00",
            "planned_minutes": 60,
            "total_count": total,
            "good_count": 1,
            "ideal_cycle_seconds": "30.00",
        }
        for number in range(40)
    ]


@dataclass
class Readers:
    """Threads that read the published figures without a pause; what they saw, and what failed."""

    store: SnapshotStore
    seen: set[tuple[str, str | None, str | None]] = field(default_factory=set)
    snapshots: set[str] = field(default_factory=set)
    failures: list[BaseException] = field(default_factory=list)

    @contextmanager
    def polling(self) -> Iterator[None]:
        stop = threading.Event()

        def read() -> None:
            store = SnapshotStore(self.store.root)
            try:
                while not stop.is_set():
                    snapshot = store.current()
                    assert snapshot is not None
                    rows = snapshot.rows(f"select {NAMES} from metrics")
                    assert len(rows) > 20
                    (parts,) = snapshot.rows(f"select sum(numerator) as n, count(*) as rows from {HELD}")
                    assert parts["rows"] > 0
                    self.snapshots.add(snapshot.id)
                    self.seen.update((row["metric"], row["value_text"], row["numerator"]) for row in rows)
                    stop.wait(0.02)
            except BaseException as error:  # noqa: BLE001 - reported by the test
                self.failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


class Line:
    """A world whose refreshes are runs of the real job on a real Dagster instance."""

    def __init__(self, world: PlatformWorld) -> None:
        self.world = world
        self.defs = build_defs(resources={"platform": world.platform})
        self.dagster_home = prepare_dagster_home(world.platform.settings)
        self.audited: set[tuple[str, str | None, str | None]] = self._figures()

    def refresh(self) -> dict[str, dict[str, Any]]:
        """Run the refresh job; returns the published metrics by name."""
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            result = self.defs.resolve_job_def("refresh_job").execute_in_process(instance=instance)
        assert result.success
        self.audited |= self._figures()
        return self.metrics()

    def metrics(self) -> dict[str, dict[str, Any]]:
        return {row["metric"]: row for row in self.world.snapshot.rows("select * from metrics")}

    def read(self) -> list[Any]:
        """Let the sensor's function read the current snapshot; returns the open data incidents."""
        service = process_service(self.world.platform)
        read_snapshot(service, self.world.snapshot, [])
        read_snapshot(service, self.world.snapshot, [])
        return service.cases(status="open", template=INCIDENT_TEMPLATE, limit=100)

    def _figures(self) -> set[tuple[str, str | None, str | None]]:
        return {(name, row["value_text"], row["numerator"]) for name, row in self.metrics().items()}


def _command(monkeypatch: pytest.MonkeyPatch, world: PlatformWorld, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("TRUELOOP_HOME", str(world.home))
    monkeypatch.setenv("TRUELOOP_AS_OF", UNTIL.isoformat())
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_a_red_line_on_a_metric_is_held_released_and_mended_under_polling_readers(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = copy_world(published.home)
    line = Line(world)
    before = line.metrics()
    readers = Readers(world.platform.snapshots)
    with readers.polling():
        # Counters jump: the runs are loaded, the audit holds the metric back, what does not stand on it moves on.
        world.post("mes", "production_runs", _runs(100_000))
        held = line.refresh()
        assert held[HELD]["state"] == "held"
        assert CHECK in held[HELD]["reason"]
        assert f"last good figures of {UNTIL}" in held[HELD]["reason"]
        for kept in ("value_text", "numerator", "denominator", "as_of", "good_snapshot_id", "rows"):
            assert held[HELD][kept] == before[HELD][kept], kept
        assert held[MOVES]["state"] == "published"
        assert held[MOVES]["value_text"] != before[MOVES]["value_text"]
        assert [name for name, row in held.items() if row["state"] == "held"] == [HELD]
        (incident,) = line.read()
        assert (incident.subject_id, incident.metric) == (HELD, HELD)

        # Nobody but an owner may release it, and only with a reason.
        owner = world.snapshot.rows(
            "select login from people join person_roles using (person_id) where role = ?", [held[HELD]["owner_role"]]
        )[0]["login"]
        release = ("metrics", "release", HELD, "--by")
        code, said = _command(monkeypatch, world, *release, "nobody", "--reason", "x")
        assert (code, "does not own" in said, owner in said) == (1, True, True)
        code, said = _command(monkeypatch, world, *release, owner, "--reason", "  ")
        assert (code, "needs a reason" in said) == (1, True)
        code, said = _command(monkeypatch, world, "metrics", "release", MOVES, "--by", owner, "--reason", "x")
        assert code == 1
        assert "not held back" in said or "does not own" in said
        code, said = _command(monkeypatch, world, *release, owner, "--reason", "counters reset by the maker")
        assert code == 0, said
        released = line.refresh()
        assert released[HELD]["state"] == "warning"
        assert "counters reset by the maker" in released[HELD]["reason"]
        assert owner in released[HELD]["reason"]
        assert released[HELD]["numerator"] != before[HELD]["numerator"]
        assert [case.subject_id for case in line.read()] == [HELD], "a release mends nothing"

        # The line sends right counts under the same runs: a clean audit ends incident and release.
        world.post("mes", "production_runs", _runs(2), name="mended")
        mended = line.refresh()
        assert (mended[HELD]["state"], mended[HELD]["reason"]) == ("published", "")
        assert line.read() == []
        assert json.loads((world.platform.settings.serving_dir / "releases.json").read_text()) == {}
    assert readers.failures == []
    assert len(readers.snapshots) == 4
    assert readers.seen <= line.audited
    assert {row for row in readers.seen if row[0] == HELD} == {
        (HELD, row[HELD]["value_text"], row[HELD]["numerator"]) for row in (before, released, mended)
    }


def test_a_red_line_on_a_fact_holds_what_stands_on_it_until_the_source_speaks_again(
    copy_world: Callable[..., PlatformWorld], published: PublishedHome
) -> None:
    world = copy_world(published.home)
    line = Line(world)
    before = line.metrics()
    world.clock.advance(timedelta(days=15))
    today = UNTIL + timedelta(days=15)
    readers = Readers(world.platform.snapshots)
    with readers.polling():
        silent = line.refresh()
        red = {row["asset"] for row in world.snapshot.rows("select distinct asset from checks where severity = 'red'")}
        assert {"fct_sales_order_line", "fct_delivery", "fct_production_run", "fct_inventory_balance"} <= red
        standing_on = {
            name
            for name, row in before.items()
            if row["state"] != "unavailable" and (red & {name, *world.definitions.project.upstream[name]})
        }
        assert {name for name, row in silent.items() if row["state"] == "held"} == standing_on
        for name in standing_on:
            assert silent[name]["value_text"] == before[name]["value_text"], name
            assert silent[name]["as_of"] == UNTIL, name
        moved = {name for name, row in silent.items() if row["state"] in {"published", "warning"}}
        assert {"metric_product_approval_time", "metric_customer_satisfaction"} <= moved
        assert all(silent[name]["as_of"] == today for name in moved)
        # Nothing came for two weeks: the systems that fell silent are the causes, what is stale are their symptoms.
        incidents = line.read()
        assert [case.subject_id for case in incidents if case.rule_id != "delivery"] == []
        assert {case.subject_id for case in incidents} >= {"source/erp", "source/mes", "source/wms"}
        service = process_service(world.platform)
        listed = [service.case(case.case_id).data["symptoms"] for case in incidents]
        assert red <= {name for symptoms in listed if isinstance(symptoms, list) for name in symptoms}

        sample = {"seed": 7, "scale": SCALE, "days": 100, "until": UNTIL.isoformat()}
        assert feed_until(world.landing, world.clock.now(), sample=sample) > 50
        spoken = line.refresh()
        assert not [name for name, row in spoken.items() if row["state"] in {"held", "none_good"}]
        assert {row["as_of"] for row in spoken.values()} == {today, None}
        assert line.read() == []
    assert readers.failures == []
    assert readers.seen <= line.audited


def test_with_nothing_good_yet_a_held_metric_shows_no_figure(
    copy_world: Callable[..., PlatformWorld], empty_home: Path
) -> None:
    world = copy_world(empty_home)
    world.post("mes", "production_runs", _runs(100_000))
    _, report, published = world.refresh()
    assert set(report.held) == {HELD}
    assert published is not None
    row = world.metric(HELD)
    assert (row["state"], row["value_text"], row["numerator"], row["as_of"]) == ("none_good", None, None, None)
    assert row["reason"].startswith("Held back, none good yet: ")
    assert world.snapshot.rows("select * from metric_period where metric = ?", [HELD]) == []
    moved = world.metric(MOVES)
    assert (moved["state"], moved["numerator"], moved["denominator"]) == ("published", "40", "4000000")
