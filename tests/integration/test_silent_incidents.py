"""Rows that stop coming: metrics that lose them to one cause are one incident, and it ends when the rows come again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ops_assets.catalog import Watch
from ops_assets.dictionary.watch_rule import WatchRule
from resources.ops_database import migrate, open_engine
from tests.incident_world import OWNERS, Lineage
from tests.process_world import World
from workflow_jobs.detection import read_snapshot
from workflow_jobs.engine.state import CaseState
from workflow_jobs.incidents import INCIDENT_TEMPLATE


def rule(metric: str) -> Watch:
    name = f"{metric.removeprefix('metric_')}_without_rows"
    return Watch(
        metric, WatchRule.model_validate({"name": name, "missing": {"for": "7d"}, "template": INCIDENT_TEMPLATE})
    )


WATCHES = [rule(metric) for metric in OWNERS]


class Silent:
    """A service, a planted lineage, and what is open after each reading."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.service, self.lineage = World(engine).service, Lineage(folder)

    def read(self) -> set[str]:
        read_snapshot(self.service, self.lineage.publish(), WATCHES, self.lineage.set_aside)
        return {case.subject_id for case in self.service.cases(status="open", template=INCIDENT_TEMPLATE)}

    def about(self, subject: str) -> CaseState:
        (case,) = [one for one in self.service.cases(template=INCIDENT_TEMPLATE) if one.subject_id == subject]
        return self.service.case(case.case_id)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Silent]:
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    migrate(engine)
    yield Silent(engine, tmp_path / "serving")
    engine.dispose()


def test_metrics_that_lose_rows_to_one_late_feed_are_one_incident_of_the_source(silent: Silent) -> None:
    silent.lineage.silent.add("stg_moves")
    silent.lineage.unnoticed.add("wms__moves")
    for _ in range(2):
        assert silent.read() == {"source/wms"}
    state = silent.about("source/wms")
    assert state.data["symptoms"] == ["fct_move", "metric_delivery", "metric_stock", "metric_turnover"]
    assert "wms__moves last came on 2026-11-07" in str(state.data["failed"])
    assert state.open_tasks[0].role == "it_manager"
    assert state.data["affected_roles"] == ["finance_manager", "logistics_manager", "warehouse_manager"]
    silent.lineage.silent.clear()
    assert silent.read() == set(), "the rows are there again"


def test_a_file_that_was_set_aside_is_the_cause_too(silent: Silent) -> None:
    # Its checks of age are red as well, so the metric is held back: nothing but the delivery is said.
    silent.lineage.silent.add("fct_quote")
    silent.lineage.aside.add("crm__quotes")
    assert silent.read() == {"source/crm/quotes"}


def test_without_a_late_feed_the_model_that_the_rows_come_from_is_the_root(silent: Silent) -> None:
    silent.lineage.silent.add("metric_stock")
    assert silent.read() == {"metric_stock"}, "one metric alone is a matter of its own"
    alone = silent.about("metric_stock")
    assert (alone.rule_id, alone.data["owner_role"]) == ("stock_without_rows", "warehouse_manager")
    silent.lineage.silent = {"stock_between", "fct_person"}
    assert silent.read() == {"stock_between", "metric_headcount"}
    root = silent.about("stock_between")
    assert root.data["symptoms"] == ["metric_stock", "metric_turnover"]
    assert root.open_tasks[0].role == "data_owner"
    assert "metric_turnover: no row since 2026-10-27, 19 days ago" in str(root.data["failed"])
    alone = silent.about("metric_stock")
    assert (alone.status, alone.outcome, alone.joined) == ("closed", "joined", root.case_id)
    # The feed turns out to be late: the cause lies further up.
    silent.lineage.unnoticed.add("wms__moves")
    assert silent.read() == {"source/wms", "metric_headcount"}
    assert silent.about("stock_between").joined == silent.about("source/wms").case_id
    silent.lineage.silent.clear()
    assert silent.read() == set()
