"""Troubles of the platform's own work as incidents. Shared by the watchdog sensor and the gateway, which watches over
the daemon that runs the watchdog.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ops_assets.automation import Trouble, sighting_of
from workflow_jobs.incidents import (
    AUTOMATION_RULE,
    RED_LINE_RULE,
    Finding,
    Kept,
    keep_incidents,
    open_incidents,
)
from workflow_jobs.service import ProcessService
from workflow_jobs.slack.incident_lines import COUNTED

OWNER: Final = "it_manager"
INFORMED: Final = ("data_owner",)
# What nobody but the gateway can see: that Dagster as a whole, or the watchdog in it, does not run.
GATEWAY_SUBJECTS: Final = ("dagster", "sensor/watchdog_sensor")


def keep_troubles(service: ProcessService, troubles: Sequence[Trouble], mine: Callable[[str], bool]) -> Kept:
    """Bring the incidents about the platform's own work in line with what was found; only ``mine`` are ended."""
    return keep_incidents(service, [finding_of(one) for one in troubles], {AUTOMATION_RULE}, mine=mine)


def failed_assets(service: ProcessService) -> frozenset[str]:
    """Assets that have an incident of their own."""
    return frozenset(case.subject_id for case in open_incidents(service, {RED_LINE_RULE}))


def finding_of(trouble: Trouble) -> Finding:
    """A trouble as the finding that opens or continues its incident."""
    told = sighting_of(trouble.times)
    return Finding(
        rule_id=AUTOMATION_RULE,
        subject_id=trouble.id,
        kind=trouble.kind,
        label=trouble.label,
        owner_role=OWNER,
        failed=[(trouble.label, trouble.sentence)],
        sighting=f"{COUNTED}{told}",
        symptoms=trouble.symptoms,
        affected_roles=INFORMED,
        times=told,
    )
