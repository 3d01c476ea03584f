"""Row-level reconciliation of two relations beside a bare full join of the same relations, in the same run.

The company is 10 million order lines a side over two years. On their side 1 % of the lines have another cost, 0.1 % are
missing, 0.1 % are theirs alone, 0.1 % stand in the month after, and one day's lines are there twice. Measured is
everything from the two tables to the gaps of all months with their parts, checked against the sums. One bare join
matches the rows and sums both sides' numerator and denominator; the other also compares the columns and counts the rows
that differ, by month. Neither explains anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.spread import Spread, ratio, table
from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.gap import make_gaps
from ops_assets.reconciliation.row_level import Periods, RowLevel
from ops_assets.reconciliation.spec import Comparison, compare_with_ours
from ops_assets.reconciliation.totals_sql import PartSums

ROWS = 10_000_000
_LAST = date(2025, 12, 31)
_DAYS = 730
_SUMS = "count(*), sum(o.numerator), sum(t.numerator), sum(o.denominator), sum(t.denominator)"
_JOIN = "from ours as o full join theirs as t on o.order_no = t.order_no and o.line_no = t.line_no"
_COLUMNS = ("order_no", "event_date", "numerator", "denominator", "revenue", "material_cost", "freight")
_DIFFERS = " or ".join(f"o.{column} is distinct from t.{column}" for column in _COLUMNS)
_BARE = {
    "bare full join, sums": f"select {_SUMS} {_JOIN}",
    "bare full join that compares the columns": (
        f"select date_trunc('month', coalesce(o.event_date, t.event_date)) as month, "
        f"count(*) filter ({_DIFFERS}), {_SUMS} {_JOIN} group by month"
    ),
}
_RULE = {"numerator": "revenue - material_cost - freight", "denominator": "revenue"}
_FEW, _ALL = "few rows differ", "their rule leaves freight out, so all rows differ"


@dataclass
class ReconciliationTimes:
    """Seconds of each repetition. ``parts`` is the number of parts found, ``rows`` the rows of a side."""

    rows: int
    bare: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)


def measure(work: Path, rows: int, repetitions: int, say: Callable[[str], None]) -> ReconciliationTimes:
    """Make both relations in ``work`` and reconcile them, alternating with the bare join. Raises duckdb.Error."""
    work.mkdir(parents=True, exist_ok=True)
    times = ReconciliationTimes(rows)
    with duckdb.connect(str(work / "reconciliation.duckdb")) as db:
        say(f"two relations of {rows:,} rows")
        for name, theirs in (("ours", False), ("theirs", True)):
            db.execute(f"create table {name} as {_relation(rows, theirs)}")
        db.execute("checkpoint")
        for repetition in range(repetitions):
            for name, query in _BARE.items():
                began = time.perf_counter()
                db.execute(query).fetchall()
                times.bare.setdefault(name, []).append(time.perf_counter() - began)
            for case in (_FEW, _ALL):
                comparison = _comparison(case)
                began = time.perf_counter()
                times.parts[case] = _reconcile(db, comparison)
                times.seconds.setdefault(case, []).append(time.perf_counter() - began)
            say(f"repetition {repetition + 1} of {repetitions}")
    (work / "reconciliation.duckdb").unlink()
    return times


def reconciliation_text(times: ReconciliationTimes) -> str:
    """Rows of a side per second, and how many times as long as each of the bare joins."""
    bare = {name: Spread.of(seconds) for name, seconds in times.bare.items()}
    rows = [[name, each.text(), f"{times.rows / each.median:,.0f}", *("" for _ in bare)] for name, each in bare.items()]
    for case, seconds in times.seconds.items():
        spread = Spread.of(seconds)
        ratios = [ratio(spread, each) for each in bare.values()]
        rows.append(
            [f"{case} ({times.parts[case]} parts)", spread.text(), f"{times.rows / spread.median:,.0f}", *ratios]
        )
    header = ["", "seconds", "rows/s of a side", "to the first", "to the second"]
    return f"Reconciliation of {times.rows:,} rows a side, months and their parts\n\n" + table(header, rows)


def reconciliation_json(times: ReconciliationTimes) -> dict[str, Any]:
    """Every single value."""
    return {
        "rows": times.rows,
        "bare_seconds": {name: Spread.of(values).to_json() for name, values in times.bare.items()},
        "seconds": {case: Spread.of(values).to_json() for case, values in times.seconds.items()},
    }


def _reconcile(db: duckdb.DuckDBPyConnection, comparison: Comparison) -> int:
    periods = Periods(last=_LAST, by_month=True)
    level = RowLevel(db, comparison, ("ours", "theirs"), periods)
    months = level.months()
    level.find(months)
    gaps = make_gaps(comparison, periods, months, PartSums(level).totals())
    level.close()
    unbalanced = [gap.start for gap in gaps if not gap.balanced]
    if unbalanced:
        raise RuntimeError(f"The parts of {unbalanced[0]} do not add up to its gap.")
    return sum(len(gap.parts) for gap in gaps)


def _comparison(case: str) -> Comparison:
    theirs = _RULE if case == _FEW else {"numerator": "revenue - material_cost", "denominator": "revenue"}
    claim = ClaimSpec.model_validate(
        {
            "name": "other",
            "model": "theirs",
            "department": "other",
            "label": {"en": "Other", "zh": "他"},
            "grain": ["order_no", "line_no"],
            "inputs": [{"name": name} for name in ("revenue", "material_cost", "freight")],
            "ours": _RULE,
            "theirs": theirs,
        }
    )
    fields: dict[str, Any] = {
        "name": "ours",
        "aggregation": "ratio",
        "grain": ("order_no", "line_no"),
        "claims": (claim,),
    }
    return compare_with_ours(MetricDefinition.model_construct(**fields), claim)


def _relation(rows: int, theirs: bool) -> str:
    """Order lines in the order of their days, as the warehouse's models are."""
    changed = "case when i % 100 = 7 then 1 else 0 end" if theirs else "0"
    day = f"date '2024-01-01' + cast(i * {_DAYS} // {rows} as integer)"
    if theirs:
        day = f"case when i % 1000 = 31 then least({day} + 31, date '{_LAST}') else {day} end"
    lines = f"select i from range({rows}) as r(i) where i % 1000 <> {11 if theirs else 12}"
    if theirs:
        lines += f" union all select i from range({rows}) as r(i) where i * {_DAYS} // {rows} = {_DAYS // 2}"
    return f"""
        select 'SO' || lpad(cast(i // 4 as varchar), 9, '0') as order_no, cast(i % 4 as integer) as line_no,
            {day} as event_date, cast(revenue as decimal(18, 4)) as revenue,
            cast(cost as decimal(18, 4)) as material_cost, cast(freight as decimal(18, 4)) as freight,
            cast(revenue - cost - freight as decimal(28, 6)) as numerator,
            cast(revenue as decimal(28, 6)) as denominator
        from (
            select i, 100 + i % 977 as revenue, 50 + i % 311 + {changed} as cost, 1 + i % 13 as freight
            from ({lines}) as lines
        ) as priced
        order by event_date
    """
