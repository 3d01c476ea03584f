"""Watch rules of every kind and movements on real snapshots: which periods are compared, who breaches, what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_assets.access import AccessRefused, Reader
from ops_assets.access_file import load_access_policy
from ops_assets.breach import Breach
from ops_assets.catalog import Watch, load_catalog
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.metric import DimensionColumns
from ops_assets.dictionary.security import ModelSecurity
from ops_assets.dictionary.watch_rule import WatchRule
from ops_assets.governed_figures import GovernedFigures
from ops_assets.movement import MovementError, default_periods, movement_of
from ops_assets.periods import parse_period
from ops_assets.watching import find_breaches
from resources.platform import MODELS_DIR
from resources.serving import Snapshot, SnapshotInfo, SnapshotStore

AS_OF = date(2026, 11, 15)
METRIC = "metric_supplier_reject_rate"
# day, supplier, item, numerator, denominator
Row = tuple[date, str | None, str, str, str]
Make = Callable[..., Snapshot]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A published snapshot with the rows of one metric, and the headline that watch rules ask for."""

    def snapshot(rows: Sequence[Row], *, window: int | None = 90, aggregation: str = "ratio") -> Snapshot:
        store = SnapshotStore(tmp_path / "serving")
        info = SnapshotInfo("s-000001", 1, datetime(2026, 11, 15, 4, tzinfo=UTC), AS_OF, "dongchen", 1, ())
        built = tmp_path / "building"
        with duckdb.connect(str(built)) as db:
            db.execute(
                "create table metrics as select ? as metric, 'percent' as unit, 2 as decimals, 'published' as state, "
                "? as as_of, ? as window_days, 'Rejects' as label_en, '1' as numerator, '10' as denominator, "
                "? as aggregation",
                [METRIC, AS_OF, window, aggregation],
            )
            db.execute("create table metric_part as select ? as metric", [METRIC])
            db.execute(
                f"create table {METRIC} (event_date date, supplier_id varchar, supplier_label varchar, "
                "item_id varchar, item_label varchar, numerator decimal(28,6), denominator decimal(28,6))"
            )
            db.executemany(
                f"insert into {METRIC} values (?, ?, ?, ?, ?, ?, ?)",
                [(day, who, who and f"Supplier {who}", item, item, n, d) for day, who, item, n, d in rows],
            )
        store.snapshots_dir.mkdir(parents=True)
        store.parts_dir.mkdir(parents=True)
        store.commit(info, built)
        store.switch(info.id)
        return store.get(info.id)

    return snapshot


def months(**figures: Sequence[str]) -> list[Row]:
    """A row on the 3rd of each month up to October, oldest first: numerators over 100, by supplier."""
    rows: list[Row] = []
    for supplier, numerators in figures.items():
        for back, numerator in enumerate(reversed(numerators)):
            month = 10 - back
            day = date(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 3)
            rows.append((day, supplier, "I1", numerator, "100"))
    return rows


def found(snapshot: Snapshot, *, by: str | None = None, aggregation: Any = "ratio", **condition: Any) -> list[Breach]:
    rule = WatchRule.model_validate({"name": "rule", "dimension": by, "template": "supply_exception", **condition})
    columns = None if by is None else DimensionColumns(id=f"{by}_id", label=f"{by}_label")
    return find_breaches([Watch(METRIC, rule, aggregation, "down", columns)], snapshot)


def change(against: str, more_than: str = "0.2", direction: str = "worse") -> dict[str, Any]:
    return {"change": {"against": against, "more_than": more_than, "direction": direction}}


# A row before the first compared month: the rows cover it whole.
OLDER: Row = (date(2026, 8, 1), "A", "I1", "1", "100")


def test_a_month_that_is_worse_than_the_one_before_breaches_and_says_so(make: Make) -> None:
    snapshot = make([OLDER, *months(A=["10", "13"], B=["10", "12"], C=["13", "10"])])
    (breach,) = found(snapshot, by="supplier", **change("previous_period"))
    assert (breach.subject_id, breach.direction) == ("A", "above")
    assert (breach.observed, breach.threshold) == (Decimal("0.13"), Decimal("0.12"))
    assert breach.why is not None
    assert breach.why.en == (
        "13.00 % in 2026-10 is 30.0 % higher than 10.00 % in 2026-09, the month before; 20.0 % is allowed."
    )
    assert [point["label"] for point in breach.evidence["points"]] == ["2026-09", "2026-10"]
    assert breach.case_data()["why"]["zh"] == breach.why.zh
    better = found(snapshot, by="supplier", **change("previous_period", direction="any"))
    assert [(one.subject_id, one.direction) for one in better] == [("A", "above"), ("C", "below")]


def test_a_month_that_the_rows_do_not_cover_is_not_compared(make: Make) -> None:
    assert found(make(months(A=["10", "30"])), **change("previous_period")) == []


def test_the_running_month_is_compared_with_nothing(make: Make) -> None:
    running: Row = (date(2026, 11, 2), "A", "I1", "90", "100")
    assert found(make([OLDER, *months(A=["10", "10"]), running]), **change("previous_period")) == []


