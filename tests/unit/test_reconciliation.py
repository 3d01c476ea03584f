"""Rules, claims, shares and scores; and comparisons whose answer can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_assets.catalog import CatalogError, load_catalog
from ops_assets.dictionary.base import Text
from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import Figure, Span, rounded_text
from ops_assets.reconciliation.attribution import RULE, ratio_slopes, rule_differences, shares
from ops_assets.reconciliation.explain import ExplainError, parse_span
from ops_assets.reconciliation.gap import Gap, make_gaps
from ops_assets.reconciliation.row_level import Periods, RowLevel
from ops_assets.reconciliation.rules import Rule, RuleError, parse_rule
from ops_assets.reconciliation.score import Compared, overall_score, score_metric
from ops_assets.reconciliation.spec import Comparison, compare_claims, compare_with_ours
from ops_assets.reconciliation.totals_sql import PartSums

LAST = date(2026, 12, 31)
_numbers = st.fractions(min_value=-9, max_value=9, max_denominator=8)
_monomials = st.lists(st.sampled_from("abc"), max_size=3).map(lambda names: tuple(sorted(names)))
_rules = st.dictionaries(_monomials, _numbers.filter(bool), max_size=4).map(Rule)
_values = st.fixed_dictionaries(dict.fromkeys("abc", _numbers))


def test_a_rule_is_read_as_a_sum_of_products() -> None:
    rule = parse_rule("2 * (revenue - cost) / 4 - coalesce(freight, 1.5)")
    assert rule.terms == {("revenue",): Fraction(1, 2), ("cost",): Fraction(-1, 2), ("freight",): Fraction(-1)}
    assert rule.fills == {"freight": Fraction(3, 2)}
    assert rule.evaluate({"revenue": Fraction(10), "cost": Fraction(4), "freight": Fraction(1)}) == 2
    assert parse_rule("a * b - b * a").terms == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a / b", "divides by 'b'"),
        ("a / 0", "divides by '0'"),
        ("sum(a)", "cannot stand in a rule"),
        ("(select max(a) from t)", "cannot stand in a rule"),
        ("a; drop table t", "cannot stand in a rule"),
        ("case when a > 0 then b end", "cannot stand in a rule"),
        ("other.a", "cannot stand in a rule"),
        ("'x'", "cannot stand in a rule"),
        ("a +", "no arithmetic expression"),
        ("a * a * a * b * b * b", "multiplies 6 inputs"),
        ("coalesce(a, b)", "one input and one number"),
        ("coalesce(a, 0) + coalesce(a, 1)", "two different numbers"),
    ],
)
def test_anything_but_arithmetic_is_refused(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        parse_rule(text)


def test_a_wrong_claim_is_named_with_file_and_line(tmp_path: Path) -> None:
    models = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
    text = (models / "metrics" / "metric_order_gross_margin.yml").read_text(encoding="utf-8")
    lines = text.splitlines()
    number = next(n for n, line in enumerate(lines) if line.strip().startswith("ours: {numerator:"))
    lines[number] = lines[number].split("ours:")[0] + 'ours: {numerator: "sum(revenue)", denominator: "revenue"}'
    (tmp_path / "metric_order_gross_margin.yml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CatalogError, match=rf"metric_order_gross_margin.yml:{number + 1}: .*cannot stand in a rule"):
        load_catalog(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": []}, "come together"),
        ({"ours": {"numerator": "cost + tax"}}, "reads tax, which is no input"),
        ({"inputs": [{"name": "revenue"}, {"name": "cost", "theirs": None}, {"name": "freight"}]},
         "reads cost, but the input says `theirs: null`"),
        ({"inputs": [{"name": "cost"}, {"name": "cost"}, {"name": "revenue"}]}, "declared twice"),
        ({"grain": []}, "at least 1 item"),
    ],
)  # fmt: skip
def test_a_claim_that_says_too_little_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _claim(**changes)


def test_a_product_cannot_be_added_up_to_a_coarser_grain() -> None:
    claim = _claim(grain=["order_no"], ours={"numerator": "revenue * cost", "denominator": "revenue"})
    claim.check_against(("order_no",), ratio=True)
    with pytest.raises(ValueError, match=r"cost\*revenue in the rule `ours` does not add up"):
        claim.check_against(("order_no", "line_no"), ratio=True)


@given(_rules, _rules, _values, _values)
def test_shares_are_the_whole_difference_and_the_mean_over_all_orders(
    ours: Rule, theirs: Rule, mine: dict[str, Fraction], yours: dict[str, Fraction]
) -> None:
    by_factor: dict[str, Fraction] = {}
    for share in shares(ours, theirs):
        by_factor[share.factor] = by_factor.get(share.factor, Fraction(0)) + share.of(mine, yours)
    assert sum(by_factor.values()) == theirs.evaluate(yours) - ours.evaluate(mine)
    players = [*"abc", RULE]
    mean = dict.fromkeys(players, Fraction(0))
    orders = list(permutations(players))
    for order in orders:
        values, rule = dict(mine), ours
        before = rule.evaluate(values)
        for player in order:
            if player == RULE:
                rule = theirs
            else:
                values[player] = yours[player]
            mean[player] += (rule.evaluate(values) - before) / len(orders)
            before = rule.evaluate(values)
    assert {player: value for player, value in by_factor.items() if value} == {p: v for p, v in mean.items() if v}


@given(_numbers, _numbers.filter(bool), _numbers, _numbers.filter(bool))
def test_numerator_and_denominator_share_the_gap_of_a_ratio(n: Fraction, d: Fraction, m: Fraction, e: Fraction) -> None:
    slopes = ratio_slopes((n, d), (m, e))
    assert slopes is not None
    first, then = (m / d - n / d, m / e - m / d), (n / e - n / d, m / e - n / e)
    assert slopes[0] * (m - n) == (first[0] + then[1]) / 2
    assert slopes[1] * (e - d) == (first[1] + then[0]) / 2
    assert slopes[0] * (m - n) + slopes[1] * (e - d) == m / e - n / d
    assert ratio_slopes((n, Fraction(0)), (m, e)) is None


def test_what_rules_treat_differently_is_named_by_what_it_is_about() -> None:
    def names(ours: str, theirs: str) -> set[str]:
        return set(rule_differences([(parse_rule(ours), parse_rule(theirs))]).values())

    assert names("a - b - c", "a") == {"b", "c"}
    assert names("q * p * rate - c", "q * p - c") == {"rate"}
    assert names("q * p", "0.9 * q * p") == {"p*q"}
    assert names("a + 1", "a") == {""}
    assert names("a - b", "a - b") == set()


def test_rules_that_differ_are_told_apart_also_where_their_differences_cancel_out() -> None:
    gap = _gap(
        _comparison(theirs={"numerator": "revenue", "denominator": "revenue"}),
        [("a", 1, "2026-01-05", 100, 5, -5)],
        [("a", 1, "2026-01-05", 100, 5, -5)],
        rule=lambda r, c, f: (r - c - f, r),
        their_rule=lambda r, c, f: (r, r),
    )
    assert gap.gap == 0
    assert {part.id: part.numerator for part in gap.parts} == {
        "rule_differs.both.cost": 5,
        "rule_differs.both.freight": -5,
    }


def test_keys_that_are_null_are_one_key() -> None:
    ours = [(None, 1, "2026-01-05", 100, 60, 0), ("a", None, "2026-01-05", 10, 6, 0)]
    theirs = [(None, 1, "2026-01-05", 100, 61, 0), ("a", None, "2026-02-05", 10, 6, 0)]
    gap = _gap(_comparison(), ours, theirs, span=Span("month", date(2026, 1, 1), date(2026, 1, 31)))
    assert {part.id: (int(part.numerator), part.rows) for part in gap.parts} == {
        "input_differs.both.cost": (-1, 1),
        "other_period.ours.": (-4, 1),
    }


def test_rows_that_both_sides_count_twice_make_no_gap() -> None:
    rows = [("a", 1, "2026-01-05", 100, 60, 0), ("a", 1, "2026-01-06", 90, 50, 0)]
    assert _gap(_comparison(), rows, rows[::-1]).parts == ()


def test_amounts_beyond_the_databases_decimals_are_still_exact() -> None:
    """DuckDB's decimals end at 38 digits; the same attribution in Python does not."""
    claim = _claim(
        inputs=[{"name": "revenue"}, {"name": "cost"}, {"name": "freight"}],
        ours={"numerator": "revenue * cost * freight", "denominator": "1"},
        theirs={"numerator": "revenue * cost * freight", "denominator": "1"},
    )
    comparison = replace(compare_with_ours(_metric(claim), claim), ratio=False)
    big = 10**13 + 7
    gap = _gap(
        comparison,
        [("a", 1, "2026-01-05", big, big, 3)],
        [("a", 1, "2026-01-05", big + 1, big, 5)],
        rule=lambda r, c, f: (0, 0),
        their_rule=lambda r, c, f: (0, 0),
    )
    parts = {part.id: part.numerator for part in gap.parts}
    assert parts["input_differs.both.revenue"] == Fraction(big * (3 + 5), 2)
    assert parts["input_differs.both.freight"] == Fraction(2 * big * (big + big + 1), 2)
    assert gap.balanced and gap.gap == 0


