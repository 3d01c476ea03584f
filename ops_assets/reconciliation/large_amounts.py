"""What found rows move, in Python: for amounts that do not fit into DuckDB's decimals. Slow, and exact at any size.

The same as ops_assets.reconciliation.totals_sql, row by row by the definition in ops_assets.reconciliation.decompose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

from ops_assets.reconciliation.answer import rounded_text
from ops_assets.reconciliation.decompose import Moved, PartKey, moves
from ops_assets.reconciliation.matching import Match, Row
from ops_assets.reconciliation.row_level import RowLevel
from ops_assets.reconciliation.side_sql import decimals_of

Totals = dict[date, dict[PartKey, Moved]]
"""The parts of every period, by its start."""


def python_totals(level: RowLevel) -> tuple[Totals, dict[date, int]]:
    """What every part moves in every period, and how many rows move anything there."""
    found: Totals = {}
    disagree: dict[date, int] = {}
    for each, spans in _matches(level):
        periods = set()
        for period, key, numerator, denominator in _moves_by_period(level, each, spans):
            if numerator or denominator:
                periods.add(period)
                found.setdefault(period, {}).setdefault(key, Moved()).add(numerator, denominator)
        for period in periods:
            disagree[period] = disagree.get(period, 0) + 1
    return found, disagree


def python_rows(level: RowLevel, most: int, only: tuple[str, str, str] | None) -> list[dict[str, Any]]:
    """The rows behind each part and period (or the one), those that move most first; columns as rows_query has them."""
    found: dict[tuple[date, PartKey], list[tuple[Any, ...]]] = {}
    for each, spans in _matches(level):
        for period, key, numerator, denominator in _moves_by_period(level, each, spans):
            if (numerator or denominator) and only in {None, (key.cause, key.place, key.input)}:
                order = (-abs(numerator), -abs(denominator), str(_key_of(each)))
                found.setdefault((period, key), []).append((order, each, numerator, denominator))
    rows = []
    for (period, key), moved in found.items():
        for place, (_, each, numerator, denominator) in enumerate(sorted(moved, key=lambda m: m[0])[:most], 1):
            pairs = zip(level.comparison.grain, _key_of(each), strict=True)
            rows.append(
                {
                    "period_start": period,
                    "key": json.dumps({column: None if v is None else str(v) for column, v in pairs}),
                    "place": key.place,
                    "cause": key.cause,
                    "input": key.input,
                    "ours_date": each.ours and each.ours.day,
                    "theirs_date": each.theirs and each.theirs.day,
                    "ours": _stated_text(each.ours, key),
                    "theirs": _stated_text(each.theirs, key),
                    "part_numerator": str(numerator),
                    "part_denominator": str(denominator),
                    "place_in_part": place,
                }
            )
    return sorted(rows, key=lambda row: row["place_in_part"])


def _matches(level: RowLevel) -> Iterator[tuple[Match, tuple[date | None, date | None]]]:
    layout, periods = level.layout, level.periods
    cursor = level.db.execute(
        f"select {periods.sql('o_day')}, {periods.sql('t_day')}, kind, {', '.join(layout.keys)}, "
        + ", ".join(f"{letter}_{name}" for side, letter in enumerate("ot") for name in layout.row_columns(side))
        + " from rec_found"
    )
    while batch := cursor.fetchmany(10_000):
        for o_period, t_period, kind, *rest in batch:
            key, values = tuple(rest[: len(layout.keys)]), rest[len(layout.keys) :]
            width = len(layout.row_columns(0))
            ours, theirs = _row(key, level, 0, values[:width]), _row(key, level, 1, values[width:])
            yield Match(ours, theirs, kind), (o_period, t_period)


def _key_of(each: Match) -> tuple[Any, ...]:
    row = each.ours or each.theirs
    return () if row is None else row.key


def _stated_text(row: Row | None, key: PartKey) -> str | None:
    """The input's value for causes with an input, else the numerator; as a decimal number."""
    if row is None:
        return None
    value: Fraction | None = row.numerator
    if key.cause in {"input_differs", "input_missing"}:
        value = row.inputs.get(key.input)
    return None if value is None else rounded_text(value, percent=False, decimals=decimals_of(value))


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