def test_the_same_month_of_the_year_before(make: Make) -> None:
    last_year: list[Row] = [(date(2025, 9, 1), "A", "I1", "5", "100"), (date(2025, 10, 3), "A", "I1", "5", "100")]
    (breach,) = found(make([*last_year, *months(A=["9", "9"])]), **change("same_period_last_year"))
    assert [point["label"] for point in breach.evidence["points"]] == ["2025-10", "2026-10"]


def test_a_window_is_compared_with_the_window_before(make: Make) -> None:
    rows: list[Row] = [
        (AS_OF - timedelta(days=60), "A", "I1", "1", "100"),
        (AS_OF - timedelta(days=30), "A", "I1", "5", "100"),
        (AS_OF, "A", "I1", "10", "100"),
    ]
    (breach,) = found(make(rows, window=30), **change("previous_window"))
    assert (breach.observed, breach.threshold) == (Decimal("0.1"), Decimal("0.06"))


def test_a_window_over_all_history_has_none_before(make: Make) -> None:
    assert found(make(months(A=["1", "90"]), window=None), **change("previous_window")) == []


def test_small_subjects_and_a_change_from_nothing_are_not_judged(make: Make) -> None:
    snapshot = make([OLDER, *months(A=["10", "30"], B=["0", "30"])])
    assert [one.subject_id for one in found(snapshot, by="supplier", **change("previous_period"))] == ["A"]
    assert found(snapshot, by="supplier", min_denominator=101, **change("previous_period")) == []


def test_a_stock_figure_is_that_of_the_last_day(make: Make) -> None:
    rows: list[Row] = [
        (date(2026, 9, 1), "A", "I1", "900", "1"),
        (date(2026, 9, 30), "A", "I1", "100", "1"),
        (date(2026, 10, 1), "A", "I1", "100", "1"),
        (date(2026, 10, 31), "A", "I1", "130", "1"),
    ]
    (breach,) = found(make([OLDER, *rows], aggregation="latest_sum"), aggregation="latest_sum",
                      **change("previous_period"))  # fmt: skip
    assert (breach.observed, breach.threshold) == (Decimal(130), Decimal(120))


STEADY = ["10", "11", "10", "9", "10", "11", "10", "9", "10"]


def control(**more: Any) -> dict[str, Any]:
    return {"control": {"points": "month", "baseline": 9, **more}}


def test_a_point_beyond_three_sigma_breaches_with_limits_and_points(make: Make) -> None:
    snapshot = make([(date(2026, 1, 1), "A", "I1", "1", "10"), *months(A=[*STEADY, "30"], B=[*STEADY, "10"])])
    (breach,) = found(snapshot, by="supplier", **control(rules=[1]))
    assert (breach.subject_id, breach.kind, breach.evidence["tests"]) == ("A", "control", [1])
    assert len(breach.evidence["points"]) == 10
    limits = breach.evidence["limits"]
    assert limits["lower"] < 0.09 < limits["centre"] < 0.11 < limits["upper"] < 0.3
    assert breach.threshold == Decimal(repr(limits["upper"]))
    assert breach.why is not None and "test 1, one point beyond three sigma" in breach.why.en


def test_a_pattern_within_the_limits_is_about_the_centre(make: Make) -> None:
    falling = ["20", "21", "20", "19", "20", "15", "14", "13", "12", "11"]
    snapshot = make([(date(2026, 1, 1), "A", "I1", "1", "10"), *months(A=falling)])
    (breach,) = found(snapshot, **control(rules=[3]))
    assert (breach.direction, breach.threshold) == ("below", Decimal(repr(breach.evidence["limits"]["centre"])))
    assert found(snapshot, **control(rules=[3], direction="worse")) == []


def test_too_few_points_set_no_limits(make: Make) -> None:
    assert found(make([OLDER, *months(A=["10", "10", "90"])]), **control()) == []


def test_a_subject_without_its_newest_point_is_not_judged(make: Make) -> None:
    rows = [row for row in months(A=[*STEADY, "30"], B=[*STEADY, "10"]) if row[:2] != (date(2026, 10, 3), "A")]
    assert found(make([(date(2026, 1, 1), "A", "I1", "1", "10"), *rows]), by="supplier", **control(rules=[1])) == []


