"""``POST /api/v1/cases/{case_id}/signals``: a program tells a case that what it waits for has happened."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.context import context_of, require_scope
from gateway.problems import Problem, responses
from gateway.tokens import PROCESS_WRITE, Token
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.refusal import FORM_PROBLEMS, Refused


def _writer(request: Request) -> Token:
    """Asked before the body is looked at, so that a caller without a token learns nothing else."""
    return require_scope(request, PROCESS_WRITE)


router = APIRouter(prefix="/api/v1", tags=["cases"])


class Signal(BaseModel):
    """What has happened."""

    model_config = ConfigDict(extra="forbid")

    signal: str = Field(min_length=1, max_length=63, description="The `signal` of the template's wait step.")
    data: dict[str, Any] = Field(default_factory=dict, description="Fields of the step's form.")
    wait: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The wait that is meant, `<step>.<visit>`, such as `goods_back.2`: none other is ended then.",
    )


class SignalTaken(BaseModel):
    case_id: str
    status: str = Field(description="Status of the case afterwards.")


@router.post(
    "/cases/{case_id}/signals",
    response_model=SignalTaken,
    summary="Signal that what a case waits for has happened",
    responses=responses(400, 401, 403, 404, 409, 413, 422, 429),
    openapi_extra={"security": [{"bearer": []}]},
)
def send_signal(
    request: Request,
    token: Annotated[Token, Depends(_writer)],
    case_id: Annotated[str, Path(max_length=64, examples=["C-000012"])],
    signal: Annotated[Signal, Body(examples=[{"signal": "goods_received", "data": {"pieces": 12}}])],
) -> SignalTaken:
    """End the wait step that waits for the signal, and go on. The log keeps which token said so.

    A signal that no step waits for (any more) is refused (409) and changes nothing. Name the wait that you mean
    (`wait`), and sending it twice does no harm, also where the case returned and waits once more.
    """
    context = context_of(request)
    wait = context.rate_limit.take(token.token_id, 1, context.clock.now())
    if wait > 0:
        seconds = math.ceil(wait)
        raise Problem(429, f"Too many requests. Try again in {seconds} s.", headers={"Retry-After": str(seconds)})
    try:
        state = context.service.send_signal(
            case_id, signal.signal, signal.data, wait=signal.wait, via=f"token:{token.token_id}"
        )
    except UnknownCase:
        raise Problem(404, f"There is no case {case_id!r}. `GET /api/v1/cases` lists them.") from None
    except Refused as refused:
        # A form is the caller's to mend; everything else is a matter of where the case stands.
        raise Problem(422 if refused.code in FORM_PROBLEMS else 409, refused.sentence) from None
    return SignalTaken(case_id=state.case_id, status=state.status)
