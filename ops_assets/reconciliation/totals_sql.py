"""What the rows that row_level found move, cause by cause: whole numbers in SQL, fractions outside.

Every amount is a whole number of units of 1 / (common denominator * 10^decimals), so that sums in HUGEINT are exact.
Where a number does not fit, DuckDB raises, and ops_assets.reconciliation.decompose does the same in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

import duckdb

from ops_assets.reconciliation.answer import Place
from ops_assets.reconciliation.attribution import RULE, Share, rule_differences, shares
from ops_assets.reconciliation.decompose import Moved, PartKey, departure_key, moves
from ops_assets.reconciliation.matching import Match, Row
from ops_assets.reconciliation.row_level import RowLevel
from ops_assets.reconciliation.rules import Rule
from ops_assets.reconciliation.side_sql import decimals_of

Totals = dict[date, dict[PartKey, Moved]]
"""The parts of every period, by its start."""


@dataclass(frozen=True)
class _PairPart:
    """SQL over ``rec_moved`` for one part of pairs: its units in numerator and denominator, and when it applies."""

    key: PartKey
    numerator: str
    denominator: str
    applies: str = "true"

    @property
    def moves(self) -> str:
        return f"({self.applies} and ({self.numerator} <> 0 or {self.denominator} <> 0))"


class PartSums:
    """Sums and rows of the parts over ``rec_found`` of a RowLevel after ``find``."""

    def __init__(self, level: RowLevel) -> None:
        self._level = level
        self._db = level.db
        comparison = level.comparison
        self._names = [each.name for each in comparison.inputs]
        self._scales = {
            each.name: max(
                level.layout.inputs[each.name].scale if each.name in level.layout.inputs else 0,
                decimals_of(each.fill_ours),
                decimals_of(each.fill_theirs),
            )
            for each in comparison.inputs
        }
        self._units = [self._unit(figure) for figure in (0, 1)]
        self._parts = list(self._pair_parts())
        self.rows_that_disagree: dict[date, int] = {}

    def totals(self) -> Totals:
        """What every part moves in every period. Parts that move nothing are not there.

        Then ``rows_that_disagree`` says how many rows move anything, each once however many causes it has.
        """
        self.rows_that_disagree = {}
        try:
            return self._sql_totals()
        except (duckdb.OutOfRangeException, duckdb.ConversionException):
            self.rows_that_disagree = {}
            return self._python_totals()

    def rows(self, most: int, only: tuple[str, str, str] | None = None) -> list[dict[str, Any]]:
        """The rows of ``rows_query``."""
        self._db.execute(self.rows_query(most, only))
        names = [column[0] for column in self._db.description or []]
        return [dict(zip(names, row, strict=True)) for row in self._db.fetchall()]

    def rows_query(self, most: int, only: tuple[str, str, str] | None = None) -> str:
        """SQL for at most ``most`` rows behind each part and period (or of the one part: cause, place, input).

        Columns: period_start, key (JSON text), place, cause, input, ours_date, theirs_date, ours, theirs,
        part_numerator and part_denominator (text ``units/unit``), place_in_part (1 moves most), as a snapshot holds
        them, in the order of the last.
        """
        branches = []
        for part in self._parts:
            if only not in {None, (part.key.cause, part.key.place, part.key.input)}:
                continue
            name = part.key.input if part.key.cause in {"input_differs", "input_missing"} else ""
            sizes = f"abs(({part.numerator})::double) desc, abs(({part.denominator})::double) desc"
            texts = (self._ratio_text(part.numerator, 0), self._ratio_text(part.denominator, 1))
            branches.append(
                self._branch("o", part.key.place, _text(part.key.cause), part.key.input, name, texts, sizes)
                + f" from rec_moved where paired and {part.moves} qualify place_in_part <= {most}"
            )
        for letter, place, sign in (("o", "ours", "-"), ("t", "theirs", "")):
            if only is not None and (only[1] != place or only[2]):
                continue
            wanted = "" if only is None else f" and single = {_text(_known_cause(only[0]))}"
            texts = (f"cast({sign}{letter}_n as varchar)", f"cast({sign}{letter}_d as varchar)")
            sizes = f"abs({letter}_n) desc, abs({letter}_d) desc"
            branches.append(
                self._branch(letter, place, "single", "", "", texts, sizes)
                + f" from rec_moved where not paired and {letter}_period is not null{wanted} "
                f"and ({letter}_n <> 0 or {letter}_d <> 0) qualify place_in_part <= {most}"
            )
        if not branches:
            branches.append(
                self._branch("o", "both", "single", "", "", ("''", "''"), "1") + " from rec_moved where false"
            )
        return self._with_moved() + " union all ".join(f"({each})" for each in branches) + " order by place_in_part"

    def _branch(
        self, letter: str, place: str, cause: str, name: str, shown: str, parts: tuple[str, str], sizes: str
    ) -> str:
        keys = ", ".join(self._level.layout.keys)
        partition = f"{letter}_period" + (", single" if cause == "single" else "")
        return (
            f"select {letter}_period as period_start, {self._key_json()} as key, {_text(place)} as place, "
            f"{cause} as cause, {_text(name)} as input, o_day as ours_date, t_day as theirs_date, "
            f"{self._shown('o', 0, shown)} as ours, {self._shown('t', 1, shown)} as theirs, "
            f"{parts[0]} as part_numerator, {parts[1]} as part_denominator, "
            f"row_number() over (partition by {partition} order by {sizes}, {keys}) as place_in_part"
        )

    # -- units --------------------------------------------------------------------------------------------------------

    def _rules(self, figure: int) -> tuple[Rule, Rule]:
        return self._level.comparison.rules(figure)

    def _shares(self, figure: int) -> tuple[Share, ...]:
        return shares(*self._rules(figure))

    def _unit(self, figure: int) -> int:
        """The whole number by which all amounts of a figure are multiplied."""
        layout = self._level.layout
        decimals = (layout.numerator, layout.denominator)[figure].scale
        common = 1
        for product in {*(p for rule in self._rules(figure) for p in rule.terms)}:
            decimals = max(decimals, sum(self._scales[name] for name in product))
        for weight in (
            *(c for rule in self._rules(figure) for c in rule.terms.values()),
            *(term.weight for share in self._shares(figure) for term in share.terms),
        ):
            common = lcm(common, weight.denominator)
        return int(common * 10**decimals)

    def _whole(self, figure: int, weight: Fraction, names: tuple[str, ...]) -> str:
        """SQL of ``weight`` times the product of inputs, in units; names are columns of ``rec_moved``."""
        scale = sum(self._scales[name[2:]] for name in names)
        factor = weight * self._units[figure] / 10**scale
        return " * ".join([f"{factor.numerator}::hugeint", *names])

    def _rule_sql(self, figure: int, rule: Rule, letter: str) -> str:
        terms = [
            self._whole(figure, weight, tuple(f"{letter}{name}" for name in self._wholes(product)))
            for product, weight in rule.terms.items()
        ]
        return " + ".join(f"({term})" for term in terms) or "0::hugeint"

    @staticmethod
    def _wholes(product: tuple[str, ...]) -> list[str]:
        return [f"_{name}" for name in product]

    def _stated(self, figure: int, letter: str) -> str:
        kind = (self._level.layout.numerator, self._level.layout.denominator)[figure]
        whole = _whole_number(f"{letter}_{'nd'[figure]}", kind.scale)
        return f"{whole} * {self._units[figure] // 10**kind.scale}::hugeint"

    # -- parts of pairs -----------------------------------------------------------------------------------------------

    def _pair_parts(self) -> Iterator[_PairPart]:
        sums: dict[tuple[str, str], list[list[str]]] = {}
        differences = rule_differences([self._rules(0), self._rules(1)])
        for figure in (0, 1):
            for share in self._shares(figure):
                name = differences[share.product] if share.factor == RULE else share.factor
                terms = [
                    self._whole(figure, term.weight, (*(f"o_{n}" for n in term.ours), *(f"t_{n}" for n in term.theirs)))
                    for term in share.terms
                ]
                sums.setdefault((share.factor, name), [[], []])[figure] += [f"({term})" for term in terms]
        known = self._level.layout.known
        for (factor, name), (numerator, denominator) in sums.items():
            n, d = (f"({' + '.join(terms) or '0::hugeint'})" for terms in (numerator, denominator))
            if factor == RULE:
                yield _PairPart(PartKey("both", "rule_differs", name), n, d)
                continue
            if not (name in known[0] and name in known[1]):
                if not (name in known[0] or name in known[1]):  # then it can only be missing, and count differently
                    yield _PairPart(PartKey("both", "input_differs", name), n, d)
                continue
            missing = [f"{letter}_x_{name} is null" for letter in "ot"]
            yield _PairPart(PartKey("both", "input_differs", name), n, d, f"({missing[0]}) = ({missing[1]})")
            for place, applies in (("ours", missing), ("theirs", missing[::-1])):
                where: Place = "ours" if place == "ours" else "theirs"
                yield _PairPart(PartKey(where, "input_missing", name), n, d, f"({applies[0]} and not {applies[1]})")
        comparison = self._level.comparison
        yield _PairPart(departure_key(comparison.ours, "ours"), "o_departs_n", "o_departs_d")
        yield _PairPart(departure_key(comparison.theirs, "theirs"), "t_departs_n", "t_departs_d")

    def _with_moved(self) -> str:
        """``rec_moved``: found rows with periods, whole inputs (missing ones filled), and departures from the rules."""
        level = self._level
        wholes, departures = [], []
        for each in level.comparison.inputs:
            values = []
            for side, letter in enumerate("ot"):
                fill = (each.fill_ours, each.fill_theirs)[side]
                here, there = (each.name in known for known in (level.layout.known[side], level.layout.known[1 - side]))
                source, at = (letter, side) if here or not there else ("to"[side], 1 - side)
                if not here and there:
                    fill = (each.fill_ours, each.fill_theirs)[at]
                scale = self._scales[each.name]
                filled = f"{int(fill * 10**scale)}::hugeint"
                if here or there:
                    column = f"{source}_x_{each.name}"
                    own = level.layout.inputs[each.name].scale
                    value = f"{_whole_number(column, own)} * {10 ** (scale - own)}::hugeint"
                    filled = f"coalesce({value}, {filled})"
                values.append(f"{filled} as {letter}_{each.name}")
            wholes += values
        for figure, name in enumerate("nd"):
            rules = self._rules(figure)
            ours = f"({self._rule_sql(figure, rules[0], 'o')}) - {self._stated(figure, 'o')}"
            theirs = f"{self._stated(figure, 't')} - ({self._rule_sql(figure, rules[1], 't')})"
            departures += [f"{ours} as o_beside_{name}", f"{theirs} as t_beside_{name}"]
        kept = [
            f"case when o_beside_{name} + t_beside_{name} = 0 then 0::hugeint else {letter}_beside_{name} end "
            f"as {letter}_departs_{name}"
            for name in "nd"
            for letter in "ot"
        ]
        periods = [f"{level.periods.sql(f'{letter}_day')} as {letter}_period" for letter in "ot"]
        return f"""
            with periods as (select *, {", ".join(periods)} from rec_found),
            asked as (
                select *, kind = 'pair' and o_period is not null and t_period is not null and o_period = t_period
                    as paired, case when kind = 'pair' then 'other_period' else kind end as single
                from periods where o_period is not null or t_period is not null
            ),
            whole as (select *{"".join(f", {each}" for each in wholes)} from asked),
            beside as (select *, {", ".join(departures)} from whole),
            rec_moved as (select *, {", ".join(kept)} from beside)
        """

    # -- sums ---------------------------------------------------------------------------------------------------------

    def _sql_totals(self) -> Totals:
        found: Totals = {}
        any_part = " or ".join(part.moves for part in self._parts) or "false"
        columns = ["o_period", f"count(*) filter ({any_part})"]
        for part in self._parts:
            columns += [
                f"sum({part.numerator}) filter ({part.applies})",
                f"sum({part.denominator}) filter ({part.applies})",
                f"count(*) filter ({part.moves})",
            ]
        paired = f"{self._with_moved()} select {', '.join(columns)} from rec_moved where paired group by o_period"
        for period, disagree, *values in self._db.execute(paired).fetchall():
            self._count(period, disagree)
            for number, part in enumerate(self._parts):
                numerator, denominator, rows = values[3 * number : 3 * number + 3]
                if rows:
                    moved = found.setdefault(period, {}).setdefault(part.key, Moved())
                    moved.numerator += Fraction(int(numerator), self._units[0])
                    moved.denominator += Fraction(int(denominator), self._units[1])
                    moved.rows += rows
        singles = " union all ".join(
            f"select '{letter}' as side, {letter}_period as period, single, sum({letter}_n), sum({letter}_d), count(*) "
            f"from asked where not paired and {letter}_period is not null and ({letter}_n <> 0 or {letter}_d <> 0) "
            "group by all"
            for letter in "ot"
        )
        for letter, period, cause, numerator, denominator, rows in self._db.execute(
            self._with_periods() + singles
        ).fetchall():
            place: Place = "ours" if letter == "o" else "theirs"
            sign = -1 if letter == "o" else 1
            self._count(period, rows)
            found.setdefault(period, {})[PartKey(place, cause, "")] = Moved(
                sign * Fraction(numerator), sign * Fraction(denominator), rows
            )
        return found

    def _count(self, period: date, rows: int) -> None:
        self.rows_that_disagree[period] = self.rows_that_disagree.get(period, 0) + rows

    def _with_periods(self) -> str:
        return self._with_moved().split("whole as (", maxsplit=1)[0].rstrip().rstrip(",") + " "

    def _python_totals(self) -> Totals:
        found: Totals = {}
        for each, spans in self._matches():
            disagree = set()
            for period, key, numerator, denominator in _moves_by_period(self._level, each, spans):
                if numerator or denominator:
                    disagree.add(period)
                    found.setdefault(period, {}).setdefault(key, Moved()).add(numerator, denominator)
            for period in disagree:
                self._count(period, 1)
        return found

    def _matches(self) -> Iterator[tuple[Match, tuple[date | None, date | None]]]:
        layout, periods = self._level.layout, self._level.periods
        cursor = self._db.execute(
            f"select {periods.sql('o_day')}, {periods.sql('t_day')}, kind, {', '.join(layout.keys)}, "
            + ", ".join(f"{letter}_{name}" for side, letter in enumerate("ot") for name in layout.row_columns(side))
            + " from rec_found"
        )
        while batch := cursor.fetchmany(10_000):
            for o_period, t_period, kind, *rest in batch:
                key, values = tuple(rest[: len(layout.keys)]), rest[len(layout.keys) :]
                width = len(layout.row_columns(0))
                ours, theirs = _row(key, self._level, 0, values[:width]), _row(key, self._level, 1, values[width:])
                yield Match(ours, theirs, kind), (o_period, t_period)

    # -- texts --------------------------------------------------------------------------------------------------------

    def _key_json(self) -> str:
        pairs = ", ".join(
            f"{_text(column)}, cast({key} as varchar)"
            for column, key in zip(self._level.comparison.grain, self._level.layout.keys, strict=True)
        )
        return f"cast(json_object({pairs}) as varchar)"

    def _shown(self, letter: str, side: int, name: str) -> str:
        if not name:
            return f"cast({letter}_n as varchar)"
        return f"cast({letter}_x_{name} as varchar)" if name in self._level.layout.known[side] else "null::varchar"

    def _ratio_text(self, units: str, figure: int) -> str:
        return f"cast({units} as varchar) || '/{self._units[figure]}'"


def _row(key: tuple[Any, ...], level: RowLevel, side: int, values: list[Any]) -> Row | None:
    day, numerator, denominator, *inputs = values
    if day is None:
        return None
    names = [name for name in level.layout.inputs if name in level.layout.known[side]]
    exact = {name: None if value is None else Fraction(value) for name, value in zip(names, inputs, strict=True)}
    return Row(key, day, Fraction(numerator), Fraction(denominator), exact)


def _moves_by_period(
    level: RowLevel, each: Match, periods: tuple[date | None, date | None]
) -> Iterator[tuple[date, PartKey, Fraction, Fraction]]:
    for period in sorted({period for period in periods if period is not None}):
        inside = (periods[0] == period, periods[1] == period)
        for key, numerator, denominator in moves(level.comparison, each, inside):
            yield period, key, numerator, denominator


def _whole_number(column: str, scale: int) -> str:
    """SQL of a decimal column as the whole number of its last digits."""
    return f"cast({column} * {10**scale} as hugeint)" if scale else f"cast({column} as hugeint)"


def _known_cause(cause: str) -> str:
    return cause if cause in {"only_here", "counted_twice", "other_period"} else ""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
