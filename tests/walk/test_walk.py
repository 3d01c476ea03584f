"""The walk of the design, stop by stop, on a real stack: a supplier delivers two days late.

Read this first: it is the whole product in ten tests. They follow one another on the same state, in this order.
"""

from __future__ import annotations

from datetime import timedelta

import httpx

from ops_assets.watching import subject_figure
from tests.walk.conftest import Walked

METRIC = "metric_supplier_on_time_rate"


def _case_id(walked: Walked) -> str:
    (case,) = walked.walk.service.cases(template="supply_exception")
    return case.case_id


def test_1_an_event_arrives_durable_and_once(walked: Walked) -> None:
    before = subject_figure(
        walked.walk.platform.snapshots.current(),  # type: ignore[arg-type]
        METRIC,
        "supplier",
        walked.walk.story.supplier_no,
    )
    assert before is not None
    assert before >= 0.8, "the supplier is healthy before the event"
    walked.walk.collect()
    assert "accepted 1, again: 1 duplicate" in walked.said(1)


def test_2_a_sensor_wakes_the_refresh(walked: Walked) -> None:
    walked.walk.wake()
    assert "of refresh_job loaded the event" in walked.said(2)


def test_3_the_late_line_counts_in_the_governed_metric(walked: Walked) -> None:
    walked.walk.model()
    assert f"{walked.walk.story.po_no} due" in walked.said(3)
    assert "counts 0.000000 of 1.000000" in walked.said(3)


def test_4_the_new_state_is_audited(walked: Walked) -> None:
    walked.walk.audit()
    assert walked.said(4).endswith("held back: nothing")


def test_5_readers_see_it_in_an_immutable_snapshot(walked: Walked) -> None:
    walked.walk.publish()
    settings = walked.walk.settings
    body = httpx.get(f"{settings.gateway_url}/api/v1/metrics/{METRIC}", trust_env=False).json()
    current = walked.walk.platform.snapshots.current()
    assert current is not None
    assert body["snapshot_id"] == current.id
    figure = subject_figure(current, METRIC, "supplier", walked.walk.story.supplier_no)
    assert figure is not None
    assert figure < 0.8


def test_6_the_breach_opens_one_case(walked: Walked) -> None:
    walked.walk.detect()
    case = walked.walk.service.case(_case_id(walked))
    assert (case.status, case.subject_id) == ("open", walked.walk.story.supplier_no)


def test_7_the_card_reaches_the_person_whom_role_and_load_choose(walked: Walked) -> None:
    walked.walk.tell()
    task = next(t for t in walked.walk.service.tasks(case_id=_case_id(walked)) if t.step_id == "judge")
    assert task.assignee in walked.walk.service.directory().candidates("quality_engineer")


def test_8_people_decide_in_slack_and_a_job_replans(walked: Walked) -> None:
    walked.walk.decide()
    done = {t.step_id: t.outcome for t in walked.walk.service.tasks(case_id=_case_id(walked), open_only=False)}
    assert (done["judge"], done["supplier"], done["assess"]) == ("confirm", "agreed", "approve")
    assert "replan: run " in walked.said(8)


def test_9_nobody_clicks_and_each_rung_fires_once(walked: Walked) -> None:
    walked.walk.escalate()
    task = next(
        t for t in walked.walk.service.tasks(case_id=_case_id(walked), open_only=False) if t.step_id == "promise"
    )
    assert task.rungs_fired == 2
    assert task.breached
    assert "80 %: remind" in walked.said(9)
    assert "100 %: escalate" in walked.said(9)


def test_10_the_case_closes_is_measured_and_worked(walked: Walked) -> None:
    walked.walk.measure_again()
    (case,) = walked.walk.service.cases(template="supply_exception")
    assert (case.status, case.effective) == ("effective", True)
    assert case.closed_at is not None
    assert walked.walk.clock.now() - case.closed_at >= timedelta(days=7)
    current = walked.walk.platform.snapshots.current()
    assert current is not None
    rows = current.rows("select metric, value_text from metrics where domain = 'process' and value_text is not null")
    assert {"metric_case_cycle_time", "metric_sla_attainment"} <= {row["metric"] for row in rows}
