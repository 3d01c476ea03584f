"""The template folder: all findings at once, and templates by their id."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflow_jobs.template_library import TEMPLATES_FOLDER, TemplateProblems, UnknownTemplate, load_library


def test_every_problem_of_every_file_is_listed(tmp_path: Path) -> None:
    text = (TEMPLATES_FOLDER / "data_incident.yaml").read_text(encoding="utf-8")
    (tmp_path / "data_incident.yaml").write_text(
        text.replace("accountable: data_owner", "accountable: wizard").replace("role:it_manager", "role:witch"),
        encoding="utf-8",
    )
    (tmp_path / "broken.yaml").write_text("id: [", encoding="utf-8")
    (tmp_path / "latin.yaml").write_bytes("id: d\xe9j\xe0".encode("latin-1"))
    (tmp_path / "notes.txt").write_text("not a template", encoding="utf-8")
    with pytest.raises(TemplateProblems) as caught:
        load_library(tmp_path, known_roles=("data_owner", "data_steward", "it_manager"))
    said = str(caught.value)
    assert [finding.file for finding in caught.value.findings] == [
        "broken.yaml",
        "data_incident.yaml",
        "data_incident.yaml",
        "latin.yaml",
    ]
    assert "data_incident.yaml:54: explain: nobody can hold the role 'wizard'" in said


def test_what_is_named_like_a_template_and_is_none_is_said(tmp_path: Path) -> None:
    text = (TEMPLATES_FOLDER / "data_incident.yaml").read_text(encoding="utf-8")
    (tmp_path / "data_incident.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "order_change.yml").write_text(text, encoding="utf-8")
    (tmp_path / "old.yaml").mkdir()
    with pytest.raises(TemplateProblems) as caught:
        load_library(tmp_path)
    said = [str(finding) for finding in caught.value.findings]
    assert [one.split(":")[0] for one in said] == ["old.yaml", "order_change.yml"]
    assert "rename it to order_change.yaml" in said[1]


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemplateProblems, match="no template"):
        load_library(tmp_path)


def test_an_unknown_template_is_said_with_those_that_there_are(tmp_path: Path) -> None:
    text = (TEMPLATES_FOLDER / "data_incident.yaml").read_text(encoding="utf-8")
    (tmp_path / "data_incident.yaml").write_text(text, encoding="utf-8")
    library = load_library(tmp_path)
    assert library.get("data_incident").text == text
    with pytest.raises(UnknownTemplate, match="data_incident"):
        library.get("order_change")
