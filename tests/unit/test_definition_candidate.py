"""What a proposal may change, and how a change is read: from a git branch, from files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ops_assets.definition_change.candidate import CandidateError, changes_in_files, changes_on_branch
from resources.platform import Platform
from resources.project_folders import is_copy, lay_over, project_files
from resources.settings import Settings

MODEL = "models/metrics/metric_x.sql"


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """A platform on a small checkout, which is the folder ``dbt`` of a git repository with one commit on ``main``."""
    project = tmp_path / "repository" / "dbt"
    for path, text in (
        ("dbt_project.yml", "name: x\n"),
        (MODEL, "select 1 as a\n"),
        ("models/metrics/metric_x.yml", "version: 2\n"),
        ("models/staging/one/part.sql", "select 1\n"),
        ("models/staging/two/part.sql", "select 2\n"),
    ):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    git(project.parent, "init", "-q", "-b", "main")
    commit(project.parent)
    return Platform(Settings(home=tmp_path / "home", database_url=""), checkout=project)


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.email=a@example.org", "-c", "user.name=a")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "change")


def test_a_branch_proposes_what_it_changed_and_not_what_others_did(platform: Platform) -> None:
    project = platform.projects.checkout
    git(project, "checkout", "-q", "-b", "proposed")
    (project / MODEL).write_text("select 2 as a\n", encoding="utf-8")
    commit(project)
    git(project, "checkout", "-q", "main")
    (project / "models/staging/one/part.sql").write_text("select 3\n", encoding="utf-8")
    commit(project)
    assert changes_on_branch(platform, "proposed") == {MODEL: "select 2 as a\n"}
    with pytest.raises(CandidateError, match="main changes no file"):
        changes_on_branch(platform, "main")
    with pytest.raises(CandidateError, match="nowhere"):
        changes_on_branch(platform, "nowhere")


def test_a_branch_that_deletes_a_file_is_refused(platform: Platform) -> None:
    project = platform.projects.checkout
    git(project, "checkout", "-q", "-b", "proposed")
    (project / MODEL).unlink()
    commit(project)
    git(project, "checkout", "-q", "main")
    with pytest.raises(CandidateError, match=f"deletes {MODEL}"):
        changes_on_branch(platform, "proposed")


def test_an_edited_file_is_found_by_its_name_or_said(platform: Platform, tmp_path: Path) -> None:
    for name in ("metric_x.sql", "part.sql", "stranger.sql", "_sources.yml"):
        (tmp_path / name).write_text("select 5\n", encoding="utf-8")
    assert changes_in_files(platform, [tmp_path / "metric_x.sql"]) == {MODEL: "select 5\n"}
    said = Path(f"models/staging/two/part.sql={tmp_path / 'part.sql'}")
    assert set(changes_in_files(platform, [said])) == {"models/staging/two/part.sql"}
    for name, sentence in (
        ("part.sql", "in several places"),
        ("stranger.sql", "nowhere"),
        ("gone.sql", "no such file"),
    ):
        with pytest.raises(CandidateError, match=sentence):
            changes_in_files(platform, [tmp_path / name])
    with pytest.raises(CandidateError, match="cannot be proposed"):
        changes_in_files(platform, [Path(f"models/staging/one/_sources.yml={tmp_path / '_sources.yml'}")])
    (tmp_path / "metric_x.sql").write_bytes(b"select '\xff'")
    with pytest.raises(CandidateError, match="not readable as UTF-8"):
        changes_in_files(platform, [tmp_path / "metric_x.sql"])


def _texts(project: Path) -> dict[str, bytes]:
    return {path: (project / path).read_bytes() for path in project_files(project)}


def test_the_project_in_force_is_the_checkout_with_the_approved_files(platform: Platform) -> None:
    folders = platform.projects
    assert folders.in_force() == folders.checkout
    before = _texts(folders.checkout)
    with platform.ops_engine.begin() as connection:
        lay_over(connection, {MODEL: "select 9 as a\n"}, change_id="P-0001", since=platform.clock.now())
    copy = folders.in_force()
    assert copy != folders.checkout
    assert (copy / MODEL).read_text(encoding="utf-8") == "select 9 as a\n"
    assert is_copy(copy)
    assert not is_copy(folders.checkout)
    assert _texts(folders.checkout) == before, "the checkout is never written"
    assert folders.in_force() == copy, "one copy for one content"
    (folders.checkout / MODEL).write_text("select 9 as a\n", encoding="utf-8")
    assert folders.in_force() == folders.checkout, "the checkout has it now"
    folders.absorb()
    (folders.checkout / MODEL).write_text("select 10 as a\n", encoding="utf-8")
    assert folders.in_force() == folders.checkout, "a later change of it is not hidden by what was approved earlier"
