"""A project that somebody proposes: which files change, and what dbt and the dictionary make of it.

Belongs here: reading a change (a folder, a branch, edited files) and compiling a project without touching the
warehouse. Does not belong here: what its figures would be (shadow).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock

from ops_assets.catalog import Catalog, CatalogError, load_catalog
from ops_assets.definition_change.compiled_sql import current_meanings, sql_of
from ops_assets.definition_change.meaning import Meaning
from ops_assets.project import Project, read_project
from ops_assets.semantic.manifest import published_manifest
from resources.dbt import DbtError
from resources.platform import Platform
from resources.project_folders import is_copy, project_files

_MAY_CHANGE = re.compile(r"^(models/.+\.(sql|yml)|macros/.+\.sql|seeds/.+\.(csv|yml)|tests/.+\.sql)$")
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_NEVER = re.compile(r"(^|/)(pack\.toml|_sources\.yml)$")


class CandidateError(ValueError):
    """A change that cannot be proposed; the sentence says what, where and how to mend it."""


@dataclass(frozen=True)
class Compiled:
    """A project as compiled in its full form. ``dbt_manifest`` is dbt's own object, for what dbt does next with it."""

    folder: Path
    catalog: Catalog
    project: Project
    manifest: Mapping[str, Any]
    meanings: Mapping[str, Meaning]
    dbt_manifest: Any


def changes_in_folder(platform: Platform, folder: Path) -> dict[str, str]:
    """The files of another copy of the project that differ from the checkout, by their path. Raises CandidateError."""
    if not (folder / "dbt_project.yml").is_file():
        raise CandidateError(f"{folder} is no dbt project: it has no dbt_project.yml.")
    checkout = platform.projects.checkout
    mine, theirs = set(project_files(checkout)), set(project_files(folder))
    gone = sorted(path for path in mine - theirs if _MAY_CHANGE.match(path))
    if gone:
        raise CandidateError(
            f"{gone[0]} is missing in {folder}. Taking a file away is not proposed; empty its model's part instead, or "
            "take it out of the checkout once no figure needs it."
        )
    changed = {
        path: _text(folder / path)
        for path in sorted(theirs)
        if path not in mine or (checkout / path).read_bytes() != (folder / path).read_bytes()
    }
    return _allowed(changed)


def changes_on_branch(platform: Platform, ref: str) -> dict[str, str]:
    """The files that a git branch changed since it left the checkout's own. Raises CandidateError."""
    checkout = platform.projects.checkout
    base = _git(checkout, "merge-base", "HEAD", ref).decode().strip()
    prefix = _git(checkout, "rev-parse", "--show-prefix").decode().strip()
    listed = _git(checkout, "diff", "--name-status", "--no-renames", "--relative", base, ref, "--", ".").decode()
    names = []
    for line in listed.splitlines():
        status, _, path = line.partition("\t")
        if status == "D":
            raise CandidateError(f"{ref} deletes {path}; taking a file away is not proposed.")
        names.append(path)
    if not names:
        raise CandidateError(f"{ref} changes no file of {checkout} since it left the checkout's branch.")
    texts = {path: _git(checkout, "show", f"{ref}:{prefix}{path}") for path in names}
    return _allowed({path: _decoded(path, content) for path, content in texts.items()})


def changes_in_files(platform: Platform, files: Sequence[Path]) -> dict[str, str]:
    """Edited copies of files of the project, found by name, or said as ``path/in/project=edited``."""
    known: dict[str, list[str]] = {}
    for path in project_files(platform.projects.checkout):
        known.setdefault(Path(path).name, []).append(path)
    changed = {}
    for file in files:
        place, _, edited = str(file).partition("=") if "=" in str(file) else ("", "", str(file))
        if not Path(edited).is_file():
            raise CandidateError(f"{edited}: there is no such file.")
        found = [place] if place else known.get(Path(edited).name, [])
        if len(found) != 1:
            what = "stands nowhere in the project" if not found else f"stands in several places ({', '.join(found)})"
            raise CandidateError(
                f"{edited}: a file of this name {what}; say which is meant: --file models/<folder>/<name>={edited}."
            )
        changed[found[0]] = _text(Path(edited))
    return _allowed(changed)