def test_a_claim_of_an_order_meets_our_lines_added_up() -> None:
    claim = _claim(grain=["order_no"])
    comparison = compare_with_ours(_metric(claim), claim)
    gap = _gap(
        comparison,
        [("a", 1, "2026-01-05", 100, 60, 0), ("a", 2, "2026-01-06", 50, 20, 0), ("a", 2, "2026-01-06", 50, 20, 0)],
        [("a", 0, "2026-01-05", 150, 85, 0)],
    )
    assert {part.id: (int(part.numerator), int(part.denominator), part.rows) for part in gap.parts} == {
        "input_differs.both.cost": (-5, 0, 1),
        "counted_twice.ours.": (-30, -50, 1),
    }


def test_a_missing_input_is_a_cause_of_its_own_and_counts_as_stated() -> None:
    claim = _claim(ours={"numerator": "revenue - coalesce(cost, 10) - freight", "denominator": "revenue"}, theirs=None)
    gap = _gap(
        compare_with_ours(_metric(claim), claim),
        [("a", 1, "2026-01-05", 100, None, 0), ("b", 1, "2026-01-05", 100, 60, 0)],
        [("a", 1, "2026-01-05", 100, 30, 0), ("b", 1, "2026-01-05", 100, None, 0)],
        rule=lambda r, c, f: (r - (10 if c is None else c) - f, r),
        their_rule=lambda r, c, f: (r - (0 if c is None else c) - f, r),
    )
    assert {part.id: part.numerator for part in gap.parts} == {
        "input_missing.ours.cost": -20,
        "input_missing.theirs.cost": 60,
    }


def test_an_unknown_rule_is_their_figure_against_ours_on_their_inputs() -> None:
    claim = _claim(theirs=None)
    metric = _metric(claim, _claim(name="third", model="claim_third", theirs=None))
    gap = _gap(
        compare_with_ours(metric, claim),
        [("a", 1, "2026-01-05", 100, 60, 0)],
        [("a", 1, "2026-01-05", 100, 62, 0)],
        their_rule=lambda r, c, f: (r - c - 7, r),
    )
    assert {part.id: part.numerator for part in gap.parts} == {
        "input_differs.both.cost": -2,
        "rule_differs.theirs.": -7,
    }
    both = compare_claims(metric, *metric.claims)
    gap = _gap(
        both,
        [("a", 1, "2026-01-05", 100, 60, 0)],
        [("a", 1, "2026-01-05", 100, 62, 0)],
        rule=lambda r, c, f: (r - c + 1, r),
        their_rule=lambda r, c, f: (r - c - 7, r),
    )
    assert {part.id: part.numerator for part in gap.parts} == {
        "input_differs.both.cost": -2,
        "rule_differs.ours.": -1,
        "rule_differs.theirs.": -7,
    }


def test_the_score_falls_with_the_gap_and_with_the_rows_that_disagree() -> None:
    def score(theirs: int, disagree: int, *, balanced: bool = True) -> Fraction:
        value = _compared(theirs, disagree, balanced=balanced)
        found = score_metric([value]).score
        assert found is not None
        return found

    assert score(100, 0) == 100
    assert score(100, 1) < 100
    assert score(90, 1) == 100 - 50 * Fraction(1, 10) - 50 * Fraction(1, 20)
    assert 100 > score(99, 1) > score(98, 1) > score(98, 2) > score(98, 20) > score(0, 20) == 0
    assert score(100, 0, balanced=False) == 0
    two = score_metric([_compared(100, 0), _compared(90, 2)])
    assert two.score == 100 - (5 + 5) / Fraction(2)
    assert [(each.kind, each.points) for each in two.deductions] == [("gap", Fraction(5, 2)), ("rows", Fraction(5, 2))]
    assert score_metric([]).score is None
    assert overall_score([Fraction(100), None, Fraction(50)]) == 75
    assert overall_score([None]) is None


def test_periods_are_read_and_wrong_ones_refused() -> None:
    as_of = date(2026, 11, 21)
    assert parse_span("window", as_of, 90) == Span("window", date(2026, 8, 24), as_of)
    assert parse_span("window", as_of, None) == Span("window", None, as_of)
    assert parse_span("2026-10", as_of, 90) == Span("month", date(2026, 10, 1), date(2026, 10, 31))
    assert parse_span("2026-11", as_of, 90) == Span("month", date(2026, 11, 1), as_of)
    assert parse_span("2026-11-03", as_of, 90).grain == "day"
    assert parse_span("2026-10-30..2026-11-03", as_of, 90).first == date(2026, 10, 30)
    for wrong in ("", "2026", "2026-13", "yesterday", "2026-11-03..2026-10-30"):
        with pytest.raises(ExplainError):
            parse_span(wrong, as_of, 90)


def test_figures_are_rounded_once_and_only_for_showing() -> None:
    assert rounded_text(Fraction(1, 3), percent=True, decimals=2) == "33.33"
    assert rounded_text(Fraction(1, 200), percent=False, decimals=2) == "0.01"
    assert rounded_text(None, percent=True, decimals=2) is None


def _claim(**changes: Any) -> ClaimSpec:
    rule = {"numerator": "revenue - cost - freight", "denominator": "revenue"}
    body: dict[str, Any] = {
        "name": "other",
        "model": "claim_other",
        "department": "other",
        "label": {"en": "Other", "zh": "他"},
        "grain": ["order_no", "line_no"],
        "inputs": [{"name": "revenue"}, {"name": "cost"}, {"name": "freight"}],
        "ours": rule,
        "theirs": rule,
    }
    return ClaimSpec.model_validate({**body, **changes})


def _metric(*claims: ClaimSpec) -> MetricDefinition:
    fields: dict[str, Any] = {
        "name": "metric_ours",
        "aggregation": "ratio",
        "grain": ("order_no", "line_no"),
        "claims": claims,
    }
    return MetricDefinition.model_construct(**fields)


def _comparison(**changes: Any) -> Comparison:
    claim = _claim(**changes)
    return compare_with_ours(_metric(claim), claim)


def _margin(revenue: int, cost: int | None, freight: int) -> tuple[int, int]:
    return revenue - (cost or 0) - freight, revenue


def _gap(
    comparison: Comparison,
    ours: list[tuple[Any, ...]],
    theirs: list[tuple[Any, ...]],
    *,
    rule: Any = _margin,
    their_rule: Any = _margin,
    span: Span = Span("range", None, LAST),  # noqa: B008
) -> Gap:
    """The gap of rows (order, line, day, revenue, cost, freight), paired in SQL and in Python alike."""
    found = []
    for few in (0, 100):
        with duckdb.connect() as db:
            for table, rows, figures in (("o", ours, rule), ("t", theirs, their_rule)):
                db.execute(
                    f"create table {table} (order_no varchar, line_no integer, event_date date, "
                    "revenue decimal(18, 0), cost decimal(18, 4), freight decimal(18, 6), "
                    "numerator decimal(28, 6), denominator decimal(28, 6))"
                )
                for row in rows:
                    db.execute(f"insert into {table} values (?, ?, ?, ?, ?, ?, ?, ?)", [*row, *figures(*row[3:])])
            periods = Periods.of(span)
            level = RowLevel(db, comparison, ("o", "t"), periods, few=few, many=few)
            months = level.months()
            level.find(months)
            sums = PartSums(level)
            (gap,) = make_gaps(comparison, periods, months, sums.totals())
            for part in gap.parts:
                rows_of_part = sums.rows(100, (part.cause, part.place, part.input))
                assert len(rows_of_part) == part.rows
            found.append(gap)
    assert found[0] == found[1]
    assert found[0].balanced
    return found[0]


def _compared(theirs: int, disagree: int, *, balanced: bool = True) -> Compared:
    def figure(value: int) -> Figure:
        return Figure(Fraction(value), Fraction(1), 20, Fraction(value))

    return Compared(
        claim="other",
        label=Text(en="Other", zh="他"),
        grain="window",
        start=date(2026, 1, 1),
        ours=figure(100),
        theirs=figure(theirs),
        gap=Fraction(theirs - 100),
        rows_disagree=disagree,
        balanced=balanced,
    )
