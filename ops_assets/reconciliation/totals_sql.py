"""What the rows that row_level found move, cause by cause: decimals in SQL, fractions outside.

Amounts are multiplied by the common denominator of all weights, the *unit*, so that nothing is divided and DuckDB's
decimals stay exact. Where a number does not fit into 38 digits DuckDB raises, and ops_assets.reconciliation.decompose
does the same in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

import duckdb

from ops_assets.reconciliation.answer import Place
from ops_assets.reconciliation.attribution import RULE, Share, rule_differences, shares
from ops_assets.reconciliation.decompose import Moved, PartKey, departure_key
from ops_assets.reconciliation.large_amounts import Totals, python_rows, python_totals
from ops_assets.reconciliation.row_level import RowLevel
from ops_assets.reconciliation.rules import Rule
from ops_assets.reconciliation.side_sql import decimals_of

TOO_LARGE = (duckdb.OutOfRangeException, duckdb.ConversionException)
"""What DuckDB raises where an amount does not fit."""


@dataclass(frozen=True)
class _PairPart:
    """SQL over found rows for one part of pairs: what it moves times the unit (None: nothing), and when it applies."""

    key: PartKey
    numerator: str | None
    denominator: str | None
    applies: str = ""


class PartSums:
    """Sums and rows of the parts over ``rec_found`` of a RowLevel after ``find``."""

    def __init__(self, level: RowLevel) -> None:
        self._level = level
        self._db = level.db
        self._units = [self._unit(figure) for figure in (0, 1)]
        self._nulls = self._inputs_with_nulls()
        self._parts = list(self._pair_parts())
        self.rows_that_disagree: dict[date, int] = {}

    def totals(self) -> Totals:
        """What every part moves in every period. Parts that move nothing are not there.

        Then ``rows_that_disagree`` says how many rows move anything, each once however many causes it has.
        """
        self.rows_that_disagree = {}
        try:
            return self._sql_totals()
        except TOO_LARGE:
            found, self.rows_that_disagree = python_totals(self._level)
            return found

    def rows(self, most: int, only: tuple[str, str, str] | None = None) -> list[dict[str, Any]]:
        """The rows of ``rows_query``, amounts of any size."""
        try:
            self._db.execute(self.rows_query(most, only))
        except TOO_LARGE:
            return python_rows(self._level, most, only)
        names = [column[0] for column in self._db.description or []]
        return [dict(zip(names, row, strict=True)) for row in self._db.fetchall()]

    def rows_query(self, most: int, only: tuple[str, str, str] | None = None) -> str:
        """SQL for at most ``most`` rows behind each part and period (or of the one part: cause, place, input).

        Columns: period_start, key (JSON text), place, cause, input, ours_date, theirs_date, ours, theirs,
        part_numerator and part_denominator (text; see ``read_units``), place_in_part (1 moves most), as a snapshot
        holds them, in the order of the last. Running it raises TOO_LARGE for amounts beyond DuckDB's decimals.
        """
        branches = []
        for number, part in enumerate(self._parts):
            if only not in {None, (part.key.cause, part.key.place, part.key.input)}:
                continue
            name = part.key.input if part.key.cause in {"input_differs", "input_missing"} else ""
            numerator, denominator = f"p{number}_n", f"p{number}_d"
            sizes = f"abs({numerator}) desc, abs({denominator}) desc"
            texts = (self._ratio_text(numerator, 0), self._ratio_text(denominator, 1))
            branches.append(
                self._branch("o", part.key.place, _text(part.key.cause), part.key.input, name, texts, sizes)
                + f" from rec_moved where paired and {_moves(number)} qualify place_in_part <= {most}"
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
        """The number by which all amounts of a figure are multiplied."""
        common = 1
        for weight in (
            *(c for rule in self._rules(figure) for c in rule.terms.values()),
            *(term.weight for share in self._shares(figure) for term in share.terms),
        ):
            common = lcm(common, weight.denominator)
        return common

    def _product(self, figure: int, weight: Fraction, names: Sequence[str]) -> str:
        """SQL of ``weight`` times the product of inputs, in units."""
        factor = int(weight * self._units[figure])
        if not names:
            return f"{factor}::decimal(38, 0)"
        # An own type for the factor: as a plain number it would take ten digits of the product's 38.
        text = f"{factor}::decimal({len(str(abs(factor)))}, 0)"
        return " * ".join([*([] if factor == 1 else [text]), *names])

    def _rule_sql(self, figure: int, rule: Rule, letter: str) -> str:
        terms = [
            self._product(figure, weight, [f"{letter}_w_{name}" for name in product])
            for product, weight in rule.terms.items()
        ]
        return " + ".join(f"({term})" for term in terms) or "0"

    def _stated(self, figure: int, letter: str) -> str:
        return self._product(figure, Fraction(1), [f"{letter}_{'nd'[figure]}"])

    def _inputs_with_nulls(self) -> frozenset[str]:
        shared = self._level.layout.shared
        if not shared:
            return frozenset()
        counts = ", ".join(f"coalesce(bool_or(o_x_{name} is null or t_x_{name} is null), false)" for name in shared)
        found = self._db.execute(f"select {counts} from rec_found where kind = 'pair'").fetchone() or ()
        return frozenset(name for name, is_null in zip(shared, found, strict=True) if is_null)

    # -- parts of pairs -----------------------------------------------------------------------------------------------

    def _pair_parts(self) -> Iterator[_PairPart]:
        sums: dict[tuple[str, str], list[list[str]]] = {}
        differences = rule_differences([self._rules(0), self._rules(1)])
        for figure in (0, 1):
            for share in self._shares(figure):
                name = differences[share.product] if share.factor == RULE else share.factor
                terms = [
                    self._product(
                        figure, term.weight, [*(f"o_w_{n}" for n in term.ours), *(f"t_w_{n}" for n in term.theirs)]
                    )
                    for term in share.terms
                ]
                sums.setdefault((share.factor, name), [[], []])[figure] += [f"({term})" for term in terms]
        known = self._level.layout.known
        for (factor, name), (numerator, denominator) in sums.items():
            n, d = (" + ".join(terms) or None for terms in (numerator, denominator))
            if factor == RULE:
                yield _PairPart(PartKey("both", "rule_differs", name), n, d)
                continue
            if not (name in known[0] and name in known[1]):
                if not (name in known[0] or name in known[1]):  # then it can only be missing, and count differently
                    yield _PairPart(PartKey("both", "input_differs", name), n, d)
                continue
            if name not in self._nulls:
                yield _PairPart(PartKey("both", "input_differs", name), n, d)
                continue
            missing = [f"{letter}_x_{name} is null" for letter in "ot"]
            yield _PairPart(PartKey("both", "input_differs", name), n, d, f"({missing[0]}) = ({missing[1]})")
            yield _PairPart(PartKey("ours", "input_missing", name), n, d, f"{missing[0]} and not {missing[1]}")
            yield _PairPart(PartKey("theirs", "input_missing", name), n, d, f"{missing[1]} and not {missing[0]}")
        comparison = self._level.comparison
        yield _PairPart(departure_key(comparison.ours, "ours"), "o_departs_n", "o_departs_d")
        yield _PairPart(departure_key(comparison.theirs, "theirs"), "t_departs_n", "t_departs_d")

    def _with_moved(self) -> str:
        """``rec_moved``: found rows with periods, inputs without nulls (``o_w_*``), and what parts move (``p*``)."""
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
                digits = decimals_of(fill)
                filled = f"'{int(fill * 10**digits)}e-{digits}'::decimal(38, {digits})" if digits else f"{int(fill)}"
                if here or there:
                    # DuckDB does not widen a product of two decimals of up to 18 digits by itself.
                    scale = level.layout.inputs[each.name].scale
                    filled = f"coalesce(cast({source}_x_{each.name} as decimal(38, {scale})), {filled})"
                else:
                    filled = f"{filled}::decimal(38, {digits})"
                values.append(f"{filled} as {letter}_w_{each.name}")
            wholes += values
        for figure, name in enumerate("nd"):
            rules = self._rules(figure)
            ours = f"({self._rule_sql(figure, rules[0], 'o')}) - {self._stated(figure, 'o')}"
            theirs = f"{self._stated(figure, 't')} - ({self._rule_sql(figure, rules[1], 't')})"
            departures += [f"{ours} as o_beside_{name}", f"{theirs} as t_beside_{name}"]
        kept = [
            f"case when o_beside_{name} + t_beside_{name} = 0 then 0 else {letter}_beside_{name} end "
            f"as {letter}_departs_{name}"
            for name in "nd"
            for letter in "ot"
        ]
        parts = [
            f"{_guarded(sql, part.applies)} as p{number}_{figure}"
            for number, part in enumerate(self._parts)
            for figure, sql in (("n", part.numerator), ("d", part.denominator))
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
            departed as (select *, {", ".join(kept)} from beside),
            rec_moved as (select *{"".join(f", {each}" for each in parts)} from departed)
        """

    # -- sums ---------------------------------------------------------------------------------------------------------

    def _sql_totals(self) -> Totals:
        found: Totals = {}
        any_part = " or ".join(_moves(number) for number in range(len(self._parts))) or "false"
        columns = ["o_period", f"count(*) filter ({any_part})"]
        for number in range(len(self._parts)):
            columns += [f"sum(p{number}_n)", f"sum(p{number}_d)", f"count(*) filter ({_moves(number)})"]
        paired = f"{self._with_moved()} select {', '.join(columns)} from rec_moved where paired group by o_period"
        for period, disagree, *values in self._db.execute(paired).fetchall():
            self._count(period, disagree)
            for number, part in enumerate(self._parts):
                numerator, denominator, rows = values[3 * number : 3 * number + 3]
                if rows:
                    moved = found.setdefault(period, {}).setdefault(part.key, Moved())
                    moved.numerator += Fraction(numerator) / self._units[0]
                    moved.denominator += Fraction(denominator) / self._units[1]
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
        """``asked`` alone, and of it only what can be single: a pair of one day is never in two periods."""
        asked = self._with_moved().split("whole as (", maxsplit=1)[0].rstrip().rstrip(",")
        return asked.replace("from rec_found", "from rec_found where kind <> 'pair' or o_day <> t_day", 1) + " "

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
        unit = self._units[figure]
        return f"cast({units} as varchar)" + ("" if unit == 1 else f" || '/{unit}'")


def _moves(number: int) -> str:
    return f"(p{number}_n <> 0 or p{number}_d <> 0)"


def _guarded(sql: str | None, applies: str) -> str:
    if sql is None:
        return "0"
    return f"case when {applies} then {sql} else 0 end" if applies else sql


def read_units(text: str) -> Fraction:
    """The number that a row's ``part_numerator`` or ``part_denominator`` states."""
    amount, _, unit = text.partition("/")
    return Fraction(amount) / int(unit or 1)


def _known_cause(cause: str) -> str:
    return cause if cause in {"only_here", "counted_twice", "other_period"} else ""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
