"""The templates in service: every YAML file of a folder, linted, found by id.

Reading files is done here and nowhere else. The versions that cases pinned are the store's, which keeps their texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from workflow_jobs.engine.lint import lint
from workflow_jobs.engine.lint_library import lint_library
from workflow_jobs.engine.lint_subject import Finding
from workflow_jobs.engine.template import Template, TemplateError, load_template
from workflow_jobs.slack.template_limits import beyond_slack

TEMPLATES_FOLDER: Final = Path(__file__).parent / "templates"


class TemplateProblems(Exception):
    """Templates that cannot go into service. `findings` lists every problem of every file."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


class UnknownTemplate(LookupError):
    """No template has this id."""


class TemplateLibrary:
    """Templates by id."""

    def __init__(self, templates: Collection[Template]) -> None:
        self._by_id = {template.id: template for template in sorted(templates, key=lambda t: t.id)}

    def __iter__(self) -> Iterator[Template]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def ids(self) -> tuple[str, ...]:
        """Ids of the templates in service, sorted."""
        return tuple(self._by_id)

    def get(self, template_id: str) -> Template:
        """The template in service. Raises UnknownTemplate."""
        try:
            return self._by_id[template_id]
        except KeyError:
            known = ", ".join(self._by_id) or "none"
            raise UnknownTemplate(f"there is no template {template_id!r} (there are: {known})") from None


def template_files(folder: Path) -> list[Path]:
    """Everything of a folder that is named like a template, by name; `no_template_file` says which of them is none."""
    return sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))


def no_template_file(path: Path) -> str:
    """Why a thing of the folder that is named like a template is none; empty for a file that is to be read."""
    if path.suffix == ".yml":
        return f"templates are read from *.yaml files: rename it to {path.stem}.yaml, or move it out of the folder"
    return "" if path.is_file() else "this is no file: rename it, or move it out of the folder"


def load_library(
    folder: Path = TEMPLATES_FOLDER,
    *,
    known_roles: Collection[str] | None = None,
    known_jobs: Collection[str] | None = None,
    known_calendars: Collection[str] | None = None,
) -> TemplateLibrary:
    """Read and lint every *.yaml of a folder. Names are checked where they are given. A *.yml or a folder is a finding.

    Raises TemplateProblems with all findings of all files; OSError if a file cannot be read.
    """
    templates: list[Template] = []
    findings: list[Finding] = []
    for path in template_files(folder):
        odd = no_template_file(path)
        if odd:
            findings.append(Finding(path.name, 1, "", odd))
            continue
        try:
            template = load_template(path.read_text(encoding="utf-8"), file=path.name)
        except UnicodeDecodeError as error:
            findings.append(Finding(path.name, 1, "", f"the file is not UTF-8 text (byte {error.start})"))
        except TemplateError as error:
            findings += [Finding(path.name, line, "", message) for line, message in error.problems]
        else:
            templates.append(template)
            findings += lint(template, known_roles, known_jobs, known_calendars=known_calendars)
            findings += beyond_slack(template)
    if not findings:  # a file that cannot be read is not missed as well
        findings = lint_library(templates)
    if findings:
        raise TemplateProblems(tuple(findings))
    if not templates:
        raise TemplateProblems((Finding(str(folder), 1, "", "the folder has no template (*.yaml)"),))
    return TemplateLibrary(templates)
