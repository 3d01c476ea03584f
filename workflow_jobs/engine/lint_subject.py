"""What the linter's rules look at, and the shape of what they find.

Belongs here: the template under examination with the names that are known outside it. The rules are `lint` (the
template as a whole), `lint_people`, `lint_requester`, `lint_flow`, `lint_data` and `lint_library`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from workflow_jobs.engine.certainty import Source, sources_of
from workflow_jobs.engine.layout import Layout, layout_of
from workflow_jobs.engine.parts import FormField, RoleFromInput, RoleRef
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.yaml_lines import Path

# Where in the file, which step ("" for the template as a whole), and what to do.
Found = Iterator[tuple[Path, str, str]]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend. `step` is "" for the template as a whole."""

    file: str
    line: int
    step: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.step + ': ' if self.step else ''}{self.message}"


@dataclass(frozen=True)
class Subject:
    """A template under examination. Names that are None are not known, and not checked."""

    template: Template
    roles: Collection[str] | None = None
    jobs: Collection[str] | None = None
    skills: Collection[str] | None = None
    inputs: dict[str, FormField] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", {entry.name: entry for entry in self.template.inputs})

    @property
    def layout(self) -> Layout:
        """Where each step stands."""
        return layout_of(self.template)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Everything that fills the data of a case, in the order of the file."""
        return tuple(sources_of(self.template))

    def declared(self, name: str) -> FormField | None:
        """The input or form field that gives the name its type."""
        return next((s.field for s in self.sources if s.name == name and s.field is not None), None)

    def role(self, path: Path, step: str, role: RoleRef) -> Found:
        """A role that nobody can hold, or an input that names none."""
        if isinstance(role, RoleFromInput):
            named = self.inputs.get(role.input)
            if named is None or named.type != "role":
                yield path, step, f"{role.input!r} is no input of type role: declare it under `inputs`"
            role = role.default
        if self.roles is not None and role not in self.roles:
            yield path, step, f"nobody can hold the role {role!r}: no such role is known; name or declare one"

    def all_roles(self, path: Path, step: str, roles: Collection[str] | bool) -> Found:
        """The same for a list of roles; a plain yes or no names none."""
        if not isinstance(roles, bool):
            for number, role in enumerate(roles):
                yield from self.role((*path, number), step, role)
