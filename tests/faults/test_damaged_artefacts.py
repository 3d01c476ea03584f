"""What a kill leaves of dbt's files, half written or gone, never stops the next start; on a small dbt project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.dbt import Dbt
from resources.packs import load_pack
from resources.platform import Platform
from resources.settings import Settings

_PROJECT = {
    "dbt_project.yml": "name: small\nversion: '1.0.0'\nprofile: small\nmodel-paths: [models]\n",
    "profiles.yml": 'small: {target: dev, outputs: {dev: {type: duckdb, path: ":memory:"}}}\n',
    "models/one.sql": "select 1 as n\n",
}
_OWN = ("manifest.json", "semantic_manifest.json", "partial_parse.msgpack")
_SERVED = ("in_service/manifest.json", "in_service/semantic_manifest.json", "parsed_from.txt")


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """dbt on the small project, parsed; every test leaves it usable."""
    folder = tmp_path_factory.mktemp("small")
    project = folder / "project"
    for path, text in _PROJECT.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    settings = Settings(home=folder / "home", source_pack="dongchen", source_dir=None, database_url="")
    found = Dbt(settings, load_pack("dongchen"), project)
    found.ensure_fresh_manifest()
    return found


def _damage(path: Path) -> Iterator[str]:
    """The file gone, empty and cut at several lengths, one after the other; what was done is named."""
    whole = path.read_bytes()
    path.unlink()
    yield f"{path.name} is gone"
    for kept in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        yield f"{path.name} ends after {kept} of {len(whole)} bytes"
    path.write_bytes(whole)


def _models(dbt: Dbt) -> set[str]:
    assert isinstance(json.loads(dbt.semantic_manifest()), dict)
    return set(dbt.manifest()["nodes"])


def test_who_reads_never_sees_a_file_that_dbt_left_unfinished(dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("what dbt writes for itself is no reason to parse again")

    monkeypatch.setattr(dbt, "invoke", refuse)
    for name in _OWN:
        for how in _damage(dbt.target_dir / name):
            assert _models(dbt) == {"model.small.one"}, how


@pytest.mark.parametrize("part", [0.0, 0.5])
def test_dbt_itself_goes_on_from_what_is_left(dbt: Dbt, part: float) -> None:
    for name in (*_OWN, *_SERVED[:2]):
        path = dbt.target_dir / name
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    dbt.ensure_fresh_manifest()
    assert _models(dbt) == {"model.small.one"}


@pytest.mark.parametrize("name", _SERVED)
def test_damaged_copies_are_made_again(dbt: Dbt, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse() -> None:
        # What dbt's call would do, without its seconds: its own files are whole here.
        parsed.append(name)
        dbt._artefacts.put_in_service(dbt.target_dir.stat().st_mtime + 3600)
        (dbt.target_dir / "parsed_from.txt").write_text(str(dbt.project_dir))

    monkeypatch.setattr(dbt, "parse", parse)
    for number, how in enumerate(_damage(dbt.target_dir / name), start=1):
        dbt.ensure_fresh_manifest()
        assert _models(dbt) == {"model.small.one"}, how
        assert len(parsed) == number, how


def test_a_state_folder_whose_first_start_was_killed_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "source_pack").write_text("")
    platform = Platform(Settings(home=tmp_path, source_pack="dongchen", source_dir=None, database_url=""))
    platform.claim_state_folder()
    assert (tmp_path / "source_pack").read_text() == "dongchen\n"


def test_a_build_of_new_rows_leaves_the_manifest_as_it_was_parsed(dbt: Dbt) -> None:
    dbt.ensure_fresh_manifest()
    before = dbt._artefacts.stamp()
    (built,) = dbt.build(select=["one"], tests=False)
    assert (built.status, dbt._artefacts.stamp()) == ("success", before)
    dbt.build(full_refresh=True)
    assert dbt._artefacts.stamp() != before, "the SQL of a full build is read from it"
    assert _models(dbt) == {"model.small.one"}
