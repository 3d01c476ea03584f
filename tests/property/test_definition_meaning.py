"""The normal form of SQL: writing does not change a figure's meaning, content does."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_assets.definition_change.candidate import source_line
from ops_assets.definition_change.meaning import Meaning, change_between, semantic_of
from ops_assets.definition_change.normal_sql import SqlProblem, difference, normal_sql, placed_sql

QUERY = """
with receipts as (
    select receipt_no, received_quantity, supplier_id, event_date from "warehouse"."conformed"."fct_receipt_line"
    where order_matched and received_quantity >= 100 and (rejected_quantity > 0 or received_quantity < 5000)
),

named as (
    select suppliers.supplier_label as label, suppliers.supplier_id
    from "warehouse"."conformed"."dim_supplier" as suppliers
)

select receipts.receipt_no, receipts.event_date, named.label, receipts.received_quantity * 2 as numerator
from receipts
left join named on named.supplier_id = receipts.supplier_id
order by event_date
"""
CTE_COLUMNS = "receipt_no, received_quantity, supplier_id, event_date"
CONDITION = "order_matched and received_quantity >= 100 and (rejected_quantity > 0 or received_quantity < 5000)"


@st.composite
def rewritten(draw: st.DrawFn) -> str:
    """The query in another hand: layout, comments, case, quotes, schema, order of columns and of conditions."""
    columns = draw(st.permutations(CTE_COLUMNS.split(", ")))
    parts = ["order_matched", "received_quantity >= 100", draw(st.sampled_from(
        ["(rejected_quantity > 0 or received_quantity < 5000)", "(received_quantity < 5000 or rejected_quantity > 0)"]
    ))]  # fmt: skip
    text = QUERY.replace(CTE_COLUMNS, ", ".join(columns)).replace(CONDITION, " and ".join(draw(st.permutations(parts))))
    if draw(st.booleans()):
        text = text.replace("order by event_date\n", "")
    text = text.replace('"conformed"', draw(st.sampled_from(['"conformed"', '"shadow_new"'])))
    text = text.replace('"warehouse".', draw(st.sampled_from(['"warehouse".', '"memory".', ""])))
    if draw(st.booleans()):
        text = text.upper()
    pause = draw(st.sampled_from([" ", "\n", "\n    ", " /* said */ ", "  -- said\n"]))
    words = text.split()
    return pause.join(words) + "\n"


@given(rewritten())
@settings(max_examples=150, deadline=None)
def test_another_hand_writes_the_same_meaning(text: str) -> None:
    assert normal_sql(text) == normal_sql(QUERY)
    assert difference(QUERY, text) == []


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_constant_name_or_operator_is_a_change(data: st.DataObject) -> None:
    replaced: list[tuple[str, Any]] = [
        ("100", data.draw(st.integers(0, 10**6).filter(lambda n: n not in (100, 5000)))),
        ("* 2", f"* {data.draw(st.integers(3, 99))}"),
        (">=", data.draw(st.sampled_from([">", "<", "<=", "="]))),
        ("left join", data.draw(st.sampled_from(["inner join", "right join", "full join"]))),
        ("dim_supplier", "dim_" + data.draw(st.text(string.ascii_lowercase, min_size=9, max_size=12))),
        ("order_matched and", data.draw(st.sampled_from(["", "not order_matched and", "order_matched or"]))),
        ('"conformed"."fct_receipt_line"', '"raw"."fct_receipt_line"'),
    ]
    old, new = data.draw(st.sampled_from(replaced))
    changed = QUERY.replace(old, str(new))
    assert normal_sql(changed) != normal_sql(QUERY)
    marks = {line.mark for line in difference(QUERY, changed)}
    assert marks & {"+", "-"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select '--a' as x from t", "select '--b' as x from t"),
        ("select $$/*a*/$$ as x from t", "select $$/*b*/$$ as x from t"),
        ("with a as (select x, y from t) select * from a", "with a as (select y, x from t) select * from a"),
        ("select x, y from t", "select y, x from t"),
        (
            "with a as (select x, y from t), b as (select * from a union all select x, y from u) select x from b",
            "with a as (select y, x from t), b as (select * from a union all select x, y from u) select x from b",
        ),
        (
            "with a as (select x, y, sum(z) as z from t group by 1, 2) select z from a",
            "with a as (select z, y, sum(x) as x from t group by 1, 2) select x from a",
        ),
        ("select x from t order by x limit 3", "select x from t order by y limit 3"),
        ("select 'A' as x from t", "select 'a' as x from t"),
    ],
)
def test_order_and_case_that_can_matter_are_kept(one: str, other: str) -> None:
    assert normal_sql(one) != normal_sql(other)


def test_meaning_is_the_sql_and_the_fields_of_everything_below() -> None:
    fields = {"formula": "a / b", "window_days": 90}
    meaning = Meaning("metric_x", {"metric_x": "select 1 as a from fct", "fct": QUERY}, fields)
    again = Meaning.from_json(meaning.to_json())
    assert again == meaning
    assert again.digest == meaning.digest
    below = Meaning("metric_x", {**meaning.sql, "fct": QUERY.replace("100", "101")}, fields)
    window = Meaning("metric_x", meaning.sql, {**fields, "window_days": 30})
    assert len({meaning.digest, below.digest, window.digest}) == 3
    assert set(change_between(meaning, below).models) == {"fct"}
    (field,) = change_between(meaning, window).fields
    assert (field.field, field.old, field.new) == ("window_days", "90", "30")
    assert not change_between(meaning, Meaning("metric_x", {**meaning.sql, "fct": QUERY + "  -- said"}, fields))


def test_the_semantic_layer_counts_without_its_words() -> None:
    def manifest(agg: str, label: str) -> str:
        return (
            '{"semantic_models": [{"name": "metric_x", "node_relation": {"alias": "metric_x"}, "dimensions": [],'
            f' "measures": [{{"name": "n", "agg": "{agg}", "description": "{label}"}}]}}],'
            f' "metrics": [{{"name": "x", "label": "{label}", "type_params": {{"measure": {{"name": "n"}}}}}}]}}'
        )

    assert semantic_of(manifest("sum", "one")) == semantic_of(manifest("sum", "two"))
    assert semantic_of(manifest("sum", "one")) != semantic_of(manifest("avg", "one"))
    assert semantic_of(manifest("sum", "one"))["metric_x"]["metrics"][0]["name"] == "x"


def test_models_are_read_from_a_shadow_schema_and_nothing_else_is() -> None:
    text = placed_sql(QUERY, {"dim_supplier"}, "shadow_old")
    assert '"shadow_old"."dim_supplier"' in text
    assert '"conformed"."fct_receipt_line"' in text


def test_a_line_of_compiled_sql_is_found_in_the_file() -> None:
    raw = "{{ config() }}\n{% set x %}\n{% endset %}\nselect\n    a,\n    b frm\nfrom t"
    compiled = "\n\nselect\n    a,\n    b frm\nfrom t"
    assert source_line(raw, compiled, 5) == 6
    with pytest.raises(SqlProblem) as caught:
        normal_sql("select a,\nfrom from t where (")
    assert caught.value.line >= 1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_text_that_is_no_sql_is_refused_or_normal(seed: int) -> None:
    chosen = random.Random(seed)
    words = QUERY.split()
    text = " ".join(chosen.sample(words, k=chosen.randint(1, len(words))))
    try:
        assert normal_sql(normal_sql(text)) == normal_sql(text)
    except SqlProblem as problem:
        assert str(problem)
