"""The rows that the history of the process hands over: one mapping for a case, a closing, a judgement, a task, a visit,
a rating, open work.

Belongs here: columns, as `dbt_project/models/staging/trueloop/_sources.yml` declares them, and the ids of their
versions. Does not belong here: which rows changed (history), what a visit and a closing are (step_visits, case_rounds).
Instants are text in UTC without offset: a time with one would be turned into the pack's local time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from workflow_jobs.case_rounds import Judgement, Round
from workflow_jobs.step_visits import Event, StepVisit, TaskFate

# Part of every event id: raise it when a row of the same moment would be written otherwise than before. All history is
# handed over anew then.
FORM: Final = 3
NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True, order=True)
class WorkGroup:
    """Whose open work: of one step, for one role, with one person (`NOBODY` where nobody has it yet)."""

    template_id: str
    step_id: str
    role: str
    assignee_id: str


@dataclass(frozen=True, slots=True)
class OpenWork:
    """How much open work a group has: tasks, their weight by priority, and how many are past their term."""

    tasks: int = 0
    weight: float = 0.0
    overdue: int = 0


def case_row(row: Mapping[str, Any], events: Sequence[Event]) -> tuple[str, dict[str, Any]]:
    """A case as it stands; `row` is the store's, `events` its whole log."""
    judged = [event["at"] for event in events if event["type"] == "EffectJudged"]
    return f"case:{row['case_id']}:{row['seq']}:{FORM}", {
        "case_id": row["case_id"],
        "template_id": row["template_id"],
        "status": row["status"],
        "outcome": row["outcome"],
        "subject_kind": row["subject_kind"] or None,
        "subject_id": row["subject_id"] or None,
        "metric": row["metric"] or None,
        "rule_id": row["rule_id"],
        "opened_at": instant(row["opened_at"]),
        "closed_at": instant(row["closed_at"]),
        "working_minutes_open": row["working_minutes_open"],
        "effective": row["effective"],
        "judged_at": instant(datetime.fromisoformat(judged[-1])) if judged and row["effective"] is not None else None,
        "returns": sum(event["type"] == "CaseReturned" for event in events),
    }


def closing_row(row: Mapping[str, Any], closed: Round, working: timedelta) -> tuple[str, dict[str, Any]]:
    """A closing of a case, which stays when it is opened again; `row` is the store's, `working` the round's time."""
    minutes = int(working.total_seconds() // 60)
    return f"closing:{row['case_id']}:{closed.number}:{minutes}:{FORM}", {
        "case_id": row["case_id"],
        "closing": closed.number,
        "template_id": row["template_id"],
        "outcome": closed.outcome,
        "began_at": instant(closed.began_at),
        "closed_at": instant(closed.closed_at),
        "working_minutes": minutes,
        "returns": closed.returns,
    }


def judgement_row(row: Mapping[str, Any], judged: Judgement) -> tuple[str, dict[str, Any]]:
    """A judgement of a case's effect, which stays when it is opened again; `row` is the store's."""
    return f"judgement:{row['case_id']}:{judged.number}:{FORM}", {
        "case_id": row["case_id"],
        "judgement": judged.number,
        "template_id": row["template_id"],
        "metric": row["metric"] or None,
        "effective": judged.effective,
        "judged_at": instant(judged.judged_at),
        "figures_as_of": judged.as_of.isoformat() if judged.as_of else None,
    }


def task_row(
    row: Mapping[str, Any], fate: TaskFate | None, seq: int, *, overdue: bool = False
) -> tuple[str, dict[str, Any]]:
    """A task as it stands after event `seq` of its case; `overdue`: its term passed since, without any event."""
    return f"task:{row['task_id']}:{seq}:{'overdue:' if overdue else ''}{FORM}", {
        "task_id": row["task_id"],
        "case_id": row["case_id"],
        "template_id": row["template_id"],
        "step_id": row["step_id"],
        "role": row["role"],
        "assignee_id": row["assignee"],
        "created_at": instant(row["created_at"]),
        "due_at": instant(row["due_at"]),
        "decided_at": instant(row["decided_at"]),
        "outcome": row["outcome"],
        "working_minutes": row["working_minutes"],
        "breached": overdue or row["breached"],
        "rungs_fired": row["rungs_fired"],
        "purpose": fate.purpose if fate else "decide",
        "ended_at": instant(fate.ended_at) if fate else None,
        "by_default": bool(fate and fate.by_default),
    }


def visit_row(case_id: str, template_id: str, visit: StepVisit) -> tuple[str, dict[str, Any]]:
    """A visit of a step. Its minutes are empty while it lasts, since they grow with every look."""
    ended = visit.ended_at is not None
    minutes = [int(span.total_seconds() // 60) for span in (visit.working, visit.waiting)]
    name = f"visit:{case_id}:{visit.step_id}:{visit.visit}:{visit.last_seq}:{minutes[0]}:{minutes[1]}:{FORM}"
    return name, {
        "case_id": case_id,
        "step_id": visit.step_id,
        "visit": visit.visit,
        "template_id": template_id,
        "kind": visit.kind,
        "status": visit.status,
        "outcome": visit.outcome,
        "role": visit.role,
        "assignee_id": visit.assignee,
        "entered_at": instant(visit.entered_at),
        "ended_at": instant(visit.ended_at),
        "again": visit.again or None,
        "sent_back": visit.sent_back,
        "returned_to": visit.returned_to,
        "return_status": visit.return_status,
        "reassignments": visit.reassignments,
        "rungs_fired": visit.rungs,
        "working_minutes": minutes[0] if ended else None,
        "waiting_minutes": minutes[1] if ended else None,
    }


def rating_row(template_id: str, event: Event) -> tuple[str, dict[str, Any]]:
    """What one who took part thinks of the process: his last `CaseRated` counts."""
    return f"rating:{event['case_id']}:{event['person_id']}:{event['seq']}:{FORM}", {
        "case_id": event["case_id"],
        "person_id": event["person_id"],
        "template_id": template_id,
        "score": event["score"],
        "rated_at": instant(datetime.fromisoformat(event["at"])),
    }


def open_work_row(day: date, group: WorkGroup, work: OpenWork, at: datetime, cursor: int) -> tuple[str, dict[str, Any]]:
    """Open work of a group on a local day, as it stands at `at`; a later one of the day replaces it."""
    key = ":".join((group.template_id, group.step_id, group.role, group.assignee_id))
    name = f"open:{day}:{key}:{cursor}:{work.tasks}:{work.weight:g}:{work.overdue}:{FORM}"
    return name, {
        "stated_on": day.isoformat(),
        "template_id": group.template_id,
        "step_id": group.step_id,
        "role": group.role,
        "assignee_id": group.assignee_id,
        "stated_at": instant(at),
        "open_tasks": work.tasks,
        "weight": f"{work.weight:.4f}",
        "overdue_tasks": work.overdue,
    }


def instant(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
