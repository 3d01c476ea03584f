"""Explanations of disagreements as readers may see them: whole or refused, and the rows behind a part by column class.

Belongs here: what of an explanation a reader may see. How it is computed is ops_assets.reconciliation; who may see what
is decided in ops_assets.access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops_assets.access import CLASSES, AccessPolicy, AccessRefused, Reader, SecurityClass, View
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.governed_figures import GovernedFigures
from ops_assets.governed_rows import Table, strictest_class
from ops_assets.reconciliation.answer import OURS, Explanation, PartRow, Span
from ops_assets.reconciliation.explain import ExplainError, explain, rows_behind, spans, stored
from ops_assets.reconciliation.spec import claim_named
from resources.serving import Snapshot

MOST_ROWS = 10_000
_FIGURES = ("ours", "theirs", "numerator", "denominator", "part")
_DATES = ("ours_date", "theirs_date")


@dataclass(frozen=True)
class Question:
    """What is asked: which claim against what, in which span, narrowed to which key values."""

    claim: str
    against: str = OURS
    span: Span | None = None
    where: tuple[tuple[str, str], ...] = ()

    @property
    def is_stored(self) -> bool:
        """Whether publication may have computed the answer already."""
        return self.against == OURS and not self.where


@dataclass(frozen=True)
class GovernedExplanations:
    """The explanations of one snapshot as readers may see them, by the definitions that made it."""

    snapshot: Snapshot
    bundle: DefinitionBundle
    policy: AccessPolicy

    def metric(self, name: str) -> MetricDefinition:
        """The metric's definition; the prefix may be left out. Raises ExplainError for an unknown one."""
        for candidate in (name, f"metric_{name}"):
            if candidate in self.bundle.metrics:
                return self.bundle.metrics[candidate]
        raise ExplainError(f"There is no metric {name!r} in snapshot {self.snapshot.id}.")

    def spans(self, metric: MetricDefinition) -> list[Span]:
        """The spans that were compared at publication, the headline's first."""
        return spans(self.snapshot, metric)

    def explain(self, metric: MetricDefinition, question: Question, reader: Reader) -> Explanation:
        """Why the claim says something else. Raises ExplainError, AccessRefused."""
        self._require(metric, question, reader)
        if question.is_stored and (question.span is None or question.span in self.spans(metric)):
            return stored(self.snapshot, metric, question.claim, question.span)
        return explain(
            self.snapshot,
            metric,
            question.claim,
            against=question.against,
            span=question.span,
            where=dict(question.where) or None,
        )

    def rows(
        self,
        metric: MetricDefinition,
        question: Question,
        part: str,
        reader: Reader,
        *,
        limit: int = 100,
        offset: int = 0,
    ) -> Table:
        """The rows behind a part, the largest movement first; columns above the reader's role masked or left out.

        Columns: the key's, ``ours_date``, ``theirs_date``, ``ours``, ``theirs`` (the input's values, else the
        numerators), ``numerator``, ``denominator`` and ``part`` (what the row moves). Raises like :meth:`explain`.
        """
        self._require(metric, question, reader)
        if not 1 <= limit <= MOST_ROWS or not 0 <= offset <= MOST_ROWS:
            raise ExplainError(f"limit must be from 1 to {MOST_ROWS:,} and offset from 0 to {MOST_ROWS:,}.")
        found = rows_behind(
            self.snapshot,
            metric,
            question.claim,
            part,
            against=question.against,
            span=question.span,
            where=dict(question.where) or None,
            limit=offset + limit + 1,
        )[offset:]
        view = self._view(metric, found, reader)
        columns = view.columns
        rows = tuple(tuple(view.value(name, _cell(row, name)) for name in columns) for row in found[:limit])
        return Table(columns, rows, view.hidden(), more=len(found) > limit)

    def _require(self, metric: MetricDefinition, question: Question, reader: Reader) -> None:
        GovernedFigures(self.bundle, self.policy).require(reader, [metric.name])
        narrowed = [strictest_class(self.bundle.security, column) for column, _ in question.where]
        for (column, _), security_class in zip(question.where, narrowed, strict=True):
            if not self.policy.sees(reader, security_class):
                raise AccessRefused(
                    f"The column {column!r} is {security_class}; the role {reader.role!r} cannot narrow by it."
                )
        models = [metric.name, *(claim_named(metric, name).model for name in (question.claim,))]
        for model in models:
            security = self.bundle.security.get(model)
            if security is None or security.department_column is None:
                continue
            if self.policy.view(reader, {}, security.department_column).row_filter is not None:
                raise AccessRefused(
                    f"An explanation of {metric.name} covers all departments; the role {reader.role!r} sees rows of "
                    "its own departments alone."
                )

    def _view(self, metric: MetricDefinition, rows: Sequence[PartRow], reader: Reader) -> View:
        keys = tuple(rows[0].key) if rows else ()
        classes: dict[str, SecurityClass] = {
            **{name: strictest_class(self.bundle.security, name) for name in keys},
            **dict.fromkeys(_DATES, "public"),
            # What a row says is at least as sensitive as the figure that it makes, and as the inputs behind it.
            **dict.fromkeys(_FIGURES, self._row_class(metric)),
        }
        return self.policy.view(reader, classes)

    def _row_class(self, metric: MetricDefinition) -> SecurityClass:
        named: Mapping[str, Any] = {
            column: None
            for claim in metric.claims
            for each in claim.inputs
            for column in (each.ours_column, each.theirs_column)
            if column is not None
        }
        found = [strictest_class(self.bundle.security, column) for column in named if column not in _FIGURES]
        return max([metric.security_class, *found], key=CLASSES.index)


def _cell(row: PartRow, column: str) -> Any:
    if column in row.key:
        return row.key[column]
    if column == "part":
        return row.amount
    return getattr(row, column)
