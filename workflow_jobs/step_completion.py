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
    """A completed process step, as Dagster is told of it. ``at`` is UTC."""

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

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> StepCompletion:
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
        )
