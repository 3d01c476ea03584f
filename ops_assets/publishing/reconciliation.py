"""The section that holds every claim against the governed figure: gaps, parts, the rows behind them, and the scores.

Months whose rows did not change keep their gaps and files; the headline is computed each time, on its own rows. A
month is also computed again when rows of a changed month have keys that it could not match, since they may now be its
rows' counterparts. How a gap comes apart: ops_assets.reconciliation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import duckdb

from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.periods import following_month
from ops_assets.publishing.claim_rows import write_claim_rows
from ops_assets.publishing.parts import create_parts_view, sql_text, write_part
from ops_assets.publishing.sections import SectionContext
from ops_assets.reconciliation.answer import Figure, Span, exact_text
from ops_assets.reconciliation.gap import Gap, make_gaps
from ops_assets.reconciliation.row_level import MonthRows, Periods, RowLevel
from ops_assets.reconciliation.score import Compared, score_metric
from ops_assets.reconciliation.spec import Comparison, ComparisonError, compare_with_ours, rows_view
from ops_assets.reconciliation.totals_sql import TOO_LARGE, PartSums

KEPT_ROWS = 500
"""Rows kept behind a part; totals are of all rows, and more rows are computed on request."""

_FORM = "1"
"""Changes with the meaning of what is stored, so that nothing older is taken over."""

_TABLES = """
create table snapshot.claim (
    metric varchar, claim varchar, label_en varchar, label_zh varchar, department varchar, grain varchar,
    model varchar, rows_view varchar, state varchar, reason varchar);
create table snapshot.claim_period (
    metric varchar, claim varchar, grain varchar, period_start date, period_first date, period_last date,
    ours_numerator varchar, ours_denominator varchar, theirs_numerator varchar, theirs_denominator varchar,
    ours_rows bigint, theirs_rows bigint, gap varchar, gap_value double, rows bigint, balanced boolean,
    imbalance_numerator varchar, imbalance_denominator varchar, file varchar, fingerprint varchar);
create table snapshot.claim_part (
    metric varchar, claim varchar, grain varchar, period_start date, place varchar, cause varchar, input varchar,
    label_en varchar, label_zh varchar, numerator varchar, denominator varchar, part varchar, part_value double,
    rows bigint);
create table snapshot.claim_file (
    metric varchar, claim varchar, period_start date, file varchar, fingerprint varchar);
