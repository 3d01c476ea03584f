"""Random pairs of figures with planted causes: every planted amount comes back, and the parts are the gap, exactly."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

import duckdb
import pytest

from ops_assets.reconciliation.answer import Span
from ops_assets.reconciliation.decompose import Moved, PartKey, moves
from ops_assets.reconciliation.gap import Gap, make_gaps
from ops_assets.reconciliation.large_amounts import python_totals
from ops_assets.reconciliation.matching import Row, match
from ops_assets.reconciliation.row_level import FEW_ROWS, Periods, RowLevel
from ops_assets.reconciliation.spec import Comparison, Input, compare_with_ours
from ops_assets.reconciliation.totals_sql import PartSums, read_units
from tests.reconciliation_world import SCENARIOS, Planted, PlantedRow, metric_with, planted_pairs

LAST = date(2999, 12, 31)


def test_every_planted_amount_comes_back_and_the_parts_are_the_gap(request: pytest.FixtureRequest) -> None:
    rounds, pairs = (60, 60) if request.config.getoption("--soak") else (4, 42)
    done = amounts = 0
    for number in range(rounds):
        for scenario in SCENARIOS:
            planted = planted_pairs(scenario, pairs, random.Random(f"{number} {scenario.name}"))
            comparison = _comparison(planted)
            # Both ways of pairing: few rows in Python, many in SQL.
            gaps = _gaps(planted, comparison, few=0 if number % 2 else FEW_ROWS)
            found = {
                (gap.start, part.place, part.cause, part.input): (part.numerator, part.denominator)
                for gap in gaps
                for part in gap.parts
                # Rows whose amounts cancel each other are a part of nothing: what was planted does not name them.
                if part.numerator or part.denominator
            }
            assert found == planted.parts, scenario.name
            for gap in gaps:
                _assert_whole(gap, planted)
            done += planted.pairs
            amounts += len(found)
    print(f"{done:,} pairs of claims with {amounts:,} planted amounts, all exact")


def test_sql_says_what_the_definition_says_in_any_span() -> None:
    chance = random.Random(3)
    for scenario in SCENARIOS:
        planted = planted_pairs(scenario, 12, chance)
        comparison = _comparison(planted)
        with duckdb.connect() as db:
            _load(db, planted)
            for span in (
                Span("range", None, LAST),
                Span("range", date(1990, 2, 10), date(1990, 9, 20)),
                Span("month", date(1990, 3, 1), date(1990, 3, 31)),
                Span("day", date(1990, 5, 3), date(1990, 5, 3)),
            ):
                level = RowLevel(db, comparison, ("metric_ours", "claim_other"), Periods.of(span))
                level.find(level.months())
                sums = PartSums(level)
                meant = decompose(comparison, _plain(planted.ours), _plain(planted.theirs), span)
                moved = {tuple(key): (each.numerator, each.denominator, each.rows) for key, each in meant.items()}
                for totals in (sums.totals(), python_totals(level)[0]):
                    said = totals.get(level.periods.start, {})
                    assert {tuple(k): (e.numerator, e.denominator, e.rows) for k, e in said.items()} == moved
                _assert_rows_add_up(sums, moved)


def test_seen_from_the_other_side_every_part_is_its_negative() -> None:
    place = {"ours": "theirs", "theirs": "ours", "both": "both"}
    for number, scenario in enumerate(SCENARIOS):
        planted = planted_pairs(scenario, 10, random.Random(number))
        comparison = _comparison(planted)
        ours, theirs = _plain(planted.ours), _plain(planted.theirs)
        span = Span("range", None, LAST)
        one = decompose(comparison, ours, theirs, span)
        other = decompose(_swapped(comparison), theirs, ours, span)
        assert {(place[k.place], k.cause, k.input): (-e.numerator, -e.denominator) for k, e in one.items()} == {
            (k.place, k.cause, k.input): (e.numerator, e.denominator) for k, e in other.items()
        }


def test_the_order_of_rows_and_of_inputs_does_not_matter() -> None:
    chance = random.Random(11)
    for scenario in SCENARIOS:
        planted = planted_pairs(scenario, 10, chance)
        comparison = _comparison(planted)
        turned = replace(comparison, inputs=comparison.inputs[::-1])
        ours, theirs = _plain(planted.ours), _plain(planted.theirs)
        span = Span("range", None, LAST)
        assert _values(comparison, ours, theirs, span) == _values(turned, ours[::-1], theirs[::-1], span)


def decompose(comparison: Comparison, ours: Iterable[Row], theirs: Iterable[Row], span: Span) -> dict[PartKey, Moved]:
    """The parts of the gap in a span, row by row by the definition. Rows outside the span belong to the rows given,
    since a row may be counted in another period.
    """
    matches = match(
        list(ours),
        list(theirs),
        [each.name for each in comparison.shared_inputs()],
        ours_added_up=comparison.adds_up(comparison.ours),
        theirs_added_up=comparison.adds_up(comparison.theirs),
    )
    parts: dict[PartKey, Moved] = {}
    for each in matches:
        inside = (
            each.ours is not None and span.holds(each.ours.day),
            each.theirs is not None and span.holds(each.theirs.day),
        )
        for key, numerator, denominator in moves(comparison, each, inside):
            if numerator or denominator:
                parts.setdefault(key, Moved()).add(numerator, denominator)
    return parts


def _swapped(one: Comparison) -> Comparison:
    """The same comparison seen from the other side."""
    inputs = tuple(Input(i.name, i.label, i.fill_theirs, i.fill_ours) for i in one.inputs)
    return Comparison(one.metric, one.ratio, one.grain, inputs, one.theirs, one.ours, one.reference)


def _values(
    comparison: Comparison, ours: list[Row], theirs: list[Row], span: Span
) -> dict[tuple[str, ...], tuple[Fraction, Fraction]]:
    return {tuple(k): (e.numerator, e.denominator) for k, e in decompose(comparison, ours, theirs, span).items()}


def _assert_whole(gap: Gap, planted: Planted) -> None:
    """The figures are those of the planted rows, and the parts' sum is their gap."""
    for figure, rows in ((gap.ours, planted.ours), (gap.theirs, planted.theirs)):
        here = [row for row in rows if (row.day.year, row.day.month) == (gap.start.year, gap.start.month)]
        assert figure.rows == len(here)
        assert figure.numerator == sum(row.numerator for row in here)
        assert figure.denominator == sum(row.denominator for row in here)
    assert gap.balanced
    if gap.ours.value is None or gap.theirs.value is None:
        assert gap.gap is None
        assert all(part.amount is None for part in gap.parts)
    else:
        assert gap.gap == gap.theirs.value - gap.ours.value
        assert gap.gap == sum(part.amount or 0 for part in gap.parts)


