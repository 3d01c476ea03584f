"""What the analysis page reads: governed figures of one snapshot for two periods, and visits of steps for one reader.

Belongs here: which metrics, which rows, and what the reader may see of them. Everything comes from the published
snapshot; the tables of the running process are not asked. Arithmetic over visits is analysis_flow's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from gateway.analysis_flow import Visit
from gateway.metric_lines import Reading
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.governed_rows import MOST_ROWS, GovernedRows, Order
from ops_assets.period_change import Change, verdict_of
from ops_assets.row_conditions import Condition
from ops_assets.semantic.bounded import BoundedCache
from ops_assets.semantic.query import Filter, MetricQuery, QueryError, TimeRange

VISITS: Final = "metric_step_cycle_time"
BREACHES: Final = "metric_missed_approvals"
# Read in this order; those of them that know departments can be narrowed to one.
SHOWN: Final = (
    "metric_case_cycle_time",
    "metric_step_waiting_time",
    "metric_sla_attainment",
    BREACHES,
    "metric_case_return_rate",
    "metric_effective_case_share",
    "metric_case_rating",
)
MOST_VISITS: Final = 100_000
_COLUMNS = ("case_id", "step_id", "visit", "entered_at", "ended_at", "numerator", "waiting_minutes", "again",
            "is_sent_back", "returned_to", "return_status", "event_date", "department_id")  # fmt: skip
# What rows that an earlier definition made do not have.
_LATER: Final = frozenset({"returned_to", "return_status"})
_kept: BoundedCache[tuple[object, ...], Rows] = BoundedCache(8 * MOST_VISITS)


@dataclass(frozen=True)
class Period:
    """``days`` days up to ``last``, and as many before them."""

    last: date
    days: int

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)

    @property
    def before(self) -> Period:
        return Period(self.first - timedelta(days=1), self.days)

    def range(self) -> TimeRange:
        return TimeRange(**{"from": self.first, "to": self.last})


@dataclass(frozen=True)
class Compared:
    """One figure now and in the period before, raw. None where there is none; ``why`` says why in words."""

    metric: MetricDefinition
    now: Decimal | None
    before: Decimal | None
    by_department: bool
    why: str = ""

    @property
    def change(self) -> Change | None:
        if self.now is None or self.before is None:
            return None
        return Change(self.now, self.before, 0, True, verdict_of(self.metric, self.now, self.before))


@dataclass(frozen=True)
class Rows:
    """Visits with day and department. ``cut``: there are older ones that were not read."""

    visits: tuple[tuple[date, str | None, Visit], ...]
    cut: bool
    by_own_departments: bool


@dataclass(frozen=True)
class Figures:
    """The reader's view of one snapshot."""

    reading: Reading

    @property
    def published(self) -> bool:
        """Whether the snapshot has process metrics with rows at all."""
        return self.as_of is not None

    @property
    def as_of(self) -> date | None:
        rows = self.reading.snapshot.rows('select as_of from metrics where metric = ? and "rows" > 0', [VISITS])
        found: date | None = rows[0]["as_of"] if rows else None
        return found

    def templates(self, period: Period) -> list[tuple[str, int]]:
        """Templates with visits in the period, those with the most first."""
        found = self._by(VISITS, "template", period)
        ordered = sorted(((name, int(den)) for name, (_, den) in found.items()), key=lambda one: (-one[1], one[0]))
        return ordered

    def compared(self, metric: str, period: Period, template: str, department: str) -> Compared | None:
        """The figure in the period and before it; None for a metric that the snapshot does not have."""
        definition = self.reading.bundle.metrics.get(metric)
        if definition is None:
            return None
        knows = "department" in definition.dimensions
        filters = _filters(template, department if knows else "")
        values: list[Decimal | None] = []
        why = ""
        for one in (period, period.before):
            try:
                values.append(self._value(definition, one, filters))
            except QueryError as error:
                values.append(None)
                why = why or error.sentence
        return Compared(definition, values[0], values[1], knows, why)

    def breaches(self, period: Period, template: str) -> list[tuple[str, str, tuple[int, int], tuple[int, int]]]:
        """Department, its name, (missed, all) tasks now and before; most missed first. Empty where refused."""
        now = self._members(BREACHES, "department", period, template)
        before = self._members(BREACHES, "department", period.before, template)
        none = ("", Decimal(0), Decimal(0))
        found = []
        for department in {**now, **before}:
            label = (now.get(department) or before[department])[0]
            current, earlier = now.get(department, none), before.get(department, none)
            pair = (int(current[1]), int(current[2])), (int(earlier[1]), int(earlier[2]))
            found.append((department, label, *pair))
        return sorted(found, key=lambda one: (-one[2][0], one[1]))

    def visits(self, period: Period, template: str) -> Rows:
        """The template's visits completed in the period or the one before it, the newest `MOST_VISITS` of them."""
        reading = self.reading
        key = (reading.snapshot.id, reading.reader.role, reading.reader.departments, template, period)
        known = _kept.get(key)
        if known is None:
            known = self._read_visits(period, template)
            _kept.put(key, known, 1 + len(known.visits))
        return known

    def _read_visits(self, period: Period, template: str) -> Rows:
        reading = self.reading
        rows = GovernedRows(reading.snapshot, reading.bundle, reading.context.access)
        where = (
            Condition(column="template_id", op="eq", values=(template,)),
            Condition(column="event_date", op="ge", values=(period.before.first,)),
            Condition(column="event_date", op="le", values=(period.last,)),
        )
        there = rows.view(VISITS, reading.reader).columns
        columns = tuple(column for column in _COLUMNS if column in there or column not in _LATER)
        order = (Order("event_date", descending=True), Order("case_id"), Order("step_id"), Order("visit"))
        found: list[tuple[date, str | None, Visit]] = []
        more, own = True, False
        while more and len(found) < MOST_VISITS:
            table = rows.read(VISITS, reading.reader, columns, where, MOST_ROWS, order, offset=len(found))
            found += [_visit(row) for row in table.dicts()]
            more, own = table.more, table.hidden.rows_by is not None
        return Rows(tuple(found), more, own)

    def _value(self, definition: MetricDefinition, period: Period, filters: tuple[Filter, ...]) -> Decimal | None:
        query = MetricQuery(metrics=(definition.name,), time_range=period.range(), filters=filters)
        rows = self._answer(query)
        figure = rows[0].figures[0] if rows else None
        if figure is None or figure.numerator is None or not figure.denominator:
            return None
        value: Decimal = figure.numerator / figure.denominator
        return value

    def _by(self, metric: str, dimension: str, period: Period) -> dict[str, tuple[Decimal, Decimal]]:
        members = self._members(metric, dimension, period, "")
        return {one: (numerator, denominator) for one, (_, numerator, denominator) in members.items()}

    def _members(
        self, metric: str, dimension: str, period: Period, template: str
    ) -> dict[str, tuple[str, Decimal, Decimal]]:
        """Id to label, numerator and denominator; nothing where there are no figures for the reader."""
        query = MetricQuery(
            metrics=(metric,), dimensions=(dimension,), time_range=period.range(), filters=_filters(template, "")
        )
        try:
            rows = self._answer(query)
        except QueryError:
            return {}
        found = {}
        for row in rows:
            member, figure = row.members[0], row.figures[0]
            if figure.numerator is not None and figure.denominator is not None:
                label = member.label or member.id or ""
                found[member.id or ""] = (label, figure.numerator, figure.denominator)
        return found

    def _answer(self, query: MetricQuery) -> Any:
        reading = self.reading
        return reading.context.queries.answer(query, reading.reader, reading.snapshot).rows


def _filters(template: str, department: str) -> tuple[Filter, ...]:
    asked = (("template", template), ("department", department))
    return tuple(Filter(dimension=name, op="eq", values=(value,)) for name, value in asked if value)


def _visit(row: Mapping[str, Any]) -> tuple[date, str | None, Visit]:
    visit = Visit(
        case_id=row["case_id"],
        step_id=row["step_id"],
        number=row["visit"],
        entered_at=row["entered_at"],
        ended_at=row["ended_at"],
        working=float(row["numerator"]),
        waiting=float(row["waiting_minutes"]),
        again=row["again"] or "",
        sent_back=bool(row["is_sent_back"]),
        returned_to=row.get("returned_to") or "",
        return_status=row.get("return_status") or "",
    )
    return row["event_date"], row["department_id"], visit
