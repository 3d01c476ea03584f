"""Explains any two figures for one metric on a published snapshot: a claim against ours, or a claim against another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import OURS, Explanation, PartRow, Span
from resources.serving import Snapshot


class ExplainError(ValueError):
    """A question that cannot be answered; the message says what can be asked instead."""


def spans(snapshot: Snapshot, metric: MetricDefinition) -> list[Span]:
    """The spans that were compared at publication: the headline window first, then months, newest first."""
    raise NotImplementedError


def stored(snapshot: Snapshot, metric: MetricDefinition, claim: str, span: Span | None = None) -> Explanation:
    """The explanation of a claim against ours as computed at publication (default: the headline window or day).

    Raises ExplainError for an unknown claim, or a span that was not compared.
    """
    raise NotImplementedError


def explain(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    *,
    against: str = OURS,
    span: Span | None = None,
    where: Mapping[str, Any] | None = None,
) -> Explanation:
    """Compute an explanation on the snapshot's rows: any pair, any span, narrowed to key values such as one order.

    ``where`` may name columns of the compared grain. Raises ExplainError.
    """
    raise NotImplementedError


def rows_behind(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    part: str,
    *,
    against: str = OURS,
    span: Span | None = None,
    where: Mapping[str, Any] | None = None,
    limit: int = 200,
) -> list[PartRow]:
    """The rows behind a part (by its id), the largest movement first. Raises ExplainError."""
    raise NotImplementedError


def parse_span(text: str, as_of: date, window_days: int | None) -> Span:
    """``window``, ``all``, ``2026-10``, ``2026-10-31`` or ``2026-10-01..2026-10-15``. Raises ExplainError."""
    raise NotImplementedError