def _assert_rows_add_up(sums: PartSums, moved: dict[tuple[str, ...], tuple[Fraction, Fraction, int]]) -> None:
    found: dict[tuple[str, ...], tuple[Fraction, Fraction, int]] = {}
    for row in sums.rows(10_000):
        key = (row["place"], row["cause"], row["input"])
        n, d, rows = found.get(key, (Fraction(0), Fraction(0), 0))
        found[key] = (n + read_units(row["part_numerator"]), d + read_units(row["part_denominator"]), rows + 1)
    assert found == moved


def _comparison(planted: Planted) -> Comparison:
    metric = metric_with(planted.scenario.spec, planted.scenario)
    return compare_with_ours(metric, metric.claims[0])


def _gaps(planted: Planted, comparison: Comparison, *, few: int) -> list[Gap]:
    with duckdb.connect() as db:
        _load(db, planted)
        periods = Periods(last=LAST, by_month=True)
        level = RowLevel(db, comparison, ("metric_ours", "claim_other"), periods, few=few, many=0 if few else FEW_ROWS)
        months = level.months()
        level.find(months)
        return make_gaps(comparison, periods, months, PartSums(level).totals())


def _load(db: duckdb.DuckDBPyConnection, planted: Planted) -> None:
    for table, rows, hidden in (
        ("metric_ours", planted.ours, frozenset[str]()),
        ("claim_other", planted.theirs, planted.scenario.unknown_to_them),
    ):
        inputs = [name for name in planted.scenario.inputs if name not in hidden]
        columns = "".join(f", {name} decimal(18, 4)" for name in inputs)
        db.execute(
            f"create table {table} (pair varchar, line integer, event_date date, numerator decimal(38, 8), "
            f"denominator decimal(38, 8){columns})"
        )
        values = [
            [
                *row.key,
                row.day,
                _decimal(row.numerator),
                _decimal(row.denominator),
                *(_decimal(row.inputs[n]) for n in inputs),
            ]
            for row in rows
        ]
        kinds = ["varchar", "integer", "date", *["varchar"] * (2 + len(inputs))]
        db.execute(
            f"insert into {table} select " + ", ".join(f"unnest(?::{kind}[])" for kind in kinds),
            [[row[column] for row in values] for column in range(len(kinds))],
        )


def _decimal(value: Fraction | None) -> str | None:
    if value is None:
        return None
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        assert Fraction(exact) == value, f"{value} is no decimal number"
        return f"{exact:f}"


def _plain(rows: Iterable[PlantedRow]) -> list[Row]:
    return [Row(row.key, row.day, row.numerator, row.denominator, row.inputs) for row in rows]
