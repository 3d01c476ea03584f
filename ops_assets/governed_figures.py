"""Figures of metrics as readers may see them: refused as a whole by the metric's class, masked by dimension.

Belongs here: rules for published or computed figures. Rows are read by ops_assets.governed_rows; who may see what is
decided in ops_assets.access.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops_assets.access import CLASSES, AccessPolicy, AccessRefused, Hidden, Reader, SecurityClass, View
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.dictionary.security import ModelSecurity


@dataclass(frozen=True)
class GovernedFigures:
    """What readers may see of the figures of one definition bundle.

    A metric that the bundle does not know (a snapshot from before bundles) is treated as confidential.
    """

    bundle: DefinitionBundle
    policy: AccessPolicy

    def refusal(self, reader: Reader, metric: str, language: str = "en") -> str | None:
        """Why the reader gets no figure of ``metric``, in one sentence; None if it does."""
        return self.policy.refusal(reader, metric, self.class_of(metric), language)

    def require(self, reader: Reader, metrics: Iterable[str]) -> None:
        """Raises AccessRefused for the first metric whose figures the reader may not see."""
        for metric in metrics:
            sentence = self.refusal(reader, metric)
            if sentence is not None:
                raise AccessRefused(sentence)

    def class_of(self, metric: str) -> SecurityClass:
        definition = self.bundle.metrics.get(metric)
        return "confidential" if definition is None else definition.security_class

    def dimensions(self, reader: Reader, metric: str) -> View:
        """A view whose columns are the metric's dimensions, each with the higher class of its id and label column.

        ``row_filter`` is on a column of the metric's model, not on a dimension.
        """
        definition = self.bundle.metrics.get(metric)
        if definition is None:
            return self.policy.view(reader, {})
        classes = {name: self.dimension_class(metric, name) for name in definition.dimensions}
        return self.policy.view(reader, classes, self._security(metric).department_column)

    def channel_dimensions(self, metric: str) -> View:
        """The dimensions that a message in a channel may show; none where rows are shown by department only."""
        definition = self.bundle.metrics[metric]
        view = self.policy.channel_view({name: self.dimension_class(metric, name) for name in definition.dimensions})
        if self.policy.separates_departments and self._security(metric).department_column is not None:
            return replace(view, visible=(), left_out=tuple(definition.dimensions))
        return view

    def dimension_class(self, metric: str, dimension: str) -> SecurityClass:
        columns = self.bundle.metrics[metric].dimensions[dimension]
        security = self._security(metric)
        found = [security.columns.get(name, "internal") for name in (columns.id, columns.label)]
        return max(found, key=CLASSES.index)

    def subjects(
        self, reader: Reader, metric: str, rows: Iterable[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], Hidden]:
        """Rows of ``metric_subject`` of one metric for the reader: ids and labels masked, or the rows left out.

        A reader of single departments gets the subjects that are its departments; a subject of another dimension may
        mix departments, and is left out. Masked rows come in the order of their pseudonyms: the order that they came in
        could tell who they are. Raises AccessRefused for a metric whose figures the reader may not see.
        """
        self.require(reader, [metric])
        definition, view = self.bundle.metrics.get(metric), self.dimensions(reader, metric)
        if definition is None:
            return [dict(row) for row in rows], view.hidden()
        shown = [
            dict(row)
            for row in rows
            if row["dimension"] not in view.left_out and _of_own_department(view, definition, row)
        ]
        for row in shown:
            row["subject_id"] = view.value(row["dimension"], row["subject_id"])
            # One pseudonym for both: that of the id, so that two people of one name stay two.
            if row["dimension"] in view.masked:
                row["subject_label"] = row["subject_id"]
        return mixed(shown, "dimension", "subject_id", view.masked), view.hidden()

    def _security(self, metric: str) -> ModelSecurity:
        return self.bundle.security.get(metric) or ModelSecurity(columns={})


def mixed(rows: Sequence[dict[str, Any]], dimension: str, subject: str, masked: Sequence[str]) -> list[dict[str, Any]]:
    """``rows`` with those of masked dimensions after the others and by pseudonym."""
    kept = [row for row in rows if row[dimension] not in masked]
    hidden = [row for row in rows if row[dimension] in masked]
    return kept + sorted(hidden, key=lambda row: (str(row[dimension]), str(row[subject])))


def _of_own_department(view: View, definition: MetricDefinition, row: Mapping[str, Any]) -> bool:
    if view.row_filter is None:
        return True
    columns = definition.dimensions.get(row["dimension"])
    return columns is not None and columns.id == view.row_filter.column and row["subject_id"] in view.row_filter.values
