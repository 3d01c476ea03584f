"""The page ``/outbox`` and ``/api/v1/outbox``: messages that were given up, why, and sending them again."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from gateway.context import bearer_token, context_of, reader_of, require_scope
from gateway.governed_cases import GovernedCases
from gateway.pages import language_of, page
from gateway.problems import Problem, responses
from gateway.tokens import PROCESS_WRITE
from gateway.words import text
from workflow_jobs.delivery.dead_letters import DeadLetter, dead_letters
from workflow_jobs.delivery.outbox import outbox_status, resend_dead

router = APIRouter()
_MOST = 500


class DeadLetterBody(BaseModel):
    """A message that was given up. Instants are UTC."""

    outbox_id: int
    case_id: str
    kind: str = Field(examples=["slack.card"])
    to: str = Field(description="A person as the reader may see him, `#channel`, the key of a card, or Dagster.")
    attempts: int
    created_at: datetime
    error: str = Field(description="What the last attempt met; empty for readers who do not see who works on cases.")
    why_en: str = Field(description="The same in words, with what to do.")
    why_zh: str


class DeadLetters(BaseModel):
    waiting: int = Field(description="Messages that are still to be sent.")
    dead: list[DeadLetterBody]


class Resend(BaseModel):
    """Which messages to send again: these ids, or all."""

    model_config = ConfigDict(extra="forbid")

    outbox_ids: list[int] = Field(default_factory=list, max_length=1000)
    all: bool = False


class Resent(BaseModel):
    resent: int


@router.get(
    "/api/v1/outbox/dead",
    response_model=DeadLetters,
    summary="List messages that were given up",
    tags=["cases"],
    responses=responses(401, 403),
)
def list_dead(request: Request) -> DeadLetters:
    """Messages to Slack and Dagster that were given up, oldest first, with the reason in words."""
    context = context_of(request)
    governed = GovernedCases(context, reader_of(request))
    status = outbox_status(context.engine, context.clock)
    found = [_seen(governed, one) for one in dead_letters(context.engine, _MOST)]
    return DeadLetters(waiting=status.pending + status.sending, dead=found)


@router.post(
    "/api/v1/outbox/resend",
    response_model=Resent,
    summary="Send messages again that were given up",
    tags=["cases"],
    responses=responses(401, 403, 422),
    openapi_extra={"security": [{"bearer": []}]},
)
def resend(request: Request, asked: Resend) -> Resent:
    """Give messages fresh attempts. One that had arrived after all is recognised and not posted twice."""
    require_scope(request, PROCESS_WRITE)
    if asked.all == bool(asked.outbox_ids):
        raise Problem(422, "Name either `outbox_ids` or `all: true`.")
    return Resent(resent=_resend(request, None if asked.all else asked.outbox_ids))


@router.get("/outbox", include_in_schema=False)
def outbox_page(request: Request) -> Response:
    """What was given up, for people."""
    context, language = context_of(request), language_of(request)
    governed = GovernedCases(context, reader_of(request), language)
    token = bearer_token(request)
    found = [_seen(governed, one) for one in dead_letters(context.engine, _MOST)]
    status = outbox_status(context.engine, context.clock)
    return page(
        request,
        "outbox.html",
        letters=[(one, one.why_zh if language == "zh" else one.why_en) for one in found],
        waiting=status.pending + status.sending,
        dead=status.dead,
        may_resend=token is None or PROCESS_WRITE in token.scopes,
    )


@router.post("/outbox/resend", include_in_schema=False)
def resend_from_page(
    request: Request,
    ids: Annotated[list[int], Form(max_length=1000)] = [],  # noqa: B006 - FastAPI copies the default
    everything: Annotated[bool, Form(alias="all")] = False,
) -> Response:
    """The page's own buttons: for whoever reads on this machine without a token, and for tokens that may write.

    The header is one that a form of another site cannot send.
    """
    GovernedCases(context_of(request), reader_of(request, PROCESS_WRITE))
    if bearer_token(request) is not None:
        require_scope(request, PROCESS_WRITE)
    if request.headers.get("hx-request") != "true":
        raise Problem(403, "Only the page itself may resend: the header HX-Request is missing.")
    if everything == bool(ids):
        raise Problem(422, "Name either `ids` or `all=true`.")
    count = _resend(request, None if everything else ids)
    said = text(language_of(request), "outbox_resent", count=count)
    return HTMLResponse(f'<p role="status">{said}</p>', headers={"HX-Trigger": "outbox-changed"})


def _resend(request: Request, ids: list[int] | None) -> int:
    context = context_of(request)
    count = resend_dead(context.engine, context.clock, ids)
    request.app.state.delivery.kick()
    return count


def _seen(governed: GovernedCases, letter: DeadLetter) -> DeadLetterBody:
    """All but the message itself, which may hold what the reader does not see."""
    body = {key: value for key, value in asdict(letter).items() if key in DeadLetterBody.model_fields}
    if not governed.sees_people:
        body |= {"to": governed.named(letter.to_person) if letter.to_person else letter.to, "error": ""}
    return DeadLetterBody(**body)
