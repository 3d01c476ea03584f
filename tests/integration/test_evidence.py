"""Files in forms: added in Slack, fetched by the platform, kept by content, listed and read by whoever may."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded_slack.faults import Fault
from gateway.embedded_slack.inputs import elements
from gateway.tokens import PROCESS_WRITE, create_token
from resources.clock import FixedClock
from tests.engine_world import MONDAY
from tests.gateway_stack import Stack, running_stack, wait_until
from tests.slack_desk import act, modal, submit
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import load_template
from workflow_jobs.evidence import Evidence
from workflow_jobs.evidence_kinds import LARGEST_FILE, EvidenceRefused
from workflow_jobs.template_library import TEMPLATES_FOLDER
from workflow_jobs.wiring import library

PDF = b"%PDF-1.7\nreport"
TEMPLATE = """
id: inspection
version: 1
title: {en: "Inspection", zh: "检验"}
description: {en: "A lot is inspected.", zh: "批次检验。"}
owner_role: quality_manager
steps:
  - id: look
    kind: human
    title: {en: "Look at the lot", zh: "检验批次"}
    raci: {responsible: quality_engineer, accountable: quality_manager}
    sla: PT4H
    outcomes: [{id: done, style: primary, title: {en: "Done", zh: "完成"}}]
    form:
      - {name: report, type: file, title: {en: "Report", zh: "报告"}, required: true, max_files: 2}
      - {name: note, type: text, title: {en: "Note", zh: "备注"}}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    template = load_template(TEMPLATE, file="inspection.yaml")
    library(TEMPLATES_FOLDER)._by_id[template.id] = template
    with running_stack(tmp_path / "home", FixedClock(MONDAY), local_reader_role="steward") as running:
        yield running
    del library(TEMPLATES_FOLDER)._by_id[template.id]


def opened(stack: Stack, subject: str = "Lot 7") -> str:
    request = OpenRequest(template_id="inspection", rule_id="lot", subject_id=subject, subject_label=subject)
    case_id = stack.context.service.open_case(request).case_id
    stack.deliver()
    return case_id


def ask_for_the_form(stack: Stack, case_id: str) -> None:
    card = next(one for one in stack.cards("E003") if case_id in str(one))
    act(stack, "E003", "decide:done", card["blocks"], channel=stack.dm("E003"), ts=card["ts"])
    wait_until(lambda: "field:report" in shown(stack))


def add(stack: Stack, *files: tuple[str, bytes], note: str = "") -> str:
    """Fill in the open form with files and submit it."""
    view = modal(stack, "E003")
    name = next(name for name, block, _ in elements(view.body["blocks"]) if block["block_id"] == "field:report")
    return submit(stack, "E003", {"note": note}, files=[(name, one) for one in files])


def shown(stack: Stack) -> str:
    view = stack.workspace.views.top(stack.user("E003"))
    return "" if view is None else json.dumps(view.body, ensure_ascii=False)


def test_a_file_is_fetched_kept_by_its_content_and_read_back(stack: Stack) -> None:
    case_id = opened(stack)
    ask_for_the_form(stack, case_id)
    assert add(stack, ("报告 1.pdf", PDF), ("readings.csv", b"a,b\n1,2\n"), note="As agreed") == ""
    wait_until(lambda: "are kept" in shown(stack))
    state = stack.context.service.case(case_id)
    task = next(iter(state.tasks.values()))
    assert (task.decided_by, state.data["note"]) == ("E003", "As agreed")
    files = stack.context.service.files(case_id)
    assert {(one.name, one.media_type, one.uploaded_by, one.task_id) for one in files} == {
        ("readings.csv", "text/csv", "E003", task.task_id),
        ("报告 1.pdf", "application/pdf", "E003", task.task_id),
    }
    kept: Any = state.data["report"]
    assert sorted(kept) == sorted(one.file_id for one in files)
    pdf = next(one for one in files if one.name.endswith(".pdf"))
    assert (stack.settings.evidence_dir / hashlib.sha256(PDF).hexdigest()).read_bytes() == PDF
    listed = stack.http.get(f"/api/v1/cases/{case_id}/files").json()
    assert {one["file_id"] for one in listed} == {one.file_id for one in files}
    read = stack.http.get(f"/cases/{case_id}/files/{pdf.file_id}")
    assert (read.content, read.headers["content-disposition"].split(";")[0]) == (PDF, "attachment")
    assert stack.http.get(f"/cases/{case_id}/files/Enone").status_code == 404
    # The file of one case is not to be had through another.
    assert stack.http.get(f"/cases/{opened(stack, 'Lot 8')}/files/{pdf.file_id}").status_code == 404


