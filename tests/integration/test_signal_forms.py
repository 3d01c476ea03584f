"""What a signal brings is checked like a form: files are those of the case, a choice is one of its options."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, calendar, human, people, small
from workflow_jobs.cases import OpenRequest
from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.evidence import Evidence
from workflow_jobs.service import ProcessService
from workflow_jobs.template_library import TemplateLibrary

T = "{en: T, zh: 题}"
CHOICE = f"{{name: kind, type: choice, title: {T}, options: [{{value: x, title: {T}}}]}}"
FORM = f"[{{name: proof, type: file, title: {T}}}, {CHOICE}]"
WAIT = (
    f"{{id: w, kind: wait, title: {T}, raci: {{responsible: buyer, accountable: plant_manager}}, "
    f"until: {{working: P5D}}, signal: goods, form: {FORM}}}"
)


def test_a_signal_names_files_of_its_case_and_a_choice_by_its_value(ops_engine: Engine, tmp_path: Any) -> None:
    clock, template = FixedClock(MONDAY), small(f"- {WAIT}\n- {human('a')}\n", "opened_by: [rules]\n")
    assert lint(template) == []
    service = ProcessService(
        ops_engine, clock=clock, templates=TemplateLibrary([template]), directory=people, calendar=calendar()
    )
    ours, other = (
        service.open_case(OpenRequest(template_id="small", rule_id=name, subject_id=name)).case_id for name in "ab"
    )
    kept = Evidence(ops_engine, tmp_path, clock)
    elsewhere = kept.add(other, None, "a.txt", b"text", "b1").file_id
    wrong: list[dict[str, Any]] = [
        {"proof": ["Enothing"]},
        {"proof": elsewhere},
        {"proof": [{"id": "E1"}]},
        {"kind": ["x"]},
        {"kind": {"x": 1}},
    ]
    for data in wrong:
        with pytest.raises(Refused) as caught:
            service.send_signal(ours, "goods", data)
        assert caught.value.code == "form_invalid"
    with pytest.raises(Refused) as caught:
        service.send_signal(ours, "other", {})
    assert caught.value.code == "signal_not_awaited"
    mine = kept.add(ours, None, "a.txt", b"text", "b1").file_id
    assert service.send_signal(ours, "goods", {"proof": [mine], "kind": "x"}).data["proof"] == [mine]


def test_a_case_cannot_start_with_files() -> None:
    head = f"inputs: [{{name: photo, type: file, title: {T}}}]\n"
    found = [str(one) for one in lint(small(f"- {human('a')}\n", head))]
    assert any("no files before it is open" in one for one in found)
