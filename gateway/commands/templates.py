"""`./trueloop templates`: the process templates; reading, checking, copying and drawing them. Opens no state folder."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, read_settings
from gateway.terminal import fail, one_sentence_errors, print_json, show
from ops_assets.catalog import Catalog, CatalogError, load_catalog
from resources.packs import PackError, load_pack
from resources.people_file import PeopleFileError
from resources.platform import MODELS_DIR
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Step, Template, TemplateError, load_template
from workflow_jobs.template_copy import CopyRefused, copy_template
from workflow_jobs.template_diagram import mermaid
from workflow_jobs.template_examination import examine
from workflow_jobs.template_library import TemplateProblems, no_template_file, template_files
from workflow_jobs.template_metrics import rules_amiss
from workflow_jobs.template_names import TemplateNames, names_of
from workflow_jobs.template_schema import schema_text, template_schema
from workflow_jobs.template_words import case_facts, outcomes_of, responsible_roles, role_words, sla_words, vote_words

app = typer.Typer(no_args_is_help=True, help="Process templates: what a case of each kind goes through.")
FOLDER_OPTION = typer.Option(
    default_factory=lambda: read_settings().templates_dir,
    help="Where the templates are; else the folder from which a start takes them (TRUELOOP_TEMPLATES_DIR).",
    show_default=False,
)
TARGET_OPTION = typer.Option(
    default_factory=lambda: read_settings().templates_dir,
    help="Where the copy goes; else the folder from which a start takes its templates, which is also where TEMPLATE is "
    "looked up if it is not beside the copy.",
    show_default=False,
)
_LIST = {"id": "TEMPLATE", "version": "VERSION", "title": "TITLE", "steps": "STEPS", "owner_role": "OWNER"}
_STEPS = {
    "id": "STEP", "kind": "KIND", "title": "TITLE", "responsible": "R", "accountable": "A", "consulted": "C",
    "informed": "I", "sla": "SLA", "outcomes": "OUTCOMES",
}  # fmt: skip


class Language(StrEnum):
    """Languages of a template's texts."""

    en = "en"
    zh = "zh"


