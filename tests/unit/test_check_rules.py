"""Thresholds: what passes, warns and holds back, and which metrics a failed asset holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from ops_assets.checks.measures import measure_sql
from ops_assets.checks.rules import CheckRule, Level, held_back, judge


def _rule(**changes: object) -> CheckRule:
    base: dict[str, object] = {"name": "r", "asset": "a", "dimension": "completeness", "measure": "null_share"}
    return CheckRule(**{**base, "columns": ("x",), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observed", "level"),
    [("0.01", Level.PASSED), ("0.010001", Level.WARNING), ("0.05", Level.WARNING), ("0.0500001", Level.RED)],
)
def test_bounds_are_exclusive(observed: str, level: Level) -> None:
    rule = _rule(warn_above=Decimal("0.01"), red_above=Decimal("0.05"))
    assert judge(rule, Decimal(observed)).level is level


def test_too_few_rows_hold_back() -> None:
    rule = _rule(measure="row_count_min", columns=(), warn_below=Decimal(100), red_below=Decimal(1))
    assert judge(rule, Decimal(0)).level is Level.RED
    assert judge(rule, Decimal(99)).level is Level.WARNING
    assert judge(rule, Decimal(100)).level is Level.PASSED


def test_nothing_to_look_at_passes_shares_but_warns_of_an_unknown_age() -> None:
    assert judge(_rule(red_above=Decimal(0)), None).level is Level.PASSED
    assert judge(_rule(measure="age_days", red_above=Decimal(2)), None).level is Level.WARNING


def test_a_sentence_says_figure_and_bound() -> None:
    verdict = judge(_rule(red_above=Decimal("0.05")), Decimal("0.125"))
    assert verdict.sentence == "12.5 % is above 5 %."


def test_a_failed_asset_holds_what_stands_on_it_and_nothing_else() -> None:
    upstream = {"m1": frozenset({"f1", "d"}), "m2": frozenset({"f2", "d"}), "m3": frozenset({"f2"})}
    held = held_back({"f1", "m3"}, upstream, {"m1", "m2", "m3"})
    assert held == {"m1": frozenset({"f1"}), "m3": frozenset({"m3"})}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"measure": "null_share"}, Decimal("0.25")),
        ({"measure": "duplicate_share", "columns": ("k",)}, Decimal("0.25")),
        ({"measure": "out_of_range_share", "minimum": Decimal(0), "maximum": Decimal(10)}, Decimal("0.25")),
        ({"measure": "row_count_min", "columns": ()}, Decimal(4)),
        ({"measure": "age_days", "columns": ("event_date",)}, Decimal(1)),
        ({"measure": "true_share", "columns": (), "condition": "k = 1"}, Decimal("0.5")),
        ({"measure": "row_count_min", "columns": (), "window_days": 2}, Decimal(1)),
    ],
)
def test_measures_on_a_real_table(changes: dict[str, object], expected: Decimal) -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table t as select * from (values (1, 5, date '2026-01-10'), (1, null, date '2026-01-11'), "
        "(2, 11, date '2026-01-08'), (3, 0, date '2026-02-01')) as v(k, x, event_date)"
    )
    row = connection.execute(measure_sql(_rule(**changes), "t", date(2026, 1, 12))).fetchone()
    assert row is not None
    assert Decimal(str(row[0])) == expected


def test_an_empty_table_observes_nothing() -> None:
    connection = duckdb.connect()
    connection.execute("create table t (x integer, event_date date)")
    for measure in ("null_share", "duplicate_share", "age_days"):
        row = connection.execute(measure_sql(_rule(measure=measure), "t", date(2026, 1, 12))).fetchone()
        assert row == (None,), measure
