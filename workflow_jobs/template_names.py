"""The names that templates may use: roles, jobs, skills, calendars and metrics; one set for start, linter and copies.

Belongs here: where these names come from, and which of them nobody stands behind today. What a template may do with
them is the linter's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resources.packs import PackError, SourcePack
from resources.people import Directory
from resources.people_file import read_people_file
from workflow_jobs.engine import lint_people
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.lint import lint_names
from workflow_jobs.engine.lint_subject import Subject
from workflow_jobs.engine.template import HumanStep, Template

# Dagster's jobs by name, so that who only reads names need not load Dagster. `jobs.service_jobs` has all of them.
SERVICE_JOBS: Final = frozenset(
    (
        "grant_data_access_job",
        "publish_definition_job",
        "replan_production_job",
        "revoke_data_access_job",
        "shadow_definition_job",
    )
)


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """What may be named. None: nobody says which there are, and they are not checked."""

    roles: Collection[str] | None
    jobs: Collection[str] | None
    skills: Collection[str] | None
    calendars: Collection[str] | None
    metrics: Collection[str] | None = None


def names_of(
    pack: SourcePack, people_file: Path | None = None, metrics: Collection[str] | None = None
) -> TemplateNames:
    """The names of a company. A pack without roles, and people whose skills nobody states, do not say which.
    ``metrics`` are those of the catalogue.

    Raises PeopleFileError.
    """
    file = people_file or pack.folder / "people.toml"
    skills: set[str] | None = None
    if file.exists():
        entries = read_people_file(file, pack.calendars).people.values()
        skills = {skill for entry in entries for skill in entry.skills} or None
    return TemplateNames(set(pack.roles) or None, SERVICE_JOBS, skills, set(pack.calendars), metrics)


def require_names(templates: Iterable[Template], pack: SourcePack) -> None:
    """Raise PackError, with every finding, where a template names a role or a calendar that the pack does not declare.

    Skills are no ground to refuse a start: who has which changes with the people (`nobody_behind` says it).
    """
    findings = [one for template in templates for one in lint_names(template, set(pack.roles) or None, pack.calendars)]
    if findings:
        said = "\n".join(map(str, findings))
        raise PackError(f"{said}\nDeclare them in {pack.folder / 'pack.toml'}, or change the templates.")


def nobody_behind(templates: Iterable[Template], people: Directory) -> dict[str, list[str]]:
    """Roles that nobody holds and skills that nobody has, in alphabetical order, each with the templates that want it.

    Before the first publication nobody is known, and nobody is missed; where nobody's skills are stated, no skill is.
    It takes half a millisecond for the shipped templates and ten thousand people, so nothing keeps the answer.
    """
    missed: dict[str, set[str]] = {}
    if not len(people):
        return {}
    skills: frozenset[str] = frozenset().union(*people.skills.values())
    for template in templates:
        named = _Named()
        list(lint_people.people(Subject(template, roles=named)))
        wanted = {f"role {role}" for role in named if not people.candidates(role)}
        if skills:
            for step in layout_of(template).steps():
                if isinstance(step, HumanStep):
                    wanted |= {f"skill {skill}" for skill in step.skills if skill not in skills}
        for name in wanted:
            missed.setdefault(name, set()).add(template.id)
    return {name: sorted(where) for name, where in sorted(missed.items())}


class _Named(set[str]):
    """Knows every role that it is asked for: so the linter's own look at people tells which roles a template names."""

    def __contains__(self, role: object) -> bool:
        self.add(str(role))
        return True
