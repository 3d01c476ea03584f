"""Files of a case: ``/api/v1/cases/{case_id}/files`` lists and adds them, ``/cases/{case_id}/files/{file_id}`` reads.

A file may hold anything, so only a reader who sees everything of its case gets it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Path, Request, Response, UploadFile
from pydantic import BaseModel, Field

from gateway.context import GatewayContext, context_of, reader_of, require_scope
from gateway.governed_cases import GovernedCases
from gateway.problems import Problem, responses
from gateway.tokens import PROCESS_WRITE
from ops_assets.access import AccessRefused, Reader
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.state import CaseState
from workflow_jobs.evidence import Evidence, EvidenceFile
from workflow_jobs.evidence_kinds import EvidenceRefused

router = APIRouter()
CaseId = Annotated[str, Path(max_length=64)]


class FileBody(BaseModel):
    """One file of a case. The instant is UTC."""

    file_id: str = Field(description="What a decision names in a file field.")
    task_id: str | None
    name: str
    media_type: str
    size: int = Field(description="Bytes.")
    sha256: str
    uploaded_by: str = Field(description="A person, or the name of a token.")
    uploaded_at: datetime


def evidence_of(context: GatewayContext) -> Evidence:
    """The files of the installation."""
    return Evidence(context.engine, context.settings.evidence_dir, context.clock)


@router.get(
    "/api/v1/cases/{case_id}/files",
    response_model=list[FileBody],
    summary="List the files of a case",
    tags=["cases"],
    responses=responses(401, 403, 404),
)
def list_files(request: Request, case_id: CaseId) -> list[FileBody]:
    """Files that people added, oldest first."""
    context = context_of(request)
    _seen(context, reader_of(request), case_id)
    return [_body(one) for one in context.service.files(case_id)]


@router.post(
    "/api/v1/cases/{case_id}/files",
    response_model=FileBody,
    status_code=201,
    summary="Add a file to a case",
    tags=["cases"],
    responses=responses(401, 403, 404, 413, 422),
    openapi_extra={"security": [{"bearer": []}]},
)
def add_file(
    request: Request,
    case_id: CaseId,
    file: Annotated[UploadFile, File(description="pdf, png, jpg, gif, xlsx, docx, pptx, csv or txt; at most 10 MB.")],
) -> FileBody:
    """Keep a file with the case. Adding the same file again gives the same id and changes nothing."""
    token = require_scope(request, PROCESS_WRITE)
    context = context_of(request)
    try:
        added = evidence_of(context).add(
            case_id, None, file.filename or "", file.file.read(), f"token:{token.name}"[:100]
        )
    except EvidenceRefused as refused:
        raise Problem(422, str(refused)) from None
    except LookupError:
        raise Problem(404, f"There is no case {case_id!r}. `GET /api/v1/cases` lists them.") from None
    return _body(added)


@router.get("/cases/{case_id}/files/{file_id}", include_in_schema=False)
def read_file(request: Request, case_id: CaseId, file_id: CaseId) -> Response:
    """A file's content, always as a download: nothing that somebody added runs in a page of ours."""
    context = context_of(request)
    _seen(context, reader_of(request), case_id)
    store = evidence_of(context)
    file = store.find(case_id, file_id)
    if file is None:
        raise Problem(404, f"The case {case_id} has no file {file_id!r}.")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
    return Response(store.content(file), media_type=file.media_type, headers=headers)


def _seen(context: GatewayContext, reader: Reader, case_id: str) -> CaseState:
    """The case, for a reader from whom nothing of it is hidden."""
    try:
        case = context.service.case(case_id)
    except UnknownCase:
        raise Problem(404, f"There is no case {case_id!r}. `GET /api/v1/cases` lists them.") from None
    if not GovernedCases(context, reader).sees_messages(case):
        raise AccessRefused(f"The files of {case_id} may hold what the role {reader.role!r} does not see.")
    return case


def _body(file: EvidenceFile) -> FileBody:
    return FileBody(**{name: getattr(file, name) for name in FileBody.model_fields})
