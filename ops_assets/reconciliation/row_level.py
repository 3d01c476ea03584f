"""Two relations row by row, in DuckDB: finds the rows that differ and what each of them is. Their parts: totals_sql.

Months are joined in chunks, so that memory stays bounded by the chunk and a join's hash table stays small; of a chunk
only rows that differ are kept. Keys that are not once on both sides of a month (few, as a rule) are looked up in all
months and paired in the stages of ops_assets.reconciliation.matching.

Repeated keys are found without grouping all rows: where every key is there once, a join gives one row for each of our
rows that has a counterpart, and one for each of theirs. The join's rows are counted in passing; only chunks in which
that fails are grouped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from ops_assets.periods import following_month
from ops_assets.reconciliation.answer import Span
from ops_assets.reconciliation.attribution import RULE, shares
from ops_assets.reconciliation.pairing_sql import KeyPairing
from ops_assets.reconciliation.side_sql import Layout, make_layout, side_query
from ops_assets.reconciliation.spec import Comparison

CHUNK_ROWS = 400_000
"""Rows of a side that one join takes at least, unless there are no more."""

FEW_ROWS = 3_000
"""Up to so many rows of keys that need pairing are paired in Python."""

MANY_ROWS = 1_000_000
"""From so many rows on a side on, whole rows of such keys are read on days that need them only."""

_SIDES = ("rec_o", "rec_t")


@dataclass(frozen=True)
class Periods:
    """What is asked: one span, or all months (of ``months``, if given) up to and including ``last``."""

    last: date
    first: date | None = None
    by_month: bool = False
    months: tuple[date, ...] | None = None

    @classmethod
    def of(cls, span: Span) -> Periods:
        return cls(last=span.last, first=span.first)

    @property
    def start(self) -> date:
        """What a single span's start is called; see Span."""
        return self.last if self.first is None else self.first

    def sql(self, day: str) -> str:
        """SQL that gives the start of the period that ``day`` counts in, or null."""
        counts = f"{day} <= date '{self.last.isoformat()}'"
        if self.by_month:
            if self.months is not None:
                listed = ", ".join(f"date '{month.isoformat()}'" for month in self.months)
                counts += f" and cast(date_trunc('month', {day}) as date) in ({listed})" if listed else " and false"
            return f"case when {counts} then cast(date_trunc('month', {day}) as date) end"
        if self.first is not None:
            counts += f" and {day} >= date '{self.first.isoformat()}'"
        return f"case when {counts} then date '{self.start.isoformat()}' end"

    def touches(self, month: date) -> bool:
        """Whether a month has days that are asked for."""
        if self.months is not None and month not in self.months:
            return False
        return month <= self.last and (self.first is None or following_month(month) > self.first)


@dataclass(frozen=True)
class MonthRows:
    """What one side holds in a month: all rows (without those that are there twice), and the figures of the days that
    are asked for. ``mark`` changes with the content; it is "" unless asked for.
    """

    rows: int
    single_rows: int
    mark: str
    period_rows: int
    numerator: Decimal
    denominator: Decimal


