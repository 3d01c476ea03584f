"""Readers: physical lines, encodings, broken rows, changed headers."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ops_assets.ingestion.extract import Extract, FileUnreadable
from ops_assets.ingestion.landing_schema import Column, LandingTable
from ops_assets.ingestion.readers import read

TABLE = LandingTable(
    system="s", name="t", identifier="s__t", files=(), format="csv", kind="events", key=("a",),
    columns=(Column("a", "A", "varchar", required=True), Column("b", "B b", "varchar")), where="_sources.yml:5",
)  # fmt: skip


def rows(extract: Extract) -> list[tuple[int, Any, Any]]:
    a, b = (column.to_pylist() for column in extract.columns)
    return list(zip(extract.lines, a, b, strict=True))


def bad(extract: Extract) -> list[tuple[int, str, str]]:
    return [(row.line, row.rule, row.text) for row in extract.malformed]


def test_lines_are_physical_lines() -> None:
    extract = read(TABLE, b'A,B b\r\n1,x\r\n2,"two\r\nlines"\r\n\r\n3,z\r\n')
    assert rows(extract) == [(2, "1", "x"), (3, "2", "two\r\nlines"), (6, "3", "z")]
    assert extract.rows_in == 3


def test_columns_are_found_by_name_in_any_order() -> None:
    assert rows(read(TABLE, b"B b,A\nx,1\n")) == [(2, "1", "x")]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfA,B b\n1,\xe5\x8d\x8e\n",
        "A,B b\n1,华\n".encode("utf-16"),
        "A,B b\n1,华\n".encode(),
    ],
)
def test_byte_order_marks_are_recognised(content: bytes) -> None:
    assert rows(read(TABLE, content)) == [(2, "1", "华")]


def test_a_declared_encoding_is_used() -> None:
    assert rows(read(replace(TABLE, encoding="gb18030"), "A,B b\n1,华\n".encode("gb18030"))) == [(2, "1", "华")]


def test_a_row_with_undecodable_bytes_is_bad_and_its_neighbours_are_not() -> None:
    extract = read(TABLE, b"A,B b\n1,x\n2,\xff\xfe\n3,z\n")
    assert [line for line, *_ in rows(extract)] == [2, 4]
    assert [(line, rule) for line, rule, _ in bad(extract)] == [(3, "encoding")]


def test_a_nul_byte_makes_its_row_bad() -> None:
    extract = read(TABLE, b"A,B b\n1,x\n2,\x00\n")
    assert [(line, rule) for line, rule, _ in bad(extract)] == [(3, "nul_byte")]


def test_a_wrong_number_of_fields_makes_its_row_bad() -> None:
    extract = read(TABLE, b"A,B b\n1,x\n2\n3,y,z\n4,w\n")
    assert rows(extract) == [(2, "1", "x"), (5, "4", "w")]
    assert bad(extract) == [(3, "column_count", "2"), (4, "column_count", "3,y,z")]


def test_a_stray_quote_costs_one_row() -> None:
    extract = read(TABLE, b'A,B b\n1,x\n2,"oops\n3,y\n4,"fine, too"\n')
    assert rows(extract) == [(2, "1", "x"), (4, "3", "y"), (5, "4", "fine, too")]
    assert bad(extract) == [(3, "malformed_csv", '2,"oops')]


def test_many_stray_quotes_stay_affordable() -> None:
    content = b"A,B b\n" + b'1,"x\n' * 3000
    extract = read(TABLE, content)
    assert extract.rows_in >= 1000
    assert not rows(extract) or extract.malformed


def test_an_optional_column_may_be_absent() -> None:
    optional = replace(TABLE, columns=(TABLE.columns[0], replace(TABLE.columns[1], optional=True)))
    assert rows(read(optional, b"A\n1\n")) == [(2, "1", None)]


@pytest.mark.parametrize(
    ("content", "reason", "says"),
    [
        (b"", "unparseable", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "unparseable", "none of the declared columns"),
        (bytes(range(256)) * 20, "unparseable", ""),
        (b"A\n1\n", "columns_changed", "missing: 'B b'"),
        (b"A,B b,C\n1,2,3\n", "columns_changed", "new: 'C'"),
        (b"A,B b,B b\n1,2,3\n", "columns_changed", "repeated: 'B b'"),
        (b"a,b\n1,2\n", "unparseable", "A, B b"),
        (b"\xff\xfeA", "unparseable", "utf-16"),
    ],
)
def test_unreadable_files_are_refused_with_reason(content: bytes, reason: str, says: str) -> None:
    with pytest.raises(FileUnreadable) as error:
        read(TABLE, content)
    assert error.value.reason == reason
    assert says in error.value.sentence


def test_extra_columns_can_be_declared_away() -> None:
    assert rows(read(replace(TABLE, extra_columns="ignore"), b"A,C,B b\n1,2,3\n")) == [(2, "1", "3")]


def test_json_lines_keep_numbers_as_they_are_written() -> None:
    table = replace(TABLE, format="jsonl")
    extract = read(table, b'{"A": 1.10, "B b": true}\n\n{"A": null}\n{"A": {"x": [1]}}\n')
    assert rows(extract) == [(1, "1.10", "true"), (3, None, None), (4, '{"x": ["1"]}', None)]


def test_bad_json_lines_are_kept_with_their_text() -> None:
    table = replace(TABLE, format="jsonl")
    extract = read(table, b'{"A": 1}\n{oops\n[1]\n{"A": 1, "Z": 2}\n{"A": 1, "A": 2}\n')
    assert [line for line, *_ in rows(extract)] == [1]
    assert [(line, rule) for line, rule, _ in bad(extract)] == [
        (2, "malformed_json"), (3, "malformed_json"), (4, "unknown_field"), (5, "malformed_json"),
    ]  # fmt: skip


def test_a_file_without_any_json_is_unparseable() -> None:
    with pytest.raises(FileUnreadable, match="No line is a JSON object"):
        read(replace(TABLE, format="jsonl"), b"\x00\x01\nrubbish\n")


def test_parquet_values_become_text_and_say_which_are_iso() -> None:
    table = replace(TABLE, format="parquet")
    sink = io.BytesIO()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    pq.write_table(
        pa.table({"A": [1.5, float("nan")], "B b": pa.array([moment, None], pa.timestamp("us", "UTC"))}), sink
    )
    extract = read(table, sink.getvalue())
    assert rows(extract) == [(1, "1.5", "2026-01-02 03:04:05.000000Z"), (2, None, None)]
    assert extract.iso == {"b"}


def test_a_broken_parquet_file_is_unparseable() -> None:
    with pytest.raises(FileUnreadable, match="not a readable Parquet file"):
        read(replace(TABLE, format="parquet"), b"PAR1 rubbish" + date(2026, 1, 1).isoformat().encode())