def test_what_had_rows_and_has_none_any_more_is_missing(make: Make) -> None:
    rows: list[Row] = [
        (AS_OF - timedelta(days=3), "A", "I1", "1", "10"),
        (AS_OF - timedelta(days=4), "B", "I1", "1", "10"),
        (AS_OF - timedelta(days=80), "C", "I1", "1", "10"),
        (AS_OF - timedelta(days=95), "D", "I1", "1", "10"),
    ]
    snapshot = make(rows)
    gone = found(snapshot, by="supplier", missing={"for": "3d"})
    assert [one.subject_id for one in gone] == ["B", "C"], "who had no row in the window is none any more"
    assert (gone[0].observed, gone[0].direction, gone[0].episode) == (None, "", "2026-11-11")
    assert gone[0].why is not None and gone[0].why.en == "no row since 2026-11-11, 4 days ago; 3 days are allowed."
    assert found(snapshot, missing={"for": "3d"}) == []
    assert [one.subject_id for one in found(snapshot, missing={"for": "2d"})] == [""]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({}, "exactly one condition"),
        ({"above": 1, "missing": {"for": "3d"}}, "exactly one condition"),
        ({"missing": {"for": "3h"}}, "no span"),
        ({"control": {"points": "month", "baseline": 3}}, "greater than or equal to 8"),
        ({"control": {"points": "month", "baseline": 9, "rules": [9]}}, "from 1 to 8"),
        (change("last_year"), "previous_period"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_wrong(condition: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        WatchRule.model_validate({"name": "rule", "template": "supply_exception", **condition})


def test_a_rule_survives_the_bundle_of_its_snapshot() -> None:
    for condition in (change("previous_window"), control(), {"missing": {"for": "2w"}}, {"above": "0.1"}):
        rule = WatchRule.model_validate({"name": "rule", "template": "supply_exception", **condition})
        assert WatchRule.model_validate(rule.model_dump(mode="json")) == rule


# -- movements -----------------------------------------------------------------------------------------------------


def figures(**classes: Any) -> GovernedFigures:
    bundle = DefinitionBundle(
        metrics=load_catalog(MODELS_DIR / "metrics").metrics, security={METRIC: ModelSecurity(columns=classes)}
    )
    return GovernedFigures(bundle, replace(load_access_policy(), key=b"of this test"))


ANALYST = Reader("li", "analyst")
SPLIT: list[Row] = [
    (date(2026, 9, 3), "A", "I1", "10", "100"),
    (date(2026, 9, 3), "B", "I2", "40", "100"),
    (date(2026, 10, 3), "A", "I1", "30", "300"),
    (date(2026, 10, 9), "B", "I2", "50", "100"),
    (date(2026, 10, 9), None, "I2", "3", "7"),
]


def test_a_movement_is_split_exactly_by_every_dimension(make: Make) -> None:
    found = movement_of(make(SPLIT), figures(), ANALYST, METRIC, *default_periods(AS_OF))
    assert (found.old, found.new) == (Fraction(50, 200), Fraction(83, 407))
    assert [one.dimension for one in found.dimensions] == ["supplier", "item"]
    for one in found.dimensions:
        assert sum(part.contribution.total for part in one.parts) == found.moved
    supplier = found.dimensions[0].parts
    assert {part.label for part in supplier} == {"Supplier A", "Supplier B", "-"}
    body = found.to_json()
    assert body["movement_exact"] == str(found.moved)
    assert sum(Fraction(part["contribution_exact"]) for part in body["dimensions"][1]["parts"]) == found.moved


def test_a_subject_has_a_movement_of_its_own(make: Make) -> None:
    asked = movement_of(make(SPLIT), figures(), ANALYST, METRIC, *default_periods(AS_OF), subject=("supplier", "B"))
    assert (asked.old, asked.new) == (Fraction(40, 100), Fraction(50, 100))
    assert [one.dimension for one in asked.dimensions] == ["item"]


def test_persons_are_masked_for_who_may_not_see_them(make: Make) -> None:
    snapshot, personal = make(SPLIT), figures(supplier_id="personal", supplier_label="personal")
    masked = movement_of(snapshot, personal, ANALYST, METRIC, *default_periods(AS_OF))
    labels = [part.label for part in masked.dimensions[0].parts]
    assert sorted(label.partition("-")[0] for label in labels) == ["", "person", "person"]
    assert labels == [part.member for part in masked.dimensions[0].parts]
    assert "supplier" in masked.hidden.sentence()
    left_out = movement_of(snapshot, personal, Reader("wu", "finance"), METRIC, *default_periods(AS_OF))
    assert [one.dimension for one in left_out.dimensions] == ["item"]
    whole = movement_of(snapshot, personal, Reader("an", "steward"), METRIC, *default_periods(AS_OF))
    assert "Supplier A" in {part.label for part in whole.dimensions[0].parts}
    with pytest.raises(AccessRefused, match="personal"):
        movement_of(snapshot, personal, ANALYST, METRIC, *default_periods(AS_OF), subject=("supplier", "A"))


def test_who_may_not_see_the_figure_gets_no_movement(make: Make) -> None:
    with pytest.raises(AccessRefused):
        movement_of(make(SPLIT), figures(), Reader("x", "public"), METRIC, *default_periods(AS_OF))


@pytest.mark.parametrize(
    ("older", "options", "said"),
    [
        ("2026-07", {}, "no figure in 2026-07; its rows begin on 2026-09-03"),
        ("2026-09", {"dimensions": ["plant"]}, "no dimension 'plant'; it has: supplier, item"),
        ("2026-09", {"subject": ("plant", "1")}, "no dimension 'plant'"),
    ],
)
def test_what_cannot_be_told_says_what_to_ask(make: Make, older: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(MovementError, match=said) as caught:
        movement_of(make(SPLIT), figures(), ANALYST, METRIC, parse_period(older), parse_period("2026-10"), **options)
    assert caught.value.words.zh