def test_a_kind_that_is_not_taken_is_said_beside_the_field_before_anything_is_fetched(stack: Stack) -> None:
    case_id = opened(stack)
    ask_for_the_form(stack, case_id)
    add(stack, ("tool.exe", b"MZ"))
    assert "field:report" in modal(stack, "E003").errors
    add(stack)
    assert "required" in modal(stack, "E003").errors["field:report"]
    add(stack, ("a.pdf", b"not a pdf at all"))
    wait_until(lambda: "not what its ending says" in shown(stack))
    assert stack.context.service.files(case_id) == []
    assert all(task.status == "open" for task in stack.context.service.case(case_id).tasks.values())


def test_slack_losing_a_file_decides_nothing_and_says_so(stack: Stack) -> None:
    case_id = opened(stack)
    ask_for_the_form(stack, case_id)
    stack.workspace.faults.plan("files.info", Fault("server_error"))
    add(stack, ("a.pdf", PDF))
    wait_until(lambda: "did not give the files" in shown(stack))
    assert stack.context.service.files(case_id) == []
    ask_for_the_form(stack, case_id)
    add(stack, ("a.pdf", PDF))
    wait_until(lambda: "are kept" in shown(stack))


def test_nothing_is_taken_in_for_a_decision_that_is_not_to_be_had(stack: Stack) -> None:
    case_id = opened(stack)
    ask_for_the_form(stack, case_id)
    kept = Evidence(stack.context.engine, stack.settings.evidence_dir, stack.clock)
    theirs = kept.add(case_id, None, "b.txt", b"text", "E003")
    boss = next(iter(stack.context.directory().candidates("quality_manager")))
    task = stack.open_task(case_id, "look")
    stack.context.service.decide_task(task.task_id, task.version, boss, "done", {"report": theirs.file_id})
    add(stack, ("a.pdf", PDF))
    wait_until(lambda: "decided this already" in shown(stack))
    assert stack.context.service.files(case_id) == [theirs]
    assert [one.name for one in stack.settings.evidence_dir.iterdir()] == [theirs.sha256]


def test_files_over_the_api_and_decisions_that_name_them(stack: Stack) -> None:
    case_id, other = opened(stack), opened(stack, "Lot 8")
    token = create_token(stack.context.engine, name="scanner", scopes=[PROCESS_WRITE], clock=stack.clock).text
    bearer = {"Authorization": f"Bearer {token}"}
    address = f"/api/v1/cases/{case_id}/files"
    assert stack.http.post(address, files={"file": ("a.pdf", PDF)}).status_code == 401
    first = stack.http.post(address, files={"file": ("a.pdf", PDF)}, headers=bearer)
    again = stack.http.post(address, files={"file": ("a.pdf", PDF)}, headers=bearer)
    assert first.status_code == 201 and first.json() == again.json()
    assert first.json()["uploaded_by"] == "token:scanner"
    assert stack.http.post(address, files={"file": ("a.exe", b"MZ")}, headers=bearer).status_code == 422
    large = stack.http.post(address, files={"file": ("a.pdf", PDF + bytes(LARGEST_FILE))}, headers=bearer)
    assert large.status_code in (413, 422)
    assert stack.http.post("/api/v1/cases/C-9/files", files={"file": ("a.pdf", PDF)}, headers=bearer).status_code == 404
    file_id = first.json()["file_id"]

    def decide(case: str, ids: Any) -> None:
        task = stack.open_task(case, "look")
        stack.context.service.decide_task(task.task_id, task.version, "E003", "done", {"report": ids})

    for wrong in ([file_id], "nothing", 7, ["x", "y", "z"]):
        with pytest.raises(Refused):
            decide(other, wrong)
    decide(case_id, [file_id])
    assert stack.context.service.case(case_id).data["report"] == [file_id]


def test_whoever_does_not_see_the_case_does_not_get_its_files(tmp_path: Path) -> None:
    with running_stack(tmp_path / "home", FixedClock(MONDAY), local_reader_role="public") as small:
        case_id = small.open_case_undelivered()
        kept = Evidence(small.context.engine, small.settings.evidence_dir, small.clock)
        file = kept.add(case_id, None, "a.pdf", PDF, "E003")
        assert small.http.get(f"/cases/{case_id}/files/{file.file_id}").status_code == 403
        assert small.http.get(f"/api/v1/cases/{case_id}/files").status_code == 403


@pytest.mark.parametrize(
    ("name", "content"),
    [("a", PDF), ("a.pdf", b""), ("a.png", PDF), ("a.txt", b"a\x00b"), ("../../a.exe", b"MZ"), ("a.pdf.html", PDF)],
)
def test_what_is_not_taken_in(stack: Stack, name: str, content: bytes) -> None:
    case_id = stack.open_case_undelivered()
    kept = Evidence(stack.context.engine, stack.settings.evidence_dir, stack.clock)
    with pytest.raises(EvidenceRefused, match="a"):
        kept.add(case_id, None, name, content, "E003")
    assert kept.add(case_id, None, "../..\\x/../b.txt", "中文".encode("gb18030"), "E003").name == "b.txt"
    with pytest.raises(LookupError):
        kept.add("C-9", None, "a.pdf", PDF, "E003")
