"""``/healthz`` says that the process lives; ``/readyz`` says whether everything it stands on works, part by part."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.context import GatewayContext, context_of
from gateway.dagster_status import ask_dagster
from resources.ops_database import reading
from workflow_jobs.delivery.outbox import outbox_status
from workflow_jobs.template_names import nobody_behind
from workflow_jobs.wiring import library

router = APIRouter(tags=["health"])
OUTBOX_LATE_AFTER = timedelta(minutes=5)
_MISSED_SHOWN = 5
_log = logging.getLogger(__name__)


class Part(BaseModel):
    name: str = Field(description="database, snapshot, people, outbox or sensors.")
    status: str = Field(description="ok; warning (works, but somebody should look); failing.")
    detail: str = Field(description="What was found, and what to do where it is not ok.")


class Readiness(BaseModel):
    status: str = Field(description="ready, or not_ready where a part is failing.")
    failing: list[str] = Field(description="Names of the failing parts.")
    parts: list[Part]


class Liveness(BaseModel):
    status: str = "alive"


@router.get("/healthz", response_model=Liveness, summary="Is the process alive?")
def healthz() -> Liveness:
    """Liveness alone: it looks at nothing that the gateway depends on."""
    return Liveness()


@router.get(
    "/readyz",
    response_model=Readiness,
    summary="Does everything it stands on work?",
    responses={503: {"model": Readiness, "description": "A part is failing; `failing` names it."}},
)
def readyz(request: Request, response: Response) -> Readiness:
    """Looks at the ops database, the published snapshot and its people, the outbox and Dagster's sensors, each time
    anew.
    """
    readiness = look(context_of(request))
    if readiness.failing:
        response.status_code = 503
    response.headers["Cache-Control"] = "no-store"
    return readiness


def look(context: GatewayContext) -> Readiness:
    """Examine every part. A part whose examination itself fails is failing, with the reason."""
    parts = [
        _examined("database", context, _database),
        _examined("snapshot", context, _snapshot),
        _examined("people", context, _people),
        _examined("outbox", context, _outbox),
        _examined("sensors", context, _sensors),
    ]
    failing = [part.name for part in parts if part.status == "failing"]
    return Readiness(status="not_ready" if failing else "ready", failing=failing, parts=parts)


def _examined(name: str, context: GatewayContext, examine: Callable[[GatewayContext], tuple[str, str]]) -> Part:
    try:
        status, detail = examine(context)
    except Exception as error:  # noqa: BLE001 - whatever is broken is what this answer has to say
        _log.warning("readiness of %s: %s", name, error, exc_info=error)
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        status, detail = "failing", f"Cannot be examined: {type(error).__name__}: {first_line}"
    return Part(name=name, status=status, detail=detail)


def _database(context: GatewayContext) -> tuple[str, str]:
    with reading(context.engine) as connection:
        revision = connection.execute(sa.text("select version_num from alembic_version")).scalar_one()
    return "ok", f"{context.engine.dialect.name}, schema revision {revision}."


def _snapshot(context: GatewayContext) -> tuple[str, str]:
    snapshot = context.snapshots.current()
    if snapshot is None:
        return "failing", "Nothing was published yet. Run `./trueloop refresh`, or wait for the first refresh."
    count = snapshot.rows("select count(*) as n from metrics")[0]["n"]
    held = f", {len(snapshot.info.held)} held back" if snapshot.info.held else ""
    return "ok", f"{snapshot.id}, figures as of {snapshot.as_of.isoformat()}, {count} metrics{held}."


def _people(context: GatewayContext) -> tuple[str, str]:
    people = context.directory()
    if not len(people):
        return "ok", "Nobody is known before the first publication."
    missed = nobody_behind(library(context.settings.templates_dir), people)
    if missed:
        shown = ", ".join(list(missed)[:_MISSED_SHOWN])
        more = f" and {len(missed) - _MISSED_SHOWN} more" if len(missed) > _MISSED_SHOWN else ""
        return (
            "warning",
            f"{len(people)} people; nobody stands behind {shown}{more}, which templates name: others are asked in "
            "their place. `./trueloop status` says by which templates.",
        )
    return "ok", f"{len(people)} people; somebody holds every role that a template names."


def _outbox(context: GatewayContext) -> tuple[str, str]:
    now = context.clock.now()
    status = outbox_status(context.engine, context.clock)
    waiting = status.pending + status.sending
    if status.oldest_due_at is not None and now - status.oldest_due_at > OUTBOX_LATE_AFTER:
        minutes = int((now - status.oldest_due_at).total_seconds() // 60)
        return "failing", f"{waiting} messages wait, the oldest for {minutes} minutes: nothing delivers them."
    if status.dead:
        return (
            "warning",
            f"{status.dead} messages were given up after repeated failures; `./trueloop outbox dead` and /outbox say "
            f"why. {waiting} wait.",
        )
    return "ok", f"{waiting} messages wait."


def _sensors(context: GatewayContext) -> tuple[str, str]:
    status = ask_dagster(context.settings.dagster_url)
    if status.trouble:
        return "failing", status.trouble
    failed = [f"{one.name} ({one.last_error})" for one in status.sensors if one.last_error]
    off = [one.name for one in status.sensors if not one.running]
    beat = f"last heartbeat {status.last_heartbeat_at:%H:%M:%S} UTC" if status.last_heartbeat_at else "no heartbeat"
    if failed or off:
        words = [f"last tick failed: {', '.join(failed)}"] if failed else []
        words += [f"switched off: {', '.join(off)}"] if off else []
        return "warning", f"{len(status.sensors)} sensors, {beat}; {'; '.join(words)}."
    return "ok", f"{len(status.sensors)} sensors run, {beat}."
