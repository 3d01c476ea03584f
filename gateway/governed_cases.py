"""Cases as a reader may see them: who works on them, what was entered, and the figures that opened them.

Belongs here: what of a case is hidden from whom. Who may see which class is decided in ops_assets.access.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gateway.context import GatewayContext
from gateway.words import text
from ops_assets.access import AccessRefused, Hidden, Reader
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.governed_figures import GovernedFigures

# Written by people or about them, so that anything may stand in it.
_FREE_TEXT = frozenset({"reason", "note", "because", "assigned_because", "error", "comment", "cause", "text"})
_ENTERED = frozenset({"data", "form", "result"})
_FIGURES = frozenset({"observed", "threshold"})


class About(Protocol):
    """What a case is about, whatever tells of it: its metric ("" for none) and its subject."""

    @property
    def metric(self) -> str: ...

    @property
    def subject_id(self) -> str: ...


class AboutSubject(About, Protocol):
    """The same with the kind of the subject, which may be one whose names are hidden."""

    @property
    def subject_kind(self) -> str: ...


class GovernedCases:
    """Cases for one reader. Raises AccessRefused, in ``language``, for one of a role that sees nothing internal."""

    def __init__(self, context: GatewayContext, reader: Reader, language: str = "en") -> None:
        refusal = context.access.refusal(reader, text(language, "cases_what"), "internal", language)
        if refusal is not None:
            raise AccessRefused(refusal)
        self._policy, self._reader = context.access, reader
        snapshot = context.snapshots.current()
        bundle = DefinitionBundle(metrics={}) if snapshot is None else bundle_of(context.snapshots, snapshot)
        self._figures = GovernedFigures(bundle, context.access)
        self._sees_people = context.access.sees(reader, context.access.case_people)
        directory = context.directory()
        self._name = directory.name
        people = directory.people.values()
        self._people = {} if self._sees_people else {person.person_id: person.label for person in people}
        self._labels = set(self._people.values())

    def person(self, text: str | None) -> str | None:
        """The id or name of somebody who works on a case."""
        return self._policy.person_in_case(self._reader, text)

    def named(self, person_id: str | None) -> str:
        """How somebody who works on a case is called: his name, or what the reader sees instead; "" for nobody."""
        seen = self.person(person_id)
        return self._name(person_id) if person_id is not None and seen == person_id else seen or ""

    @property
    def sees_people(self) -> bool:
        """Whether the reader sees who works on cases."""
        return self._sees_people

    def hidden_subjects(self) -> frozenset[tuple[str, str]]:
        """Metrics and kinds of subject whose ids and labels the reader does not see as they are."""
        return frozenset(
            (metric, kind)
            for metric in self._figures.bundle.metrics
            for view in (self._figures.dimensions(self._reader, metric),)
            for kind in (*view.masked, *view.left_out)
        )

    def sees_messages(self, case: AboutSubject) -> bool:
        """Whether nothing of a case is hidden from the reader, so that its messages may be shown word for word."""
        view = self._figures.dimensions(self._reader, self._stated(case))
        return self.sees_entries(case) and case.subject_kind not in (*view.masked, *view.left_out)

    def sees_figures(self, metric: str) -> bool:
        """Whether the reader sees figures of the metric; without one there are none to hide."""
        return not metric or self._figures.refusal(self._reader, metric) is None

    def sees_findings(self, case: About) -> bool:
        """Whether the reader sees every figure that a case may state."""
        return self.sees_figures(self._stated(case))

    def sees_entries(self, case: About) -> bool:
        """Whether the reader sees what people entered: it may hold whatever may be hidden of a case."""
        return self._sees_people and self.sees_findings(case)

    def subject_figures(self, metric: str, rows: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Hidden]:
        """Figures by subject (dimension, subject_id, subject_label) of a metric whose figures the reader sees."""
        return self._figures.subjects(self._reader, metric, rows)

    def refusal(self, metric: str, language: str) -> str | None:
        """Why the reader gets no figure of the metric, in one sentence; None if it does."""
        return self._figures.refusal(self._reader, metric, language)

    def subject(self, metric: str, kind: str, text: str | None) -> str | None:
        """The id or label of what a case is about: masked like the dimension of its metric."""
        view = self._figures.dimensions(self._reader, metric)
        return text if text is None or kind not in view.classes else _text(view.value(kind, text))

    def entered(self, case: About, data: Mapping[str, Any]) -> dict[str, Any]:
        """What was entered in the forms and why the case was opened; nothing of it where it may hold what is hidden."""
        return dict(data) if self.sees_entries(case) else {}

    def events(self, case: AboutSubject, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The log, with people masked and without figures, entries and free text where they may hold what is hidden."""
        return [self._event(case, event) for event in events]

    def _event(self, case: AboutSubject, event: Mapping[str, Any]) -> dict[str, Any]:
        figures = self.sees_findings(case)
        seen: dict[str, Any] = {}
        for key, value in event.items():
            if key in _ENTERED and not (figures and self._sees_people):
                seen[key] = {}
            elif key in _FIGURES and not figures:
                seen[key] = None
            elif key in _FREE_TEXT and not self._sees_people:
                seen[key] = ""
            elif key in ("subject_id", "subject_label"):
                seen[key] = self.subject(self._stated(case), case.subject_kind, value)
            else:
                seen[key] = self._without_people(value)
        return seen

    def _without_people(self, value: Any) -> Any:
        if self._sees_people:
            return value
        if isinstance(value, str):
            return self.person(value) if value in self._people or value in self._labels else value
        if isinstance(value, Mapping):
            return {key: self._without_people(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._without_people(inner) for inner in value]
        return value

    def _stated(self, case: About) -> str:
        """The metric whose figures a case may state: its own, or that which an incident is about, since what checks
        found of it says figures; "" where there is none.
        """
        return case.metric or (case.subject_id if case.subject_id in self._figures.bundle.metrics else "")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
