"""A completed process step as it is told to Dagster, and the name of its asset. Pure; free of dagster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PREFIX = "process"


def step_path(template_id: str, step_id: str) -> list[str]:
    """Path of the asset key of a step."""
    return [PREFIX, template_id, step_id]


@dataclass(frozen=True, slots=True)
class StepCompletion:
    """A completed process step, as Dagster is told of it. ``at`` is UTC.

    ``maybe_reported``: an earlier attempt to report it ended without a known outcome.
    """

    case_id: str
    template_id: str
    step_id: str
    at: datetime
    outcome: str
    decided_by: str
    working_minutes: int | None
    subject_id: str
    metric: str
    event_seq: int
    maybe_reported: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, maybe_reported: bool = False) -> StepCompletion:
        return cls(
            case_id=body["case_id"],
            template_id=body["template_id"],
            step_id=body["step_id"],
            at=datetime.fromisoformat(body["at"]),
            outcome=body["outcome"],
            decided_by=body["decided_by"],
            working_minutes=body["working_minutes"],
            subject_id=body["subject_id"],
            metric=body["metric"],
            event_seq=body["event_seq"],
            maybe_reported=maybe_reported,
        )