create table snapshot.consistency (metric varchar, score double, deductions varchar)
"""
_PER_CLAIM_TABLES = ("claim_period", "claim_part", "claim_file")
_LOOSE = ("only_here", "counted_twice", "other_period")


class ReconciliationSection:
    """Tables ``claim``, ``claim_period``, ``claim_part``, ``consistency``; a view over each claim model's rows under
    the model's name, and one over the rows behind its parts (ops_assets.reconciliation.spec.rows_view).
    """

    def write(self, context: SectionContext) -> None:
        for statement in _TABLES.split(";"):
            context.db.execute(statement)
        for metric in context.catalog.metrics.values():
            compared = [
                each for claim in metric.claims if (each := _ClaimWriter(context, metric, claim).write()) is not None
            ]
            if compared:
                consistency = score_metric(compared)
                context.db.execute(
                    "insert into snapshot.consistency values (?, ?, ?)",
                    [
                        metric.name,
                        None if consistency.score is None else float(consistency.score),
                        json.dumps([each.to_json() for each in consistency.deductions], ensure_ascii=False),
                    ],
                )


class _ClaimWriter:
    """One claim of one metric."""

    def __init__(self, context: SectionContext, metric: MetricDefinition, claim: ClaimSpec) -> None:
        self._context = context
        self._db = context.db
        self._metric = metric
        self._claim = claim
        self._as_of = context.as_of(metric)
        self._view = rows_view(metric.name, claim.name)
        self._key = [metric.name, claim.name]

    def write(self) -> Compared | None:
        """Write the claim's tables; what its score is made from, None where there is nothing to compare."""
        state, reason = self._state()
        if state == "published":
            try:
                self._compute(compare_with_ours(self._metric, self._claim))
            except (ComparisonError, duckdb.OutOfMemoryException) as error:
                # The catalogue cannot see a model's columns, nor that a key repeats without end. A claim that cannot
                # be compared must not hold back the figures of everybody else; it is shown as what it is.
                self._forget()
                state, reason = "wrong", str(error)
        elif state == "held":
            self._carry_over()
        self._db.execute(
            "insert into snapshot.claim values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *self._key,
                self._claim.label.en,
                self._claim.label.zh,
                self._claim.department,
                ", ".join(self._claim.grain),
                self._claim.model,
                self._view,
                state,
                reason,
            ],
        )
        self._create_views()
        return self._headline()

    def _forget(self) -> None:
        """Leave nothing half written of a claim that could not be compared to the end."""
        for table in _PER_CLAIM_TABLES:
            self._db.execute(f"delete from snapshot.{table} where metric = ? and claim = ?", self._key)

    def _state(self) -> tuple[str, str]:
        context, model = self._context, self._claim.model
        if context.states.get(self._metric.name) == "unavailable" or not context.project.has(model):
            return "unavailable", "The pack does not build both models."
        for asset in (self._metric.name, model):
            held = context.states.get(asset) in {"held", "none_good"} or asset in context.report.failed
            if held:
                reason = context.report.reasons.get(asset, f"{asset} is held back")
                known = context.previous_has("claim_period")
                return ("held", reason) if known else ("none_good", reason)
        return "published", ""

    def _carry_over(self) -> None:
        """What stands in the snapshot before, as the held metric's own figures do."""
        for table in _PER_CLAIM_TABLES:
            if self._context.previous_has(table):
                self._db.execute(
                    f"insert into snapshot.{table} by name select * from previous.{table} "
                    "where metric = ? and claim = ?",
                    self._key,
                )

    # -- computing ----------------------------------------------------------------------------------------------------

    def _compute(self, comparison: Comparison) -> None:
        relations = (self._context.relation(self._metric.name), self._context.relation(self._claim.model))
        span = self._headline_span(relations[0])
        done = self._metric.aggregation != "latest_sum" and self._compute_months(comparison, relations, span)
        if span is not None and not done:
            self._compute_headline(comparison, relations, span)
        write_claim_rows(self._context, self._metric.name, self._claim, relations[1])

    def _compute_months(self, comparison: Comparison, relations: tuple[str, str], span: Span | None) -> bool:
        """Months that changed; the headline, too, where one search for differing rows serves both. Whether it did."""
        periods = Periods(last=self._as_of, by_month=True)
        level = RowLevel(self._db, comparison, relations, periods)
        try:
            months = level.months(marked=True)
            prints = self._fingerprints(comparison, periods, months)
            before = self._before()
            kept = {month for month, mark in prints.items() if before.get(month) == mark}
            changed = (set(prints) | set(before)) - kept
            if changed and kept:
                kept -= self._loosened(level, kept, changed)
            self._take_over(kept)
            level.periods = Periods(last=self._as_of, by_month=True, months=tuple(sorted(set(prints) - kept)))
            shared = span is not None and level.found_whatever_the_periods
            if level.periods.months or shared:
                level.find(months, *([Periods.of(span)] if shared and span is not None else []))
            if level.periods.months:
                self._write_gaps(level, months, "month", prints)
            if shared and span is not None:
                level.periods = Periods.of(span)
                self._write_gaps(level, level.months(), span.grain, {})
            return shared
        finally:
            level.close()

    def _compute_headline(self, comparison: Comparison, relations: tuple[str, str], span: Span) -> None:
        level = RowLevel(self._db, comparison, relations, Periods.of(span))
        try:
            months = level.months()
            level.find(months)
            self._write_gaps(level, months, span.grain, {})
        finally:
            level.close()

    def _write_gaps(
        self,
        level: RowLevel,
        months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]],
        grain: str,
        prints: Mapping[date, str],
    ) -> None:
        sums = PartSums(level)
        gaps = make_gaps(level.comparison, level.periods, months, sums.totals())
        kept = any(gap.parts for gap in gaps) and self._keep_rows(sums)
        for gap in gaps:
            file = self._write_rows(grain, gap) if kept and gap.parts else ""
            self._note(
                level.periods, grain, gap, sums.rows_that_disagree.get(gap.start, 0), file, prints.get(gap.start, "")
            )
        self._db.execute("drop table if exists temp.rec_rows")

    def _keep_rows(self, sums: PartSums) -> bool:
        """Select the rows to keep into ``rec_rows``. False where their amounts are too large for DuckDB: then they are
        computed on request.
        """
        try:
            self._db.execute(f"create or replace temp table rec_rows as {sums.rows_query(KEPT_ROWS)}")
        except TOO_LARGE:
            return False
        return True

    def _write_rows(self, grain: str, gap: Gap) -> str:
        return write_part(
            self._db,
            self._context.parts_dir,
            self._view,
            f"{grain}-{gap.start.isoformat()}-{self._context.info.sequence:06d}",
            f"select '{grain}' as grain, * from rec_rows where period_start = date '{gap.start.isoformat()}' "
            "order by cause, place, input, place_in_part",
        )

    def _note(self, periods: Periods, grain: str, gap: Gap, rows: int, file: str, fingerprint: str) -> None:
        first, last = periods.first, periods.last
        if grain == "month":
            first, last = gap.start, min(following_month(gap.start) - timedelta(days=1), periods.last)
        self._db.execute(
            "insert into snapshot.claim_period values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *self._key,
                grain,
                gap.start,
                first,
                last,
                exact_text(gap.ours.numerator),
                exact_text(gap.ours.denominator),
                exact_text(gap.theirs.numerator),
                exact_text(gap.theirs.denominator),
                gap.ours.rows,
                gap.theirs.rows,
                exact_text(gap.gap),
                None if gap.gap is None else float(gap.gap),
                rows,
                gap.balanced,
                exact_text(gap.imbalance[0]),
                exact_text(gap.imbalance[1]),
                file,
                fingerprint,
            ],
        )
        rows_of_parts: list[list[Any]] = [
            [
                *self._key,
                grain,
                gap.start,
                part.place,
                part.cause,
                part.input,
                part.label.en,
                part.label.zh,
                exact_text(part.numerator),
                exact_text(part.denominator),
                exact_text(part.amount),
                None if part.amount is None else float(part.amount),
                part.rows,
            ]
            for part in gap.parts
        ]
        if rows_of_parts:
            marks = ", ".join(f"({', '.join('?' for _ in rows_of_parts[0])})" for _ in rows_of_parts)
            # One statement: executemany costs a millisecond a row.
            self._db.execute(
                f"insert into snapshot.claim_part values {marks}", [value for row in rows_of_parts for value in row]
            )

    def _headline_span(self, relation: str) -> Span | None:
        """The headline's days; None for a claim that only knows months, and for a stock figure never counted."""
        if self._metric.aggregation == "latest_sum":
            (day,) = self._db.execute(
                f"select max(event_date) from {relation} where event_date <= ?", [self._as_of]
            ).fetchone() or (None,)
            return None if day is None else Span("day", day, day)
        if self._claim.dates == "month":
            return None
        days = self._context.pack.window_days(self._metric.name, self._metric.window_days)
        return Span("window", None if days is None else self._as_of - timedelta(days=days - 1), self._as_of)

    # -- what can be taken over ---------------------------------------------------------------------------------------

    def _fingerprints(
        self,
        comparison: Comparison,
        periods: Periods,
        months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]],
    ) -> dict[date, str]:
        """What a month's gap follows from: the claim as declared, the rows of both sides, and which of them count."""
        declared = hashlib.sha256(f"{_FORM} {comparison!r}".encode()).hexdigest()[:16]
        prints = {}
        for month in sorted({*months[0], *months[1]}):
            if periods.touches(month):
                sides = [side.get(month) for side in months]
                marks = ["-" if side is None else f"{side.mark}:{side.period_rows}" for side in sides]
                prints[month] = "|".join([declared, *marks])
        return prints

    def _before(self) -> dict[date, str]:
        if not self._context.previous_has("claim_period"):
            return {}
        rows = self._db.execute(
            "select period_start, fingerprint from previous.claim_period where metric = ? and claim = ? "
            "and grain = 'month'",
            self._key,
        ).fetchall()
        return dict(rows)

    def _loosened(self, level: RowLevel, kept: set[date], changed: set[date]) -> set[date]:
        """The months of ``kept`` whose unmatched rows may have got or lost a counterpart in a changed month."""
        rows = self._db.execute(
            "select period_start, any_value(file), bool_or(cause = 'counted_twice'), max(claim_part.rows) "
            "from previous.claim_part join previous.claim_period using (metric, claim, grain, period_start) "
            f"where metric = ? and claim = ? and grain = 'month' and cause in {_LOOSE} group by period_start",
            self._key,
        ).fetchall()
        loose = {month: file for month, file, *_ in rows if month in kept}
        # A repeated key may have any counterpart, and of more rows than are kept not all keys are known here.
        certain = {month for month, _, twice, most in rows if month in loose and (twice or most > KEPT_ROWS)}
        files = [file for month, file in loose.items() if month not in certain]
        if not files:
            return certain
        pairs = ", ".join(
            f"'{column}', cast({key} as varchar)"
            for column, key in zip(level.comparison.grain, level.layout.keys, strict=True)
        )
        months = ", ".join(f"date '{month.isoformat()}'" for month in sorted(changed))
        within = f"where date_trunc('month', day) in ({months})"
        paths = ", ".join(f"'{sql_text(self._context.parts_dir / file)}'" for file in files)
        found = self._db.execute(
            f"""
            select distinct period_start from read_parquet([{paths}]) as kept
            where cause in {_LOOSE} and (
                date_trunc('month', ours_date) in ({months}) or date_trunc('month', theirs_date) in ({months})
                or key in (
                    select cast(json_object({pairs}) as varchar) from rec_o {within}
                    union all select cast(json_object({pairs}) as varchar) from rec_t {within}))
            """
        ).fetchall()
        return certain | {month for (month,) in found}

    def _take_over(self, months: set[date]) -> None:
        if not months:
            return
        listed = sorted(months)
        for table in ("claim_period", "claim_part"):
            self._db.execute(
                f"insert into snapshot.{table} by name select * from previous.{table} "
                "where metric = ? and claim = ? and grain = 'month' and period_start in (select unnest(?::date[]))",
                [*self._key, listed],
            )

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _create_views(self) -> None:
        for view, table in ((self._view, "claim_period"), (self._claim.model, "claim_file")):
            files = [
                file
                for (file,) in self._db.execute(
                    f"select file from snapshot.{table} where metric = ? and claim = ? and file <> '' "
                    "order by period_start",
                    self._key,
                ).fetchall()
            ]
            for file in files:
                self._context.add_part(file)
            if files and not self._exists(view):
                create_parts_view(self._db, self._context.parts_dir, view, files)

    def _exists(self, view: str) -> bool:
        found = self._db.execute(
            "select 1 from duckdb_views() where database_name = 'snapshot' and view_name = ?", [view]
        )
        return found.fetchone() is not None

    # -- score --------------------------------------------------------------------------------------------------------

    def _headline(self) -> Compared | None:
        """The headline's period as written; the latest month of a claim that only knows months."""
        found = self._db.execute(
            "select grain, period_start, ours_numerator, ours_denominator, ours_rows, theirs_numerator, "
            "theirs_denominator, theirs_rows, gap, rows, balanced from snapshot.claim_period "
            "where metric = ? and claim = ? order by grain = 'month', period_start desc limit 1",
            self._key,
        ).fetchone()
        if found is None:
            return None
        grain, start, *figures, gap, rows, balanced = found
        return Compared(
            claim=self._claim.name,
            label=self._claim.label,
            grain=grain,
            start=start,
            ours=self._figure(*figures[:3]),
            theirs=self._figure(*figures[3:]),
            gap=None if gap is None else Fraction(gap),
            rows_disagree=rows,
            balanced=balanced,
        )

    def _figure(self, numerator: str, denominator: str, rows: int) -> Figure:
        n, d = Fraction(numerator), Fraction(denominator)
        if self._metric.aggregation != "ratio":
            return Figure(n, d, rows, n)
        return Figure(n, d, rows, n / d if d else None)
