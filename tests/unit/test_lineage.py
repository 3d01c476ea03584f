"""Column lineage of single queries and of a small project, and the impact of a column."""

from __future__ import annotations

from typing import Any

import pytest

from ops_assets.lineage import Column, Lineage
from ops_assets.sql_lineage import LineageError, query_lineage, read_lineage

TABLES = {"a": ("id", "x", "y"), "b": ("id", "z")}


def values(sql: str) -> dict[str, set[str]]:
    outputs, _ = query_lineage(sql, TABLES)
    return {name: {str(column) for column in found} for name, found in outputs.items()}


def rows(sql: str) -> set[str]:
    return {str(column) for column in query_lineage(sql, TABLES)[1]}


def test_an_expression_takes_its_values_from_all_its_columns() -> None:
    assert values("select id, x + coalesce(y, 0) as s, 1 as one from a") == {
        "id": {"a.id"},
        "s": {"a.x", "a.y"},
        "one": set(),
    }


def test_a_star_is_spelt_out_and_a_cte_is_followed() -> None:
    assert values("with t as (select * from a) select t.x * 2 as x2 from t") == {"x2": {"a.x"}}


def test_a_union_follows_columns_by_position_also_where_names_differ() -> None:
    assert values("select id as k, x as v from a union all select z, id from b") == {
        "k": {"a.id", "b.z"},
        "v": {"a.x", "b.id"},
    }


def test_three_branches_without_names_keep_every_column() -> None:
    sql = "select id, x, 'a' as kind from a union all select id, z, 'b' from b union all select z, id, 'c' from b"
    assert values(sql) == {"id": {"a.id", "b.id", "b.z"}, "x": {"a.x", "b.z", "b.id"}, "kind": set()}


def test_a_scalar_sub_query_brings_its_columns_along() -> None:
    assert values("select id, (select max(z) from b where b.id = a.id) as top from a")["top"] == {"b.z"}


def test_joins_filters_and_groupings_choose_rows_and_enter_no_value() -> None:
    sql = "select a.id, sum(b.z) as s from a join b on a.id = b.id where a.y > 0 group by a.id having max(a.x) > 1"
    assert values(sql) == {"id": {"a.id"}, "s": {"b.z"}}
    assert rows(sql) == {"a.id", "b.id", "a.y", "a.x"}


def test_a_filter_inside_a_cte_chooses_rows_too() -> None:
    assert rows("with t as (select id from a where x = 1) select id from t") == {"a.x"}


def test_a_query_that_cannot_be_read_says_so() -> None:
    with pytest.raises(LineageError, match="cannot be read"):
        query_lineage("select from where", TABLES)


def _manifest(**models: str) -> dict[str, Any]:
    nodes = {
        f"model.t.{name}": {
            "resource_type": "model",
            "name": name,
            "alias": name,
            "schema": "s",
            "fqn": ["t", name.partition("_")[0], name],
            "columns": {},
            "compiled_code": code,
            "original_file_path": f"models/{name}.sql",
        }
        for name, code in models.items()
    }
    source = {
        "resource_type": "source",
        "source_name": "erp",
        "name": "lines",
        "identifier": "erp__lines",
        "schema": "raw",
        "columns": {"line_no": {}, "amount": {}, "status": {}},
    }
    return {"nodes": nodes, "sources": {"source.t.erp.lines": source}}


def _project() -> Lineage:
    manifest = _manifest(
        stg_lines='select line_no, amount as value, status from "w"."raw"."erp__lines" where _is_current',
        fct_lines="select line_no, value from s.stg_lines where status = 'open'",
        metric_sales="select line_no, value as numerator, 1 as denominator from s.fct_lines",
        metric_count="select count(*) as numerator from s.fct_lines",
    )
    for node in manifest["nodes"].values():
        node["columns"] = dict.fromkeys(
            {"stg_lines": ["line_no", "value", "status"], "fct_lines": ["line_no", "value"]}.get(node["name"], [])
        )
    return read_lineage(manifest)


def test_a_figure_is_traced_to_its_source_columns() -> None:
    lineage = _project()
    found = lineage.upstream([Column("metric_sales", "numerator")])
    assert Column("erp.lines", "amount") in found
    assert Column("erp.lines", "status") not in found


def test_a_column_reaches_what_it_enters_and_a_filter_reaches_what_reads_its_rows() -> None:
    lineage = _project()
    amount = lineage.downstream(lineage.column("erp.lines.amount"))
    assert {name: reach.columns for name, reach in amount.items()} == {
        "stg_lines": ("value",),
        "fct_lines": ("value",),
        "metric_sales": ("numerator",),
    }
    status = lineage.downstream(lineage.column("stg_lines.status"))
    assert {name: (reach.columns, reach.rows) for name, reach in status.items()} == {
        "fct_lines": ((), True),
        "metric_sales": ((), True),
        "metric_count": ((), True),
    }


def test_the_lineage_survives_its_json_form() -> None:
    lineage = _project()
    assert Lineage.from_json(lineage.to_json()).relations == lineage.relations


def test_an_unknown_name_is_refused_with_near_ones() -> None:
    with pytest.raises(LookupError, match=r"Near: .*fct_lines"):
        _project().column("fct_line.value")
    with pytest.raises(LookupError, match=r"has no column 'valu'\. It has: line_no, value"):
        _project().column("fct_lines.valu")


def test_a_model_that_cannot_be_read_is_named_and_the_others_are_read() -> None:
    lineage = read_lineage(_manifest(stg_x="", stg_y="select from where", stg_z="select 1 as one"))
    assert "stg_x was not compiled" in lineage.relations["stg_x"].unread
    assert "models/stg_y.sql: the compiled SQL cannot be read" in lineage.relations["stg_y"].unread
    assert lineage.relations["stg_z"].unread == ""
    assert lineage.relations["stg_z"].values == {"one": ()}