def candidate_project(platform: Platform, changed: Mapping[str, str]) -> Path:
    """The project in force with the changed files, as a kept copy. Raises CandidateError where others changed them."""
    folders = platform.projects
    for path, overlaid in folders.overlays().items():
        if path in changed and changed[path] != overlaid and folders.text(folders.checkout, path) != overlaid:
            raise CandidateError(
                f"{path} was changed by an approved proposal that your copy does not have. Start from "
                f"{folders.in_force() / path}."
            )
    return folders.copy_with(folders.in_force(), changed)


def compile_project(platform: Platform, folder: Path) -> Compiled:
    """Parse and compile a project in its full form, in memory; nobody waits for the warehouse.

    Raises CandidateError with file and line.
    """
    folder = folder if is_copy(folder) else platform.projects.copy(platform.projects.keep(folder))
    dbt = platform.candidate(folder)
    dbt.target_dir.mkdir(parents=True, exist_ok=True)
    _start_from_last_parse(platform, dbt.target_dir)
    try:
        catalog = load_catalog(folder / "models")
        # One candidate at a time: they share dbt's target folder, so that only what differs is parsed.
        with FileLock(f"{dbt.target_dir}.lock"):
            parsed = dbt.parse()
            dbt.invoke(["compile", "--full-refresh"], manifest=parsed, warehouse=":memory:", artefacts=False)
            semantic = published_manifest(dbt.semantic_manifest())
    except (CatalogError, DbtError) as error:
        raise CandidateError(str(error).replace(f"{folder}/", "")) from error
    manifest: dict[str, Any] = parsed.writable_manifest().to_dict(omit_none=False)
    project = read_project(manifest)
    compiled = sql_of(manifest)
    _refuse_broken_sql(manifest, compiled)
    meanings = current_meanings(platform, catalog, project, compiled, semantic)
    return Compiled(folder, catalog, project, manifest, meanings, parsed)


def _start_from_last_parse(platform: Platform, target: Path) -> None:
    """Give dbt the parse of the project in force to begin with: a whole parse takes several times as long."""
    last = platform.settings.dbt_target_dir / "partial_parse.msgpack"
    mine = target / last.name
    if last.exists() and not mine.exists():
        mine.write_bytes(last.read_bytes())


def _refuse_broken_sql(manifest: Mapping[str, Any], compiled: Mapping[str, str]) -> None:
    """Let the database read every query; what the tables have to do with it shows when the change is tried."""
    with duckdb.connect() as database:
        for node in manifest["nodes"].values():
            if node["resource_type"] != "model" or node["name"] not in compiled:
                continue
            sql = compiled[node["name"]]
            try:
                database.extract_statements(sql)
            except duckdb.Error as error:
                said = str(error)
                found = _LINE.search(said)
                line = source_line(node["raw_code"], sql, int(found[1]) if found else 1)
                sentence = said.splitlines()[0]
                raise CandidateError(f"{node['original_file_path']}:{line}: {sentence}") from error


def source_line(raw: str, compiled: str, line: int) -> int:
    """The line of a model's file for a line of its compiled SQL: the nearest one above that stands in both."""
    lines, source = compiled.splitlines(), [text.strip() for text in raw.splitlines()]
    for number in range(min(line, len(lines)), 0, -1):
        text = lines[number - 1].strip()
        if text and source.count(text) == 1:
            return source.index(text) + 1 + (line - number)
    return 1


def _allowed(changed: Mapping[str, str]) -> dict[str, str]:
    for path in changed:
        if not _MAY_CHANGE.match(path) or _NEVER.search(path):
            raise CandidateError(
                f"{path} cannot be proposed: a proposal changes models, macros, seeds and tests. Packs, sources and "
                "dbt_project.yml are changed in the checkout."
            )
    return dict(changed)


def _text(path: Path) -> str:
    return _decoded(str(path), path.read_bytes())


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CandidateError(f"{path}: not readable as UTF-8 (byte {error.start}).") from error


def _git(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode != 0:
        raise CandidateError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
