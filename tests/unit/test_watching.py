"""Watch rules on published figures: exact bounds, small denominators, held metrics."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_assets.breach import Breach
from ops_assets.catalog import Watch
from ops_assets.dictionary.watch_rule import WatchRule
from ops_assets.watching import breaches_of, find_breaches, observed_value, subject_figure
from resources.serving import Snapshot

FORM = {"metric": "metric_m", "unit": "percent", "decimals": 2}


class _Snapshot:
    """Answers the queries of the module from rows; the SQL itself is run against real snapshots elsewhere."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self._tables = tables

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        if "from metric_subject where" in sql:
            metric, dimension = parameters
            rows = self._tables.get("subjects", [])
            return [row for row in rows if (row["metric"], row["dimension"]) == (metric, dimension)]
        if "state in ('published', 'warning')" in sql:
            return [row for row in self._tables["metrics"] if row["state"] in {"published", "warning"}]
        return self._tables["metrics"]


def _snapshot(**tables: list[dict[str, Any]]) -> Snapshot:
    return cast(Snapshot, _Snapshot(**tables))


def _watch(
    *,
    above: str | None = None,
    below: str | None = None,
    least: str = "0",
    dimension: str | None = "supplier",
    aggregation: Literal["ratio", "sum", "latest_sum"] = "ratio",
) -> Watch:
    rule = WatchRule(
        name="rule",
        dimension=dimension,
        above=None if above is None else Decimal(above),
        below=None if below is None else Decimal(below),
        min_denominator=Decimal(least),
        template="supply_exception",
    )
    return Watch("metric_m", rule, aggregation)


def _row(numerator: str | None, denominator: str | None, subject: str = "S1", label: str | None = None) -> Any:
    return {"subject_id": subject, "subject_label": label, "numerator": numerator, "denominator": denominator,
            "metric": "metric_m", "dimension": "supplier"}  # fmt: skip


def _found(watch: Watch, *rows: Any) -> list[Breach]:
    return breaches_of(watch, rows)


def test_a_bound_itself_is_allowed_and_the_next_figure_is_not() -> None:
    assert _found(_watch(above="0.08"), _row("8", "100")) == []
    assert [breach.direction for breach in _found(_watch(above="0.08"), _row("8.000001", "100"))] == ["above"]
    assert _found(_watch(below="0.8"), _row("80", "100")) == []
    assert [breach.direction for breach in _found(_watch(below="0.8"), _row("79.999999", "100"))] == ["below"]


def test_too_small_a_denominator_is_not_judged() -> None:
    watch = _watch(above="0.08", least="100")
    assert _found(watch, _row("99", "99")) == []
    assert len(_found(watch, _row("99", "100"))) == 1


@pytest.mark.parametrize("row", [_row(None, None), _row("1", "0"), _row("1", None)])
def test_what_has_no_figure_breaches_nothing(row: Any) -> None:
    assert _found(_watch(above="0"), row) == []
    assert _found(_watch(below="1"), row) == []


def test_a_sum_is_held_against_its_numerator() -> None:
    watch = _watch(above="10", aggregation="sum")
    assert observed_value(watch, Decimal(11), Decimal(0)) == 11
    assert [breach.observed for breach in _found(watch, _row("11", None))] == [11]


def test_a_subject_without_label_goes_by_its_id() -> None:
    (breach,) = _found(_watch(above="0"), _row("1", "2"))
    assert (breach.subject_label, breach.observed, breach.threshold) == ("S1", Decimal("0.5"), Decimal(0))


@given(st.decimals(0, 10**6, places=6), st.decimals("0.000001", 10**6, places=6), st.decimals(0, 2, places=4))
def test_a_figure_is_on_one_side_of_a_bound_at_most(numerator: Decimal, denominator: Decimal, bound: Decimal) -> None:
    row = _row(str(numerator), str(denominator))
    above, below = _found(_watch(above=str(bound)), row), _found(_watch(below=str(bound)), row)
    assert len(above) + len(below) <= 1
    if numerator > bound * denominator * (1 + Decimal("1e-20")):
        assert above
    if numerator < bound * denominator * (1 - Decimal("1e-20")):
        assert below


def test_a_held_metric_opens_nothing_and_a_warned_one_does() -> None:
    subjects = [_row("1", "2"), _row("0", "2", "S2")]
    for state, expected in (("held", []), ("none_good", []), ("published", ["S1"]), ("warning", ["S1"])):
        snapshot = _snapshot(metrics=[{**FORM, "state": state}], subjects=subjects)
        breaches = find_breaches([_watch(above="0.4")], snapshot)
        assert [breach.subject_id for breach in breaches] == expected, state
        assert all(breach.why and breach.why.en == "50.00 % is above the limit of 40.00 %." for breach in breaches)


def test_a_rule_without_dimension_judges_the_metric_as_a_whole() -> None:
    figures = {**FORM, "state": "published", "numerator": "1", "denominator": "2"}
    (breach,) = find_breaches([_watch(above="0.4", dimension=None)], _snapshot(metrics=[figures]))
    assert (breach.subject_kind, breach.subject_id) == ("", "")


def test_a_subjects_figure_is_exact_or_nothing() -> None:
    class One(_Snapshot):
        def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
            return [{"value": 0.0931}] if parameters[-1] in {"S1", "metric_m"} else []

    snapshot = cast(Snapshot, One())
    assert subject_figure(snapshot, "metric_m", "supplier", "S1") == Decimal("0.0931")
    assert subject_figure(snapshot, "metric_m", "", "") == Decimal("0.0931")
    assert subject_figure(snapshot, "metric_m", "supplier", "S2") is None
