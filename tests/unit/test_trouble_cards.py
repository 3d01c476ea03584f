"""The card of an incident about the platform's own work shows what was seen, and no snapshot that there is none of."""

from __future__ import annotations

from ops_assets.automation import Trouble
from tests.engine_world import Play, shipped
from tests.unit.test_slack_messages import card
from workflow_jobs.engine import commands as c
from workflow_jobs.watching_over import finding_of


def _card(snapshot_id: str) -> str:
    play = Play(shipped("data_incident"))
    data = {"owner_role": "it_manager", "failed": [{"check": "job refresh_job", "sentence": "ValueError: no disk"}]}
    play.do(c.OpenCase(case_id="C-1", rule_id="automation", data=data, snapshot_id=snapshot_id))
    return str(card(play, "explain").blocks)


def test_a_failed_job_has_no_figures() -> None:
    found = finding_of(Trouble("job/refresh_job", "job", "job refresh_job", "ValueError: no disk", 2))
    said = _card(found.sighting)
    assert "ValueError: no disk" in said
    assert "Figures as of" not in said
    assert "napshot" not in said
    assert found.sighting not in said


def test_an_incident_of_a_snapshot_names_it() -> None:
    said = _card("20261116-000001")
    assert "Figures as of" in said
    assert "20261116-000001" in said
