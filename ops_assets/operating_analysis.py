"""The monthly operating analysis: one page of published figures, month against month.

It reads the current snapshot only, so it never shows an unaudited figure, and it names what is held back or missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops_assets.checks.trust import Trust
from ops_assets.figures import with_unit
from ops_assets.trust import trust_of
from resources.platform import Platform


class NothingPublishedError(RuntimeError):
    """There is no snapshot to report on yet."""


@dataclass(frozen=True)
class OperatingAnalysis:
    """One written report. ``month`` is the first day of the month reported on."""

    month: date
    path: Path
    metrics: int


def write_operating_analysis(platform: Platform) -> OperatingAnalysis:
    """Write the report on the last full month before the snapshot's as-of date; the same month is replaced whole."""
    snapshot = platform.snapshots.current()
    if snapshot is None:
        raise NothingPublishedError("Nothing was published yet; run `./trueloop refresh` first.")
    month = last_full_month(snapshot.as_of)
    before = (month - timedelta(days=1)).replace(day=1)
    metrics = snapshot.rows("select * from metrics order by domain, metric")
    periods = {
        (row["metric"], row["period_start"]): row
        for row in snapshot.rows("select * from metric_period where period_start in (?, ?)", [month, before])
    }
    trusts = trust_of(snapshot, platform.clock.now())
    text = render(metrics, periods, trusts, month=month, before=before, snapshot_id=snapshot.id)
    folder = platform.settings.home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"operating_analysis_{month:%Y-%m}.md"
    beside = path.with_suffix(".tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return OperatingAnalysis(month=month, path=path, metrics=len(metrics))


def last_full_month(as_of: date) -> date:
    """First day of the last month that had ended by ``as_of`` (a month's last day ends it)."""
    tomorrow = as_of + timedelta(days=1)
    return (tomorrow.replace(day=1) - timedelta(days=1)).replace(day=1)


def render(
    metrics: Sequence[Mapping[str, Any]],
    periods: Mapping[tuple[str, date], Mapping[str, Any]],
    trusts: Mapping[str, Trust],
    *,
    month: date,
    before: date,
    snapshot_id: str,
) -> str:
    """The report as Markdown, by domain."""
    lines = [f"# Operating analysis {month:%Y-%m}", "", f"Published figures of snapshot {snapshot_id}."]
    domain = None
    for metric in metrics:
        if metric["domain"] != domain:
            domain = metric["domain"]
            lines += [
                "",
                f"## {str(domain).capitalize()}",
                "",
                f"| metric | {month:%Y-%m} | {before:%Y-%m} | change | trust |",
                "|---|--:|--:|--:|---|",
            ]
        now, then = periods.get((metric["metric"], month)), periods.get((metric["metric"], before))
        lines.append(
            f"| {metric['label_en']} | {_shown(metric, now)} | {_shown(metric, then)} | {_change(metric, now, then)} "
            f"| {trusts[metric['metric']].sentence()} |"
        )
    return "\n".join(lines) + "\n"


def _shown(metric: Mapping[str, Any], period: Mapping[str, Any] | None) -> str:
    return with_unit(metric["unit"], period["value_text"] if period else None)


def _change(metric: Mapping[str, Any], now: Mapping[str, Any] | None, then: Mapping[str, Any] | None) -> str:
    if not now or not then or now["value_text"] is None or then["value_text"] is None:
        return "-"
    change = Decimal(now["value_text"]) - Decimal(then["value_text"])
    unit = " points" if metric["unit"] == "percent" else ""
    better = (change > 0) == (metric["direction"] == "up")
    word = "" if not change or metric["direction"] == "none" else (" (better)" if better else " (worse)")
    return f"{change:+}{unit}{word}"