@app.command("list")
def list_templates(folder: Path = FOLDER_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Every template of the folder; one that cannot be read is listed with what is wrong."""
    rows: list[dict[str, Any]] = []
    for path in _files(folder):
        try:
            one = _read(path)
        except TemplateError as error:
            rows.append({"id": path.stem, "title": str(error).splitlines()[0]})
            continue
        steps = [step.id for step in layout_of(one).steps()]
        rows.append({"id": one.id, "version": one.version, "title": one.title.en, "steps": steps, "hash": one.hash,
                     "owner_role": one.owner_role})  # fmt: skip
    show(rows, _LIST, as_json=as_json, empty=f"{folder} has no template (*.yaml).")


@app.command("lint")
def lint_templates(
    names: list[str] = typer.Argument(None, help="Template ids or files; all of the folder without any."),
    folder: Path = FOLDER_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Every finding with file and line; ends with 1 where there is any."""
    paths = [_path(folder, name) for name in names or []] or _files(folder)
    catalog = _catalog()
    known = _names(catalog)
    findings = [finding for path in paths for finding in _findings(path, known)] or _between(paths, folder)
    findings += _watched(catalog, paths, folder, every=not names)
    if as_json:
        print_json([{"file": f.file, "line": f.line, "step": f.step, "message": f.message} for f in findings])
    else:
        for finding in findings:
            print(finding)
        if not findings:
            print(f"{len(paths)} template{'s' if len(paths) != 1 else ''}, no finding.")
    if findings:
        raise typer.Exit(1)


@app.command("show")
@one_sentence_errors(TemplateError)
def show_template(
    name: str = typer.Argument(help="Template id or file."),
    folder: Path = FOLDER_OPTION,
    language: Language = typer.Option(Language.en, "--language"),
    as_json: bool = JSON_OPTION,
) -> None:
    """A template's steps: who is responsible, accountable, consulted, informed, in what time, with which outcomes."""
    one = _read(_path(folder, name))
    nodes = [place.node for place in layout_of(one).places.values()]
    steps = [_entry(node, language) for node in nodes if not isinstance(node, Fork)]
    if as_json:
        print_json(
            {
                "id": one.id,
                "version": one.version,
                "title": one.title.get(language),
                "description": one.description.get(language),
                "owner_role": one.owner_role,
                "hash": one.hash,
                "case": case_facts(one),
                "steps": steps,
            }
        )
        return
    print(f"{one.title.get(language)} ({one.id}, version {one.version}), owner {one.owner_role}")
    print(one.description.get(language), end="\n\n")
    for fact, words in case_facts(one).items():
        print(f"{fact.replace('_', ' '):<13} {words}")
    print()
    show(steps, _STEPS, as_json=False, empty="It has no step.")


@app.command("copy")
@one_sentence_errors(TemplateError, CopyRefused, TemplateProblems)
def copy(
    name: str = typer.Argument(help="Template id or file to copy."),
    new_id: str = typer.Argument(help="Id of the new template; its file is named after it."),
    folder: Path = TARGET_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Make a new template from one that exists, as version 1. Refuses an id that is taken."""
    if not folder.is_dir():
        fail(f"There is no folder {folder}.")
    known = _names(_catalog())
    path = copy_template(_read(_source(folder, name)), new_id, folder, known)
    if as_json:
        print_json({"file": str(path)})
    else:
        print(f"{path} is written. Give it a title of its own; `./trueloop templates lint {new_id}` checks it.")


@app.command("diagram")
@one_sentence_errors(TemplateError)
def diagram(
    name: str = typer.Argument(help="Template id or file."),
    folder: Path = FOLDER_OPTION,
    language: Language = typer.Option(Language.en, "--language"),
    as_json: bool = JSON_OPTION,
) -> None:
    """The template as Mermaid text."""
    text = mermaid(_read(_path(folder, name)), language)
    if as_json:
        print_json({"mermaid": text})
    else:
        print(text, end="")


@app.command("schema")
def schema(as_json: bool = JSON_OPTION) -> None:
    """The JSON Schema of templates, as editors read it."""
    if as_json:
        print_json(template_schema())
    else:
        print(schema_text(), end="")


def _entry(node: Step | Decision, language: str) -> dict[str, Any]:
    if isinstance(node, Decision):
        rules = [rule.id if rule.default else f"{rule.id}: {rule.when}" for rule in node.rules]
        return {"id": node.id, "kind": "decision", "title": node.title.get(language), "responsible": [],
                "accountable": role_words(node.accountable), "consulted": [], "informed": [], "sla": "at once",
                "outcomes": rules, "policy": node.policy}  # fmt: skip
    row: dict[str, Any] = {
        "id": node.id,
        "kind": node.kind,
        "title": node.title.get(language),
        "responsible": responsible_roles(node),
        "accountable": role_words(node.raci.accountable),
        "consulted": list(map(role_words, node.raci.consulted)),
        "informed": list(map(role_words, node.raci.informed)),
        "sla": sla_words(node),
        "outcomes": outcomes_of(node),
    }
    if isinstance(node, HumanStep) and node.vote is not None:
        row |= {"vote": vote_words(node.vote), "outcomes": [*row["outcomes"], f"by vote: {vote_words(node.vote)}"]}
    return row


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        fail(f"There is no folder {folder}.")
    return template_files(folder)


def _path(folder: Path, name: str) -> Path:
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(one.stem for one in _files(folder)) or "none"
        fail(f"There is no template {name!r} (there are: {known}).")
    return path


def _source(folder: Path, name: str) -> Path:
    """What is copied: a file, else the template of that id beside the copy, else the one that a start would read."""
    beside = (folder / f"{name}.yaml").is_file()
    return _path(folder if beside else read_settings().templates_dir, name)


def _read(path: Path) -> Template:
    odd = no_template_file(path)
    if odd:
        raise TemplateError(_shown(path), 1, odd)
    try:
        return load_template(path.read_text(encoding="utf-8"), file=_shown(path))
    except UnicodeDecodeError as error:
        raise TemplateError(_shown(path), 1, f"the file is not UTF-8 text (byte {error.start})") from error


def _findings(path: Path, known: TemplateNames) -> list[Finding]:
    try:
        one = _read(path)
    except TemplateError as error:
        return [Finding(error.file, line, "", message) for line, message in error.problems]
    return sorted(examine(one, known))


def _between(paths: Collection[Path], folder: Path) -> list[Finding]:
    """What these templates have to do with the others of the folder. Where one of those cannot be read, that is said of
    who opens it, and the rest is examined.
    """
    together: list[Template] = []
    unread: set[str] = set()
    for path in dict.fromkeys((*paths, *_files(folder))):
        try:
            together.append(_read(path))
        except TemplateError:
            unread.add(path.stem)
    asked = {_shown(path) for path in paths}
    return [finding for finding in lint_library(together, unread) if finding.file in asked]


def _watched(catalog: Catalog, paths: Collection[Path], folder: Path, *, every: bool) -> list[Finding]:
    """What the watch rules have to do with these templates; with ``every``, also rules whose template is missing where
    the folder is the one that a start reads. One that cannot be read is not held against its rules.
    """
    asked = {path.stem for path in paths}
    known: dict[str, Template] = {}
    for path in paths:
        with suppress(TemplateError):
            known[path.stem] = _read(path)
    unread = asked - set(known)
    whole = every and folder.resolve() == read_settings().templates_dir.resolve()
    watches = [watch for watch in catalog.watches() if watch.rule.template not in unread]
    return [
        replace(finding, file=_shown(Path(finding.file)))
        for finding in rules_amiss(watches, known, among=None if whole else known)
    ]


def _shown(path: Path) -> str:
    """The path as one would type it here, so that an editor or a terminal can open it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _catalog() -> Catalog:
    """The metrics of the checkout: those that are in force stand in the state folder, which is not opened here."""
    try:
        return load_catalog(MODELS_DIR)
    except CatalogError as error:
        fail(str(error))


def _names(catalog: Catalog) -> TemplateNames:
    settings = read_settings()
    try:
        return names_of(load_pack(settings.source_pack), settings.people_file, catalog.metrics)
    except (PackError, PeopleFileError) as error:
        fail(str(error))
