"""Holds published figures against the watch rules: which subjects breach.

Reads one snapshot and nothing else, so a breach can always be shown with the very figures that made it. Belongs here:
the dispatch over the kinds of rules, and thresholds. The other kinds are ops_assets.watched_kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.watch_words import form_of, threshold_words
from ops_assets.watched_kinds import change_breaches, control_breaches, missing_breaches
from ops_assets.watched_rows import has_rows
from resources.serving import Snapshot


def find_breaches(watches: Sequence[Watch], snapshot: Snapshot) -> list[Breach]:
    """All breaches in a snapshot, held metrics left out: what is not published opens no case."""
    published = {
        row["metric"]: row for row in snapshot.rows("select * from metrics where state in ('published', 'warning')")
    }
    found: list[Breach] = []
    for watch in watches:
        if watch.metric in published:
            found += _breaches(watch, snapshot, published[watch.metric])
    return found


def _breaches(watch: Watch, snapshot: Snapshot, row: Mapping[str, Any]) -> list[Breach]:
    if watch.rule.kind == "threshold":
        if watch.rule.dimension is None:
            return breaches_of(watch, [{**row, "subject_id": "", "subject_label": ""}], row)
        subjects = snapshot.rows(
            "select * from metric_subject where metric = ? and dimension = ? order by subject_id",
            [watch.metric, watch.rule.dimension],
        )
        return breaches_of(watch, subjects, row)
    if not has_rows(snapshot, watch.metric):
        return []
    if watch.rule.change is not None:
        return change_breaches(watch, watch.rule.change, snapshot, row)
    if watch.rule.control is not None:
        return control_breaches(watch, watch.rule.control, snapshot, row)
    assert watch.rule.missing is not None, "a watch rule has one condition"
    return missing_breaches(watch, watch.rule.missing, snapshot, row)


def breaches_of(
    watch: Watch, subjects: Iterable[Mapping[str, Any]], metric: Mapping[str, Any] | None = None
) -> list[Breach]:
    """The subjects beyond one bound, exactly: bounds are compared with fractions, not with rounded figures.

    ``metric`` is the metric's row in the snapshot; with it, each breach says why.
    """
    rule = watch.rule
    found = []
    for row in subjects:
        if row["numerator"] is None:
            continue
        numerator, denominator = Decimal(row["numerator"]), Decimal(row["denominator"] or 0)
        value = observed_value(watch, numerator, denominator)
        if value is None or denominator < rule.min_denominator:
            continue
        threshold = rule.above if rule.above is not None else rule.below
        assert threshold is not None, "a watch rule of this kind has one bound"
        above = rule.above is not None
        if (value > threshold) if above else (value < threshold):
            found.append(
                Breach(
                    rule_id=watch.id,
                    metric=watch.metric,
                    template=rule.template,
                    subject_kind=rule.dimension or "",
                    subject_id=row["subject_id"],
                    subject_label=row["subject_label"] or row["subject_id"],
                    direction="above" if above else "below",
                    observed=value,
                    threshold=threshold,
                    why=None if metric is None else threshold_words(form_of(metric), value, threshold, above),
                )
            )
    return found


def observed_value(watch: Watch, numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The raw figure that a rule is held against."""
    if watch.aggregation != "ratio":
        return numerator
    return numerator / denominator if denominator else None


def figure_as_of(snapshot: Snapshot, metric: str) -> date | None:
    """The local day up to which the published figures of a metric count; None where there are none or they are held."""
    rows = snapshot.rows("select as_of from metrics where metric = ? and state in ('published', 'warning')", [metric])
    return rows[0]["as_of"] if rows else None


def subject_figure(snapshot: Snapshot, metric: str, dimension: str, subject_id: str) -> Decimal | None:
    """The published raw figure of one subject (or of the whole metric), None where there is none or it is held."""
    if not dimension:
        rows = snapshot.rows(
            "select value from metrics where metric = ? and state in ('published', 'warning')", [metric]
        )
    else:
        rows = snapshot.rows(
            "select s.value from metric_subject s join metrics m using (metric) where s.metric = ? and s.dimension = ? "
            "and s.subject_id = ? and m.state in ('published', 'warning')",
            [metric, dimension, subject_id],
        )
    return Decimal(str(rows[0]["value"])) if rows and rows[0]["value"] is not None else None
