"""Holds published figures against the watch rules: which subjects breach, and which assets hold figures back.

Reads one snapshot and nothing else, so a breach can always be shown with the very figures that made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from ops_assets.catalog import Watch
from resources.serving import Snapshot

RED_LINE_RULE = "red_line"


@dataclass(frozen=True)
class Breach:
    """One subject beyond one watch rule. Figures are raw ratios; ``direction`` is the forbidden side."""

    rule_id: str
    metric: str
    template: str
    subject_kind: str
    subject_id: str
    subject_label: str
    direction: Literal["above", "below"]
    observed: Decimal
    threshold: Decimal


@dataclass(frozen=True)
class RedLine:
    """An asset whose red line holds metrics back, with the failing checks and the owner role of the first metric."""

    asset: str
    checks: tuple[str, ...]
    sentence: str
    metrics: tuple[str, ...]
    owner_role: str


def find_breaches(watches: Sequence[Watch], snapshot: Snapshot) -> list[Breach]:
    """All breaches in a snapshot, held metrics left out: what is not published opens no case."""
    published = {
        row["metric"]: row for row in snapshot.rows("select * from metrics where state in ('published', 'warning')")
    }
    found: list[Breach] = []
    for watch in watches:
        if watch.metric not in published:
            continue
        if watch.rule.dimension is None:
            found += breaches_of(watch, [{**published[watch.metric], "subject_id": "", "subject_label": ""}])
            continue
        subjects = snapshot.rows(
            "select * from metric_subject where metric = ? and dimension = ? order by subject_id",
            [watch.metric, watch.rule.dimension],
        )
        found += breaches_of(watch, subjects)
    return found


def breaches_of(watch: Watch, subjects: Iterable[Mapping[str, Any]]) -> list[Breach]:
    """The subjects beyond one rule, exactly: bounds are compared with fractions, not with rounded figures."""
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
        assert threshold is not None, "a watch rule has one bound"
        if (value > threshold) if rule.above is not None else (value < threshold):
            found.append(
                Breach(
                    rule_id=watch.id,
                    metric=watch.metric,
                    template=rule.template,
                    subject_kind=rule.dimension or "",
                    subject_id=row["subject_id"],
                    subject_label=row["subject_label"] or row["subject_id"],
                    direction="above" if rule.above is not None else "below",
                    observed=value,
                    threshold=threshold,
                )
            )
    return found


def observed_value(watch: Watch, numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """The raw figure that a rule is held against."""
    if watch.aggregation != "ratio":
        return numerator
    return numerator / denominator if denominator else None


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


def find_red_lines(snapshot: Snapshot) -> list[RedLine]:
    """The assets with a failing red line, each once, however many of its checks fail."""
    owners = {row["metric"]: row["owner_role"] for row in snapshot.rows("select metric, owner_role from metrics")}
    by_asset: dict[str, list[dict[str, Any]]] = {}
    for row in snapshot.rows("select * from checks where severity = 'red' order by asset, check_name"):
        by_asset.setdefault(row["asset"], []).append(row)
    return [
        RedLine(
            asset=asset,
            checks=tuple(row["check_name"] for row in rows),
            sentence="; ".join(f"{row['check_name']}: {row['sentence']}" for row in rows),
            metrics=tuple(sorted({metric for row in rows for metric in row["metrics"]})),
            owner_role=next((owners[m] for row in rows for m in row["metrics"] if m in owners), "data_owner"),
        )
        for asset, rows in sorted(by_asset.items())
    ]