class RowLevel:
    """One comparison on one connection. Leaves temporary tables ``rec_*`` until the next one or ``close``."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        comparison: Comparison,
        relations: tuple[str, str],
        periods: Periods,
        where: Mapping[str, Any] | None = None,
        *,
        few: int = FEW_ROWS,
        many: int = MANY_ROWS,
    ) -> None:
        """Raises ComparisonError for relations that lack a column or are not exact."""
        self.db = db
        self.few = few
        self.many = many
        self._null_keys = True
        self.comparison = comparison
        self.periods = periods
        self.layout: Layout = make_layout(db, comparison, relations)
        where = dict(where or {})
        marks = {column: f"w{number}" for number, column in enumerate(where)}
        values = {marks[column]: str(value) for column, value in where.items()}
        for side, relation in enumerate(relations):
            spec = (comparison.ours, comparison.theirs)[side]
            query = side_query(comparison, self.layout, side, relation, periods.sql("day"), marks)
            if comparison.adds_up(spec) or where:
                db.execute(f"create or replace temp table {_SIDES[side]}_rows as {query}", values)
                query = f"select * from {_SIDES[side]}_rows"
            db.execute(f"create or replace temp view {_SIDES[side]} as {query}")

    def close(self) -> None:
        """Give the memory of the temporary tables back."""
        kept = [f"rec_{name}_{letter}" for name in ("left", "alone", "day", "seen") for letter in "ot"]
        for name in ("rec_found", "rec_key", "rec_chunk", "rec_pair", *kept, *(f"{side}_rows" for side in _SIDES)):
            self.db.execute(f"drop table if exists temp.{name}")

    @property
    def found_whatever_the_periods(self) -> bool:
        """Whether ``rec_found`` serves other periods, too: sides that are added up are so by period."""
        return not (self.comparison.adds_up(self.comparison.ours) or self.comparison.adds_up(self.comparison.theirs))

    def months(self, *, marked: bool = False) -> tuple[dict[date, MonthRows], dict[date, MonthRows]]:
        """What each side holds, by month (its first day)."""
        ours, theirs = (self._months(side, marked) for side in (0, 1))
        return ours, theirs

    def find(self, months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]], *others: Periods) -> None:
        """Fill ``rec_found`` with every row that moves anything in the periods (and harmless others).

        Columns: keys, ``kind``, and day, figures and inputs of both sides as ``o_*`` and ``t_*``. ``others`` are
        periods that will be looked at besides.
        """
        asked = sorted(
            month
            for month in {*months[0], *months[1]}
            if any(periods.touches(month) for periods in (self.periods, *others))
        )
        self._create_found()
        joined = [(chunk, self._join(chunk)) for chunk in _chunks(asked, months)]
        self._find_keys(self._repeated(joined, months))
        if self.db.execute("select 1 from rec_key limit 1").fetchone():
            rows = max((sum(month.rows for month in side.values()) for side in months), default=0)
            KeyPairing(self, few=self.few, sparing=rows >= self.many).pair()

    # -- one scan a side ----------------------------------------------------------------------------------------------

    def _months(self, side: int, marked: bool) -> dict[date, MonthRows]:
        period = self.periods.sql("day")
        own = ", ".join(self.layout.row_columns(side))
        keys = ", ".join(self.layout.keys)
        hashes = f", sum(hash({keys}, {own})) as hashes" if marked else ""
        spec = (self.comparison.ours, self.comparison.theirs)[side]
        single = "count(*) filter (not twice)" if self.comparison.adds_up(spec) else "count(*)"
        mark = "concat_ws('/', sum(rows), sum(hashes))" if marked else "''"
        found = self.db.execute(
            f"""
            select cast(date_trunc('month', day) as date) as month, cast(sum(rows) as bigint),
                cast(sum(single) as bigint), {mark},
                cast(coalesce(sum(rows) filter ({period} is not null), 0) as bigint),
                coalesce(sum(n) filter ({period} is not null), 0), coalesce(sum(d) filter ({period} is not null), 0)
            from (
                select day, count(*) as rows, {single} as single, sum(n) as n, sum(d) as d{hashes}
                from {_SIDES[side]} group by day
            ) as days
            group by month
            """
        ).fetchall()
        return {month: MonthRows(*rest) for month, *rest in found}

    # -- the join -----------------------------------------------------------------------------------------------------

    def _create_found(self) -> None:
        columns = [f"{key} {kind}" for key, kind in zip(self.layout.keys, self.layout.key_types, strict=True)]
        columns.append("kind varchar")
        for side, letter in enumerate("ot"):
            for name in self.layout.row_columns(side):
                columns.append(f"{letter}_{name} {self._type_of(side, name)}")
        self.db.execute(f"create or replace temp table rec_found ({', '.join(columns)})")

    def _type_of(self, side: int, name: str) -> str:
        if name == "day":
            return "date"
        added_up = self.comparison.adds_up((self.comparison.ours, self.comparison.theirs)[side])
        kind = {"n": self.layout.numerator, "d": self.layout.denominator}.get(name) or self.layout.inputs[name[2:]]
        return f"decimal(38, {kind.scale})" if added_up else str(kind)

    def _join(self, chunk: Sequence[date]) -> int:
        """Keep what differs in the chunk's months; how many rows the join gave in all."""
        days = _within(chunk)
        on = [f"o.{key} = t.{key}" for key in self.layout.keys]
        if len(chunk) > 1:
            on.append("date_trunc('month', o.day) = date_trunc('month', t.day)")
        columns = [f"{key}: coalesce(o.{key}, t.{key})" for key in self.layout.keys]
        columns.append("kind: case when t.day is null then 'ours' when o.day is null then 'theirs' else 'pair' end")
        columns += [
            f"{letter}_{name}: {letter}.{name}"
            for side, letter in enumerate("ot")
            for name in self.layout.row_columns(side)
        ]
        sides = (
            f"from (select * from rec_o where not twice and {days}) as o "
            f"full join (select * from rec_t where not twice and {days}) as t on {' and '.join(on)}"
        )
        if any(self._weighed_products()):
            # Most rows differ by the rules alone, so all are kept, which needs no list of rows.
            values = ", ".join(column.split(": ", maxsplit=1)[1] for column in columns)
            (joined,) = self.db.execute(f"insert into rec_found select {values} {sides}").fetchone() or (0,)
            return int(joined)
        # One pass gives both: the rows that differ, as a list, and the number of all.
        self.db.execute(
            f"""
            create or replace temp table rec_chunk as
            select count(*) as joined, list(row_of) filter (differs) as found
            from (select {{{", ".join(columns)}}} as row_of, {self._differs()} as differs {sides}) as joined
            """
        )
        self.db.execute("insert into rec_found select unnest(found, recursive := true) from rec_chunk")
        (joined,) = self.db.execute("select joined from rec_chunk").fetchone() or (0,)
        return int(joined)

    def _differs(self) -> str:
        conditions = ["o.day is null", "t.day is null", "o.day <> t.day", "o.n <> t.n", "o.d <> t.d"]
        conditions += [f"o.x_{name} is distinct from t.x_{name}" for name in self.layout.shared]
        for each in self.comparison.inputs:
            if each.fill_ours != each.fill_theirs:  # then two missing values are not the same value
                known = [f"{letter}.x_{each.name} is null" for side, letter in enumerate("ot")
                         if each.name in self.layout.known[side]]  # fmt: skip
                conditions.append(f"({' and '.join(known) or 'true'})")
        return " or ".join(conditions)

    def _weighed_products(self) -> Iterable[Sequence[str]]:
        """The products that the two rules treat differently: rows with equal inputs differ by them, too."""
        for figure in (0, 1):
            for share in shares(*self.comparison.rules(figure)):
                if share.factor == RULE:
                    yield share.product

    # -- keys that are not once on both sides -------------------------------------------------------------------------

    def _find_keys(self, repeated_in: Sequence[Sequence[date]]) -> None:
        keys = ", ".join(self.layout.keys)
        self.db.execute(
            f"create or replace temp table rec_key as select distinct {keys} from rec_found where kind <> 'pair'"
        )
        for side in _SIDES:
            if self._repeats(side):
                self.db.execute(f"insert into rec_key select distinct {keys} from {side} where twice")
            for chunk in repeated_in:
                month = "" if len(chunk) == 1 else ", date_trunc('month', day)"
                self.db.execute(
                    f"insert into rec_key select {keys} from {side} where not twice and {_within(chunk)} "
                    f"group by {keys}{month} having count(*) > 1"
                )
        self.db.execute(f"create or replace temp table rec_key as select distinct {keys} from rec_key")
        nulls = " or ".join(f"{key} is null" for key in self.layout.keys)
        self._null_keys = self.db.execute(f"select 1 from rec_key where {nulls} limit 1").fetchone() is not None

    def _repeats(self, side: str) -> bool:
        spec = (self.comparison.ours, self.comparison.theirs)[_SIDES.index(side)]
        if not self.comparison.adds_up(spec):
            return False
        return self.db.execute(f"select 1 from {side} where twice limit 1").fetchone() is not None

    def _repeated(
        self,
        joined: Sequence[tuple[Sequence[date], int]],
        months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]],
    ) -> list[Sequence[date]]:
        """The chunks in which a key stands more than once on a side; see the module's text."""
        alone: dict[date, list[int]] = {}
        for month, ours, theirs in self.db.execute(
            "select cast(date_trunc('month', coalesce(o_day, t_day)) as date), count(*) filter (kind = 'ours'), "
            "count(*) filter (kind = 'theirs') from rec_found group by 1"
        ).fetchall():
            alone[month] = [ours, theirs]
        found = []
        for chunk, rows in joined:
            sides = [sum(side[m].single_rows for m in chunk if m in side) for side in months]
            left = [sum(alone.get(month, [0, 0])[side] for month in chunk) for side in (0, 1)]
            matched = rows - sum(left)
            if matched != sides[0] - left[0] or matched != sides[1] - left[1]:
                found.append(chunk)
        return found

    # -- for the pairing of keys --------------------------------------------------------------------------------------

    def both_sides(self) -> str:
        """The columns of a row of ``rec_found`` from rows ``o`` and ``t``."""
        return ", ".join(
            f"{letter}.{name}" for side, letter in enumerate("ot") for name in self.layout.row_columns(side)
        )

    def same_key(self, rows: str = "rec_found", key: str = "rec_key") -> str:
        """SQL that says that two relations are at the same key."""
        # Null keys are one key; the comparison that knows this is three times as slow, so only where there are any.
        same = "is not distinct from" if self._null_keys else "="
        return " and ".join(f"{key}.{name} {same} {rows}.{name}" for name in self.layout.keys)


def _within(months: Sequence[date]) -> str:
    return f"day >= date '{months[0].isoformat()}' and day < date '{following_month(months[-1]).isoformat()}'"


def _chunks(
    asked: Sequence[date], months: tuple[Mapping[date, MonthRows], Mapping[date, MonthRows]]
) -> Iterable[list[date]]:
    chunk: list[date] = []
    rows = 0
    for month in asked:
        if chunk and month != following_month(chunk[-1]):
            yield chunk
            chunk, rows = [], 0
        chunk.append(month)
        rows += max(side[month].rows if month in side else 0 for side in months)
        if rows >= CHUNK_ROWS:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk
