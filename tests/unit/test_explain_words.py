"""Figures, gaps and rows of an explanation as people and spreadsheets read them; what a reader's role refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from gateway.explain_api import csv_response, decimal_text
from gateway.explain_words import exact_number, figure_text, gap_text, span_code, span_text
from ops_assets.access import AccessPolicy, AccessRefused, Hidden, Reader, RoleRules
from ops_assets.catalog import load_catalog
from ops_assets.definition_bundle import DefinitionBundle
from ops_assets.dictionary.security import ModelSecurity, RowFilterSpec
from ops_assets.governed_explanations import GovernedExplanations, Question
from ops_assets.governed_rows import Table
from ops_assets.reconciliation.answer import Span
from ops_assets.reconciliation.explain import parse_span
from resources.serving import Snapshot
from resources.settings import DBT_PROJECT_DIR

METRICS = load_catalog(DBT_PROJECT_DIR / "models").metrics
MARGIN, STOCK = METRICS["metric_order_gross_margin"], METRICS["metric_inventory_on_hand"]
AS_OF = date(2026, 11, 21)


def test_amounts_are_exact_where_their_decimals_end() -> None:
    assert exact_number(Fraction("-15480.2561")) == "−15,480.2561"
    assert exact_number(Fraction(1234567)) == "1,234,567"
    assert exact_number(Fraction(1, 8)) == "0.125"
    assert exact_number(Fraction(-1, 3)) == "−1/3"


def test_gaps_carry_sign_and_unit_and_small_parts_do_not_vanish() -> None:
    assert gap_text("en", MARGIN, Fraction(-15, 1000), short=True) == "−1.50 points"
    assert gap_text("zh", MARGIN, Fraction(1, 3)) == "+33.33333 个百分点"
    assert gap_text("en", MARGIN, Fraction(0)) == "±0.00000 points"
    assert gap_text("en", MARGIN, None) == "–"
    assert gap_text("en", STOCK, Fraction(12)) == "+12"
    assert figure_text("en", MARGIN, Fraction(124, 1000)) == "12.40 %"
    assert figure_text("en", MARGIN, None) == "–"


@pytest.mark.parametrize("code", ["all", "2026-10", "2026-10-31", "2026-10-01..2026-10-15"])
def test_a_period_is_read_as_it_is_written(code: str) -> None:
    span = parse_span(code, AS_OF, 90)
    assert span_code(span) == code
    assert span_text("en", span)
    assert span_code(parse_span("window", AS_OF, 90)) == "window"


def test_a_csv_file_runs_no_formula_and_has_decimals() -> None:
    table = Table(("order_no", "part"), (("=HYPERLINK(1)", Fraction(1, 3)), ("SO1", Fraction(-1, 8))), Hidden())
    lines = bytes(csv_response(table, "x").body).decode("utf-8-sig").splitlines()
    assert lines == ["order_no,part", "'=HYPERLINK(1),0.333333333333333", "SO1,-0.125"]
    assert decimal_text(Fraction(0)) == "0"


class _Nothing(Snapshot):
    """Refusals come before any row is read."""

    def __init__(self) -> None: ...


@pytest.mark.parametrize(
    ("where", "rows", "said"),
    [
        ((("item_id", "M1"),), "all", "cannot narrow by it"),
        ((), "own_departments", "covers all departments"),
    ],
)
def test_what_a_role_does_not_see_neither_narrows_nor_is_summed(
    where: tuple[tuple[str, str], ...], rows: str, said: str
) -> None:
    security = ModelSecurity(columns={"item_id": "personal"}, row_filter=RowFilterSpec(department="warehouse"))
    bundle = DefinitionBundle(metrics={STOCK.name: STOCK}, security={STOCK.name: security})
    role = RoleRules(highest="internal")
    policy = AccessPolicy(roles={"reader": replace(role, rows="own_departments" if rows != "all" else "all")})
    governed = GovernedExplanations(_Nothing(), bundle, policy)
    question = Question("erp", span=Span("day", AS_OF, AS_OF), where=where)
    with pytest.raises(AccessRefused, match=said):
        governed.explain(STOCK, question, Reader("somebody", "reader"))
