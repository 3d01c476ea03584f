"""A case names who moved the figure most: computed once, as a channel may see it, and never in the way of the case."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any

import duckdb
import pytest

from ops_assets.access_file import load_access_policy
from ops_assets.breach import Breach
from ops_assets.catalog import Watch, load_catalog
from ops_assets.contributors import TimedSnapshot, contributors_of, periods_of
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import DimensionColumns
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.dictionary.watch_rule import WatchRule
from ops_assets.governed_figures import GovernedFigures
from resources.ops_database import migrate, open_engine
from resources.platform import MODELS_DIR
from resources.serving import Snapshot, SnapshotInfo, SnapshotStore
from tests.process_world import World
from workflow_jobs.detection import read_snapshot
from workflow_jobs.engine.state import CaseState
from workflow_jobs.slack.breach_lines import evidence

AS_OF = date(2026, 11, 15)
METRIC = "metric_supplier_reject_rate"
RULE = WatchRule.model_validate(
    {
        "name": "rising",
        "dimension": "supplier",
        "change": {"against": "previous_period", "more_than": "0.2"},
        "template": "supply_exception",
    }
)
WATCH = Watch(METRIC, RULE, "ratio", "down", DimensionColumns(id="supplier_id", label="supplier_label"))
# Of supplier A: four items of a hundred pieces a month; I1 goes from 10 to 40 rejects, I2 to 12, I3 to 9, I4 stays.
REJECTS = {"I1": (10, 40), "I2": (10, 12), "I3": (10, 9), "I4": (10, 10)}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    store = SnapshotStore(tmp_path / "serving")
    info = SnapshotInfo("s-000001", 1, datetime(2026, 11, 15, 4, tzinfo=UTC), AS_OF, "dongchen", 1, ())
    built = tmp_path / "building"
    with duckdb.connect(str(built)) as db:
        db.execute(
            "create table metrics as select ? as metric, 'percent' as unit, 2 as decimals, 'published' as state, "
            "? as as_of, 90 as window_days, 'Rejects' as label_en, '拒收' as label_zh, 'quality_manager' as owner_role",
            [METRIC, AS_OF],
        )
        db.execute("create table metric_part as select ? as metric", [METRIC])
        db.execute(
            "create table checks (check_name varchar, asset varchar, metrics varchar[], dimension varchar,"
            " severity varchar, sentence varchar)"
        )
        db.execute(
            f"create table {METRIC} (event_date date, supplier_id varchar, supplier_label varchar, "
            "item_id varchar, item_label varchar, numerator decimal(28,6), denominator decimal(28,6))"
        )
        rows: list[Any] = [(date(2026, 8, 1), "A", "Supplier A", "I1", "Item I1", 1, 100)]
        for item, both in REJECTS.items():
            for month, rejects in zip((9, 10), both, strict=True):
                rows.append((date(2026, month, 3), "A", "Supplier A", item, f"Item {item}", rejects, 100))
                rows.append((date(2026, month, 3), "B", "Supplier B", item, f"Item {item}", 10, 100))
        db.executemany(f"insert into {METRIC} values (?, ?, ?, ?, ?, ?, ?)", rows)
    store.snapshots_dir.mkdir(parents=True)
    store.parts_dir.mkdir(parents=True)
    store.commit(info, built)
    store.switch(info.id)
    return store.get(info.id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    yield World(engine)
    engine.dispose()


class Told:
    """What tells the contributors, with how often it was asked."""

    def __init__(self, seconds: float = 5.0, **classes: Any) -> None:
        self.asked, self.seconds = 0, seconds
        bundle = DefinitionBundle(
            metrics=load_catalog(MODELS_DIR / "metrics").metrics, security={METRIC: ModelSecurity(columns=classes)}
        )
        self.figures = GovernedFigures(bundle, load_access_policy())

    def __call__(self, snapshot: Snapshot, watch: Watch, breach: Breach, seconds: float) -> dict[str, Any]:
        self.asked += 1
        return contributors_of(snapshot, lambda: self.figures, watch, breach, seconds=self.seconds)


def opened(world: World, snapshot: Snapshot, told: Any) -> CaseState:
    read_snapshot(world.service, snapshot, [WATCH], (), told)
    (case,) = world.service.cases(template="supply_exception")
    return world.service.case(case.case_id)


def card(world: World, state: CaseState, language: str) -> str:
    context = World(world.engine, language=language).service.card_context(METRIC)
    blocks = evidence(state, context)
    return str(blocks[-1]["text"]["text"])


def test_a_supplier_s_case_names_the_items_that_moved_its_figure(world: World, snapshot: Snapshot) -> None:
    told = Told()
    state = opened(world, snapshot, told)
    found: Any = state.data["contributors"]
    json.dumps(found)
    assert (found["from"]["period"], found["to"]["period"]) == ("2026-09", "2026-10")
    assert Fraction(found["movement_exact"]) == Fraction(31, 400)
    assert [(one["dimension"], one["label"]) for one in found["top"]] == [
        ("item", "Item I1"),
        ("item", "Item I2"),
        ("item", "Item I3"),
    ]
    exact = [Fraction(one["contribution_exact"]) for one in found["top"]]
    assert exact == [Fraction(30, 400), Fraction(2, 400), Fraction(-1, 400)], "of the supplier's rows alone"
    assert card(world, state, "en") == (
        "*What moved the figure most*: +7.75 points (2026-09 → 2026-10)\n"
        "• item Item I1: +7.50 points (96.8 % of the movement)\n"
        "• item Item I2: +0.50 points (6.5 % of the movement)\n"
        "• item Item I3: -0.25 points (-3.2 % of the movement)"
    )
    assert "• 物料 Item I1: +7.50 个百分点 (占变动的 96.8 %)" in card(world, state, "zh")

    again = Snapshot(
        SnapshotInfo("s-000002", 2, datetime(2026, 11, 15, 5, tzinfo=UTC), AS_OF, "dongchen", 1, ()),
        snapshot.path,
        snapshot.path.parent,
    )
    state = opened(world, again, told)
    assert (state.breaches, told.asked) == (1, 1)
    assert state.data["contributors"] == found, "the evidence of the opening stays"


@pytest.mark.parametrize("hidden", ["personal", "confidential"])
def test_what_a_channel_may_not_see_is_not_in_the_case(world: World, snapshot: Snapshot, hidden: str) -> None:
    state = opened(world, snapshot, Told(item_id=hidden, item_label=hidden))
    assert "Item I" not in str(state.data)
    assert "I1" not in str(state.data)
    found: Any = state.data["contributors"]
    assert found["hidden"] == ["item"]
    assert "no dimension of this metric is shown in channels" in card(world, state, "en")
    assert "不在频道中显示" in card(world, state, "zh")


def test_a_failure_to_compute_is_logged_and_said_and_the_case_is_opened(
    world: World, snapshot: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> GovernedFigures:
        raise OSError("the policy's key cannot be read")

    with caplog.at_level(logging.ERROR):
        state = opened(world, snapshot, lambda one, watch, breach, _left: contributors_of(one, broken, watch, breach))
    assert "the policy's key cannot be read" in caplog.text
    assert "could not be computed" in card(world, state, "en")
    assert "未能计算" in card(world, state, "zh")
    assert state.open_tasks, "and people act on it"


def test_time_is_bounded(world: World, snapshot: Snapshot, caplog: pytest.LogCaptureFixture) -> None:
    state = opened(world, snapshot, Told(seconds=0.0))
    assert "took too long" in card(world, state, "en")
    assert "not told within" in caplog.text
    started = monotonic()
    with pytest.raises(duckdb.InterruptException):
        TimedSnapshot(snapshot, 0.2).rows(
            "select count(*) from range(1000000) a, range(1000000) b where a.range % 7 = 1"
        )
    assert monotonic() - started < 20, "a query under way is ended too"


def test_the_periods_are_those_that_the_rule_compares() -> None:
    def labels(window_days: int | None = 30, **condition: Any) -> tuple[str, ...]:
        rule = WatchRule.model_validate({"name": "rule", "template": "supply_exception", **condition})
        return tuple(period.label for period in periods_of(Watch(METRIC, rule), AS_OF, window_days))

    assert labels(above="0.1") == ("2026-09-17..2026-10-16", "2026-10-17..2026-11-15")
    assert labels(None, above="0.1") == ("2026-09", "2026-10")
    young = periods_of(Watch(METRIC, RULE.model_copy(update={"change": None})), AS_OF, 30, date(2026, 9, 18))
    assert [period.label for period in young] == ["2026-09", "2026-10"], "half a window would look like a rise"
    assert labels(change={"against": "same_period_last_year", "more_than": "0.1"}) == ("2025-10", "2026-10")
    assert labels(control={"rules": [1], "points": "week", "baseline": 8}) == ("2026-W44", "2026-W45")
