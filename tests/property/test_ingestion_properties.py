"""What holds for any messy input: no row is lost, twice is once, and cutting the work differently changes nothing."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_assets.ingestion.coerce import coerce
from ops_assets.ingestion.csv_reader import read_csv
from ops_assets.ingestion.dates import changed_format
from ops_assets.ingestion.extract import FileUnreadable
from ops_assets.ingestion.landing_schema import Column, LandingTable
from ops_assets.ingestion.readers import read
from ops_assets.ingestion.versions import Incoming, Outcome, Stored, resolve
from resources import ops_database
from tests.packs.ingestion_world import ORDER_HEADER, World

TABLE = LandingTable(
    "s", "t", "s__t", (), "csv", "events", ("a",), (Column("a", "a", "varchar"), Column("b", "b", "varchar"))
)


@pytest.fixture(scope="module")
def examples(request: pytest.FixtureRequest) -> int:
    """How often a whole ingestion is tried; soak tries more."""
    count = 300 if request.config.getoption("--soak") else 20
    print(f"ingestion properties: {count} examples each")
    return count


# --- readers ---

fields = st.text(alphabet='ab1",\r\n \x00é', max_size=6)


@given(st.lists(st.tuples(fields, fields), max_size=12))
@settings(max_examples=200, deadline=None)
def test_what_a_csv_writer_writes_is_read_back_with_its_lines(rows: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("a", "b"))
    lines = []
    for row in rows:
        lines.append(len(list(io.StringIO(out.getvalue(), newline=""))) + 1)
        writer.writerow(row)
    extract = read(TABLE, out.getvalue().encode())
    a, b = (column.to_pylist() for column in extract.columns)
    good = [(line, *row) for line, row in zip(lines, rows, strict=True) if "\x00" not in row[0] + row[1]]
    assert list(zip(extract.lines, a, b, strict=True)) == good
    assert extract.rows_in == len(rows)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_after_a_header_are_rows_or_a_reason(content: bytes) -> None:
    try:
        extract = read(TABLE, b"a,b\n" + content)
    except FileUnreadable as error:
        assert error.sentence
        return
    seen = sorted([*extract.lines, *(row.line for row in extract.malformed)])
    assert len(seen) == len(set(seen)) == extract.rows_in
    assert all(len(column) == len(extract.lines) for column in extract.columns)


simple = st.text(alphabet='ab 1"\n\r\x00é', max_size=4)


@given(st.lists(st.tuples(simple, simple), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_fast_way_reads_what_the_patient_way_reads(rows: list[tuple[str, str]], end: str, last: bool) -> None:
    text = end.join(["a,b", *(",".join(row) for row in rows)]) + (end if last else "")
    fast, patient = read_csv(TABLE, text, large=0), read_csv(TABLE, text, large=10**9)
    assert [column.to_pylist() for column in fast.columns] == [column.to_pylist() for column in patient.columns]
    assert list(fast.lines) == list(patient.lines)
    assert fast.malformed == patient.malformed


# --- values ---


@given(st.text(alphabet="0123456789.+-eE ,$()", max_size=14))
@settings(max_examples=500, deadline=None)
def test_a_decimal_is_exact_or_refused(text: str) -> None:
    result = coerce(Column("c", "c", "decimal", 9, 3), pa.array([text]), zone=None)
    value = result.values[0].as_py()
    if value is not None:
        assert value == Decimal(text.strip())
        return
    try:
        exact = Decimal(text.strip())
    except InvalidOperation:
        return
    assert exact * 1000 != (exact * 1000).to_integral_value() or abs(exact) >= 10**6


@given(st.dates(min_value=datetime(1970, 1, 1).date(), max_value=datetime(2099, 12, 31).date()))
@settings(max_examples=100, deadline=None)
def test_a_changed_date_format_is_always_noticed(day: object) -> None:
    text = f"{day:%d/%m/%Y}"
    change = changed_format("c", [text] * 3, ("iso",), timestamp=False)
    assert change is not None
    assert "%d/%m/%Y" in change.found


# --- versions ---

moves = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("xyz"), st.sampled_from(["F", "F", "F", "G"])), min_size=1, max_size=12
)


@given(moves, st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_versions_resolve_the_same_however_they_are_grouped(made: list[tuple[int, str, str]], size: int) -> None:
    start = datetime(2026, 1, 1)
    rows = [
        Incoming(("k",), (content,), (fixed,), (start + timedelta(days=day), seq, 2), seq)
        for seq, (day, content, fixed) in enumerate(made, start=1)
    ]

    def run(group: int) -> tuple[dict[int, str], set[int]]:
        kept: dict[int, Stored] = {}
        verdicts: dict[int, str] = {}
        for at in range(0, len(rows), group):
            part = rows[at : at + group]
            resolution = resolve(kept.values(), part)
            for ref in resolution.retired:
                kept[ref] = replace(kept[ref], current=False)
            for row in part:
                outcome = resolution.outcomes[row.ref]
                loaded = outcome in (Outcome.CURRENT, Outcome.SUPERSEDED)
                verdicts[row.ref] = "loaded" if loaded else outcome.value
                if loaded:
                    kept[row.ref] = Stored(
                        row.key, row.content, row.immutable, row.position, outcome is Outcome.CURRENT, row.ref
                    )
        return verdicts, {ref for ref, version in kept.items() if version.current}

    verdicts, current = run(1)
    assert run(size) == (verdicts, current)
    loaded = [row for row in rows if verdicts[row.ref] == "loaded"]
    newest = max(loaded, key=lambda row: row.position)
    assert current == {newest.ref}, "the newest loaded version is the only current one"


# --- whole ingestions ---

cells = {
    "order_no": st.sampled_from(["SO0001", "SO0002", "SO0003", "", "bad", '"SO0001"', '"SO0']),
    "line_no": st.sampled_from(["1", "1", "2", "x"]),
    "customer_no": st.sampled_from(["C1", "C1", "C1", "C2", ""]),
    "ordered_at": st.sampled_from(["2026-11-01 10:00:00", "2026-11-01 10:00:00", "2026-02-30 10:00", "\x00"]),
    "quantity": st.sampled_from(["5", "5", "6", "0", ""]),
    "unit_price": st.sampled_from(["1.5", "1.50", "1.23456"]),
    "promised_date": st.sampled_from(["2026-11-20", "2026-11-20", "20/11/2026", "2026-10-01"]),
    "status": st.sampled_from(["open", "open", "cancelled", "lost", "open,extra", "é"]),
}
lines = st.fixed_dictionaries(cells).map(lambda row: ",".join(row.values()))
order_files = st.lists(lines, max_size=8).map(lambda rows: "\n".join([ORDER_HEADER, *rows, ""]))
item_rows = st.tuples(st.sampled_from("ABC"), st.sampled_from("xy"), st.sampled_from(["1", "2", "-1", "z"]))
item_files = st.lists(item_rows.map(",".join), min_size=1, max_size=5).map(
    lambda rows: "\n".join(["item_no,name,standard_cost", *rows, ""])
)
folders = st.tuples(
    st.dictionaries(st.integers(1, 9).map(lambda day: f"erp/order_lines_2026-11-0{day}.csv"), order_files, max_size=4),
    st.dictionaries(st.integers(1, 9).map(lambda day: f"erp/items_2026-11-0{day}.csv"), item_files, max_size=3),
).map(lambda parts: parts[0] | parts[1])


def _worlds(folder: Path, names: Sequence[str]) -> list[World]:
    made = []
    for name in names:
        home = folder / name
        home.mkdir()
        engine = ops_database.open_engine(f"sqlite:///{home / 'ops.db'}")
        ops_database.metadata.create_all(engine, tables=_ledger_tables())
        made.append(World(home, engine))
    return made


def _ledger_tables() -> list[sa.Table]:
    names = ("landing_file", "ingestion_batch", "quarantine_row", "inbox_event")
    return [ops_database.metadata.tables[name] for name in names]


def test_no_row_is_lost_twice_is_once_and_chunks_do_not_matter(examples: int) -> None:
    @given(folders, st.integers(1, 6))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    def check(files: dict[str, str], chunk_rows: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            whole, parts = _worlds(Path(folder), ["whole", "parts"])
            for world in (whole, parts):
                for path, content in files.items():
                    world.land(path, content)
            report = whole.ingest()  # asserts rows in = loaded + quarantined, counted in the tables
            once = whole.state()
            assert whole.ingest().batches == ()
            assert whole.state() == once
            assert parts.ingest(chunk_rows=chunk_rows).rows_in == report.rows_in
            assert parts.state() == once
            keys = whole.rows(
                "select order_no, line_no from raw.erp__order_lines where _is_current group by all having count(*) > 1"
            )
            assert keys == []
            for world in (whole, parts):
                world.close()
                world.engine.dispose()

    check()


def test_one_file_a_time_ends_as_all_at_once(examples: int) -> None:
    @given(folders)
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    def check(files: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            together, single = _worlds(Path(folder), ["together", "single"])
            for path, content in files.items():
                together.land(path, content)
            together.ingest()
            single.ingest()
            for path in sorted(files):
                single.land(path, files[path])
                single.ingest()
            current = "select * exclude (_batch_seq, _loaded_at, _retired_seq) from raw.{} order by all"
            for table in ("erp__order_lines", "erp__items"):
                assert single.rows(current.format(table)) == together.rows(current.format(table))
            assert single.quarantined() == together.quarantined()
            for world in (together, single):
                world.close()
                world.engine.dispose()

    check()
