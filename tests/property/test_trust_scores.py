"""Quality scores: graded points, five dimensions, and lineage: a metric is not better than what it stands on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_assets.checks.rules import CheckRule, Level, Verdict, judge
from ops_assets.checks.scores import DIMENSIONS, AssetScore, Deduction, DimensionScore, score_asset, verdict_points

ASSETS = ("source", "fact", "other", "metric")
UPSTREAM = {
    "fact": frozenset({"source"}),
    "other": frozenset({"source"}),
    "metric": frozenset({"source", "fact", "other"}),
}


def rule(asset: str = "metric", dimension: Any = "completeness", **changes: Any) -> CheckRule:
    bounds = {key: None if value is None else Decimal(value) for key, value in changes.items() if key[:4] in _BOUNDS}
    rest = {key: value for key, value in changes.items() if key[:4] not in _BOUNDS}
    return CheckRule(**{"name": "check", "measure": "null_share", "columns": ("x",), **rest, **bounds},
                     asset=asset, dimension=dimension)  # fmt: skip


_BOUNDS = ("warn", "red_")


def points(observed: str | None, **changes: Any) -> float | None:
    return verdict_points(judge(rule(**changes), None if observed is None else Decimal(observed)))


@pytest.mark.parametrize(
    ("observed", "kept"),
    [
        ("0", 100),
        ("0.02", 100),
        ("0.03", 80),
        ("0.06", 50),
        ("0.53", 25),
        ("1", 0),
    ],
)
def test_a_share_falls_straight_from_warning_to_red_line_to_every_row(observed: str, kept: float) -> None:
    found = points(observed, warn_above="0.02", red_above="0.06")
    assert found == pytest.approx(kept)


def test_without_a_red_line_the_worst_stands_in_its_place() -> None:
    assert points("0.5", warn_above="0") == pytest.approx(70)
    assert points("1", warn_above="0") == pytest.approx(50)


def test_without_a_warning_level_red_begins_at_fifty() -> None:
    assert points("0.51", red_above="0.02") == pytest.approx(25)


def test_an_age_is_worst_at_twice_its_red_line_and_a_count_at_none() -> None:
    age = {"measure": "age_days", "dimension": "timeliness", "warn_above": "10", "red_above": "20"}
    assert [points(days, **age) for days in ("10", "15", "30", "40", "400")] == [100, 70, 25, 0, 0]
    count = {"measure": "row_count_min", "columns": (), "warn_below": "100", "red_below": "50"}
    assert [points(rows, **count) for rows in ("100", "75", "25", "0")] == [100, 70, 25, 0]


def test_nothing_to_look_at_is_not_measured_and_what_cannot_be_told_is_half() -> None:
    assert points(None, warn_above="0") is None
    assert points(None, measure="age_days", dimension="timeliness", warn_above="3") == 50
    assert verdict_points(Verdict(rule(), Level.RED, None, None, "The check could not be run.")) == 0


@given(
    observed=st.lists(st.decimals(0, 2, places=3), min_size=2, max_size=2).map(sorted),
    bounds=st.lists(st.decimals(0, 1, places=3), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_worse_never_keeps_more(observed: list[Decimal], bounds: list[Decimal]) -> None:
    better, worse = (points(str(value), warn_above=bounds[0], red_above=bounds[1]) for value in observed)
    assert better is not None and worse is not None
    assert 0 <= worse <= better <= 100


_VERDICTS = st.lists(
    st.builds(
        lambda asset, dimension, observed, number: judge(
            rule(asset, dimension, name=f"check_{number}", warn_above="0.1", red_above="0.5"), observed
        ),
        st.sampled_from(ASSETS),
        st.sampled_from(DIMENSIONS[:4]),
        st.none() | st.decimals(0, 1, places=2),
        st.integers(0, 99),
    ),
    max_size=8,
)
_CLAIMED = st.none() | st.floats(0, 100)


def scores(verdicts: list[Verdict], claimed: float | None = None, broken: dict[str, str] | None = None) -> Any:
    by_asset: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_asset.setdefault(verdict.rule.asset, []).append(verdict)
    consistency = {} if claimed is None else {"metric": DimensionScore("consistency", claimed)}

    def score(asset: str) -> AssetScore:
        return score_asset(asset, verdicts=by_asset, broken=broken or {}, consistency=consistency, upstream=UPSTREAM)

    return {asset: score(asset) for asset in ASSETS}


@given(_VERDICTS, _CLAIMED, st.sampled_from([*ASSETS, None]))
def test_nothing_is_better_than_what_it_stands_on(
    verdicts: list[Verdict], claimed: float | None, broken: str | None
) -> None:
    found = scores(verdicts, claimed, {} if broken is None else {broken: "not built"})
    for asset, below in UPSTREAM.items():
        for other in below:
            if found[other].score is not None:
                assert found[asset].score is not None
                assert found[asset].score <= found[other].score
    for score in found.values():
        assert score.score is None or 0 <= score.score <= 100
        assert [one.dimension for one in score.dimensions] == list(DIMENSIONS)
        assert score.limited_by != score.asset
        measured = [one for one in score.dimensions if one.score is not None]
        assert (score.score is None) == (not measured)
        for one in measured:
            assert (one.score < 100) == bool(one.deductions) or one.dimension == "consistency"


@given(_VERDICTS)
def test_what_limits_a_metric_has_its_score_or_its_largest_deduction(verdicts: list[Verdict]) -> None:
    found = scores(verdicts)
    metric = found["metric"]
    deductions = [one for dimension in metric.dimensions for one in dimension.deductions]
    if metric.limited_by is None:
        assert all(
            one.points <= max((d.points for d in deductions if d.asset == "metric"), default=0) for one in deductions
        )
    else:
        largest = max(one.points for one in deductions)
        held_down = found[metric.limited_by].score == metric.score
        assert held_down or any(one.asset == metric.limited_by and one.points == largest for one in deductions)


def test_no_claims_are_not_measured_and_do_not_enter() -> None:
    good = judge(rule(warn_above="0.1"), Decimal(0))
    found = scores([good])["metric"]
    assert found.score == 100
    assert {one.dimension: one.score for one in found.dimensions} == {
        "completeness": 100,
        "uniqueness": None,
        "timeliness": None,
        "accuracy": None,
        "consistency": None,
    }
    assert scores([good], 40.0)["metric"].score == 70


def test_the_deductions_say_where_they_come_from() -> None:
    own = judge(rule("metric", "accuracy", name="own", warn_above="0", red_above="0.5"), Decimal("0.25"))
    below = judge(rule("fact", "completeness", name="below", warn_above="0", red_above="0.5"), Decimal("0.5"))
    found = scores([own, below])["metric"]
    assert found.score == 50
    assert found.limited_by == "fact"
    by_name = {one.dimension: one.deductions for one in found.dimensions}
    assert by_name["accuracy"] == (Deduction("own", "metric", 30.0, "25 % is above 0 %."),)
    assert by_name["completeness"][0].asset == "fact"


def test_a_model_that_was_not_built_leaves_nothing() -> None:
    found = scores([], broken={"source": "syntax error"})
    assert [found[asset].score for asset in ASSETS] == [0, 0, 0, 0]
    assert found["metric"].limited_by == "source"
    (deduction,) = (one for dimension in found["metric"].dimensions for one in dimension.deductions)
    assert (deduction.check, deduction.asset, deduction.sentence) == ("was_built", "source", "syntax error")
