"""Landing files into raw tables: every verdict on rows and files, on both ops databases."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from ops_assets.ingestion import quarantine
from ops_assets.ingestion.landing_files import LandingFolderError, pending_files
from ops_assets.ingestion.landing_schema import LandingSchema
from ops_assets.ingestion.ledger_writes import LedgerMismatch
from ops_assets.ingestion.raw_tables import SchemaChangeRefused
from ops_assets.ingestion.source_check import check_sources, list_sources
from tests.packs.ingestion_world import ORDER_HEADER, SHANGHAI, World, order_line


@pytest.fixture
def world(tmp_path: Path, ops_engine: sa.Engine) -> Iterator[World]:
    made = World(tmp_path, ops_engine)
    yield made
    made.close()


def test_rows_are_loaded_with_their_types_file_and_line(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line("SO0002", unit_price=".0000", status="cancelled")])
    report = world.ingest()
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (2, 2, 0)
    found = world.rows(
        "select order_no, ordered_at, unit_price::varchar, promised_date, _batch_id, _batch_seq, _row_no, _loaded_at, "
        "_is_current from raw.erp__order_lines order by 1"
    )
    batch = report.batches[0]
    assert found[0] == (
        "SO0001", datetime(2026, 11, 2, 10), "12.5000", date(2026, 11, 20), batch.batch_id, 1, 2,
        datetime(2026, 11, 16, 1, 30), True,
    )  # fmt: skip
    assert found[1][6] == 3
    assert world.files() == {"erp/order_lines_2026-11-02.csv": ("loaded", None)}


def test_all_declared_tables_exist_before_any_file_came(world: World) -> None:
    assert world.ingest().batches == ()
    tables = {name for (name,) in world.rows("select table_name from duckdb_tables() where schema_name = 'raw'")}
    expected = {"erp__order_lines", "erp__items", "erp__stock", "erp__runs", "erp__results"}
    assert tables == expected | {"loaded_batch"}


def test_every_rule_sends_its_row_to_quarantine_with_place_rule_and_value(world: World) -> None:
    world.land_orders(
        "2026-11-02",
        [
            order_line(),
            order_line("", 2),
            order_line("SO0003", "x"),
            order_line("SO0004", 0),
            order_line("SO5"),
            order_line("SO0006", quantity=2000),
            order_line("SO0007", unit_price="1.23456"),
            order_line("SO0008", promised_date="2026-02-30"),
            order_line("SO0009", promised_date="2026-10-01"),
            order_line("SO0010", status="lost"),
            order_line("SO0011") + ",more",
            order_line("SO0012", quantity="x", status="lost"),
        ],
    )
    report = world.ingest()
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (12, 1, 11)
    assert [(line, rule) for _, line, rule, _ in world.quarantined()] == [
        (3, "not_null"), (4, "valid_integer"), (5, "min"), (6, "pattern"), (7, "max"), (8, "valid_decimal"),
        (9, "valid_date"), (10, "promised_after_ordered"), (11, "one_of"), (12, "column_count"), (13, "valid_integer"),
    ]  # fmt: skip
    by_line = {row.line: row for row in quarantine.list_rows(world.engine)}
    assert (by_line[9].column, by_line[9].value) == ("promised_date", "2026-02-30")
    assert "2026-02-30" in by_line[9].message
    assert by_line[12].raw_text is not None and by_line[12].raw_text.endswith(",more")
    assert [failure["rule"] for failure in by_line[13].failures] == ["valid_integer", "one_of"]
    assert by_line[13].row is not None and by_line[13].row["quantity"] == "x"


def test_repeats_are_repaired_corrections_loaded_and_reused_ids_refused(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line(), order_line("SO0002")])
    world.land_orders(
        "2026-11-03", [order_line("SO0002"), order_line(quantity=7), order_line("SO0002", customer_no="C9")]
    )
    report = world.ingest()
    assert (report.rows_loaded, report.rows_repaired, report.rows_quarantined) == (3, 2, 3)
    assert world.orders() == [("SO0001", 1, 7, "open"), ("SO0002", 1, 5, "open")]
    assert world.rows("select quantity from raw.erp__order_lines where not _is_current") == [(5,)]
    assert world.quarantined() == [
        ("erp/order_lines_2026-11-02.csv", 3, "duplicate_row", "repaired"),
        ("erp/order_lines_2026-11-03.csv", 2, "duplicate_row", "repaired"),
        ("erp/order_lines_2026-11-03.csv", 4, "id_reused", "open"),
    ]


def test_the_same_verdicts_when_files_come_one_by_one(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line(), order_line("SO0002")])
    world.ingest()
    world.land_orders(
        "2026-11-03", [order_line("SO0002"), order_line(quantity=7), order_line("SO0002", customer_no="C9")]
    )
    world.ingest()
    assert world.orders() == [("SO0001", 1, 7, "open"), ("SO0002", 1, 5, "open")]
    assert [rule for _, _, rule, _ in world.quarantined()] == ["duplicate_row", "duplicate_row", "id_reused"]


def test_a_late_file_is_said_and_replaces_nothing_newer(world: World) -> None:
    world.land_orders("2026-11-09", [order_line(status="cancelled")])
    world.ingest()
    world.land_orders("2026-11-02", [order_line(), order_line("SO0002")])
    report = world.ingest()
    assert [(late.path, late.days) for late in report.late] == [("erp/order_lines_2026-11-02.csv", 7)]
    assert report.batches[0].rows_superseded == 1
    assert world.orders() == [("SO0001", 1, 5, "cancelled"), ("SO0002", 1, 5, "open")]


def test_the_arrivals_manifest_sets_order_and_lateness(world: World) -> None:
    world.land_orders("2026-11-02", [order_line()])
    world.land_orders("2026-11-03", [order_line("SO0002")])
    world.land("_arrivals.jsonl", '{"file": "erp/order_lines_2026-11-02.csv", "arrived_on": "2026-11-08"}\n')
    report = world.ingest()
    assert [batch.source_ref[-14:-4] for batch in report.batches] == ["2026-11-03", "2026-11-02"]
    assert [(late.path[-14:-4], late.days) for late in report.late] == [("2026-11-02", 6)]
    world.land("_arrivals.jsonl", "\nnonsense\n")
    with pytest.raises(LandingFolderError, match=r"_arrivals\.jsonl:2"):
        world.ingest()


def test_whole_files_are_set_aside_with_reason_and_sentence(world: World) -> None:
    world.land_orders("2026-11-02", [order_line()])
    world.land_orders("2026-11-02 copy", [order_line()])
    world.land_orders("2026-11-03", [order_line("SO0003", promised_date="20/11/2026")])
    world.land("erp/order_lines_2026-11-04.csv", bytes(range(256)) * 10)
    world.land("erp/order_lines_2026-11-05.csv", "order_no,line\nSO0001,1\n")
    world.land("erp/stock_2026-11-01.csv", "as_of_date,item_no,quantity\n2026-11-01,A,1\n2026-11-01,B,2\n")
    world.land("erp/stock_2026-11-02.csv", "as_of_date,item_no,quantity\n2026-11-02,A,1\n")
    world.land("erp/stock_2026-11-03.csv", "as_of_date,item_no,quantity\n2026-11-03,A,3\n2026-11-03,B,4\n")
    report = world.ingest()
    assert {file.path: file.reason for file in report.set_aside} == {
        "erp/order_lines_2026-11-02 copy.csv": "duplicate_export",
        "erp/order_lines_2026-11-03.csv": "date_format_changed",
        "erp/order_lines_2026-11-04.csv": "unparseable",
        "erp/order_lines_2026-11-05.csv": "columns_changed",
        "erp/stock_2026-11-02.csv": "shorter_export",
    }
    sentences = {file.path[-14:-4]: file.sentence for file in report.set_aside}
    assert "'%d/%m/%Y'" in sentences["2026-11-03"] and "promised_date" in sentences["2026-11-03"]
    assert [batch.table for batch in report.batches] == ["erp__order_lines", "erp__stock", "erp__stock"]
    assert world.quarantined() == []
    assert world.ingest() == replace(report, batches=(), set_aside=())


def test_sending_everything_twice_changes_nothing(world: World) -> None:
    file = world.land_orders("2026-11-02", [order_line(), order_line("bad")])
    world.land("erp/items_2026-11-01.csv", "item_no,name,standard_cost\nA,a,1\n")
    world.ingest()
    before = world.state()
    os.utime(file, ns=(1, 1))
    assert world.ingest().batches == ()
    assert world.state() == before
    assert pending_files(world.engine, world.schema, world.landing, clock=world.clock, zone=SHANGHAI) == []


def test_a_file_mended_in_place_is_taken_in_again(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(promised_date="20/11/2026")])
    assert world.ingest().set_aside[0].reason == "date_format_changed"
    world.land_orders("2026-11-02", [order_line()])
    assert world.ingest().rows_loaded == 1
    assert world.files() == {"erp/order_lines_2026-11-02.csv": ("loaded", None)}


def test_a_file_set_aside_is_taken_in_after_its_schema_was_changed(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(promised_date="20/11/2026")])
    world.ingest()
    table = world.schema.by_identifier("erp__order_lines")
    assert table is not None
    columns = tuple(replace(c, formats=("%d/%m/%Y",)) if c.name == "promised_date" else c for c in table.columns)
    world.schema = LandingSchema((replace(table, columns=columns),))
    assert world.ingest().rows_loaded == 1
    assert world.rows("select promised_date from raw.erp__order_lines") == [(date(2026, 11, 20),)]


def test_a_released_file_passes_the_guard(world: World) -> None:
    world.land("erp/stock_2026-11-01.csv", "as_of_date,item_no,quantity\n2026-11-01,A,1\n2026-11-01,B,2\n")
    world.land("erp/stock_2026-11-02.csv", "as_of_date,item_no,quantity\n2026-11-02,A,1\n")
    world.ingest()
    (aside,) = quarantine.list_set_aside(world.engine)
    quarantine.release_file(world.engine, aside["id"], reason="Item B is gone.", by="li.wei", clock=world.clock)
    assert world.ingest().rows_loaded == 1
    assert quarantine.list_set_aside(world.engine) == []
    # The warehouse is lost and loaded again: what a person decided about the file still holds.
    world.warehouse.close()
    (world.home / "warehouse.duckdb").unlink()
    world.warehouse = duckdb.connect(str(world.home / "warehouse.duckdb"))
    assert world.ingest().rows_loaded == 3
    assert quarantine.list_set_aside(world.engine) == []


def test_a_snapshot_replaces_all_rows_and_keeps_the_last_good_version_of_a_bad_one(world: World) -> None:
    header = "item_no,name,standard_cost\n"
    world.land("erp/items_2026-10-01.csv", header + "A,a,1\nB,b,2\nC,c,3\n")
    world.land("erp/items_2026-11-01.csv", header + "A,a2,1\nC,c,-3\nA,a2,1\nA,other,1\n")
    report = world.ingest()
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (7, 4, 3)
    current = "select item_no, name from raw.erp__items where _is_current order by 1"
    assert world.rows(current) == [("A", "a2"), ("C", "c")]
    assert [(line, rule) for _, line, rule, _ in world.quarantined()] == [
        (3, "min"), (4, "duplicate_row"), (5, "key_repeated"),
    ]  # fmt: skip
    world.land("erp/items_2026-09-01.csv", header + "Z,old,1\n")
    assert world.ingest().rows_loaded == 1
    assert world.rows(current) == [("A", "a2"), ("C", "c")], "an older snapshot that comes late changes nothing"
    world.land("erp/items_2026-11-10.csv", header)
    assert [file.reason for file in world.ingest().set_aside] == ["shorter_export"]


def test_equal_snapshots_of_two_days_are_both_loaded(world: World) -> None:
    for day in ("2026-10-01", "2026-11-01"):
        world.land(f"erp/items_{day}.csv", "item_no,name,standard_cost\nA,a,1\n")
    report = world.ingest()
    assert (len(report.batches), report.set_aside, report.rows_quarantined) == (2, (), 0)
    assert world.rows("select count(*) from raw.erp__items where _is_current") == [(1,)]


def test_json_lines_and_parquet_are_loaded(world: World) -> None:
    runs = [{"run_id": "R1", "machine_time": "2026-11-02T10:00:00", "minutes": 1.125, "good": True}, {"run_id": None}]
    world.land("erp/runs_2026-11-02.jsonl", "\n".join(json.dumps(run) for run in runs))
    table = pa.table(
        {
            "result_id": [1, 2],
            "sampled_at": pa.array([datetime(2026, 11, 2, 2, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
            "sampled_on": pa.array([date(2026, 11, 2)] * 2),
            "value": [0.1, float("nan")],
            "passed": [True, None],
        }
    )
    (world.landing / "erp").mkdir(exist_ok=True)
    pq.write_table(table, world.landing / "erp" / "results_2026-11-02.parquet")
    report = world.ingest()
    assert (report.rows_in, report.rows_loaded) == (4, 3)
    assert world.rows("select run_id, minutes::varchar, good from raw.erp__runs") == [("R1", "1.125", True)]
    assert world.rows("select sampled_at, sampled_on, value, passed from raw.erp__results order by result_id") == [
        (datetime(2026, 11, 2, 10), date(2026, 11, 2), 0.1, True),
        (datetime(2026, 11, 2, 10), date(2026, 11, 2), None, None),
    ]


def test_a_landing_folder_may_be_read_only_and_unfinished_files_are_passed_over(world: World) -> None:
    world.land_orders("2026-11-02", [order_line()])
    for name in (".hidden.csv", "order_lines_2026-11-03.csv.tmp", "order_lines_2026-11-03.csv.part"):
        world.land(f"erp/{name}", "rubbish")
    world.land("notes.txt", "hello")
    before = {path: path.stat().st_mtime_ns for path in world.landing.rglob("*")}
    for folder in (world.landing / "erp", world.landing):
        folder.chmod(0o555)
    try:
        report = world.ingest()
    finally:
        for folder in (world.landing, world.landing / "erp"):
            folder.chmod(0o755)
    assert report.rows_loaded == 1
    assert report.unclaimed == ("notes.txt",)
    assert {path: path.stat().st_mtime_ns for path in world.landing.rglob("*")} == before


def test_a_missing_landing_folder_gets_a_sentence(world: World) -> None:
    world.landing.rmdir()
    with pytest.raises(LandingFolderError, match="does not exist"):
        world.ingest()


def test_new_columns_are_added_and_other_changes_refused(world: World) -> None:
    world.land_orders("2026-11-02", [order_line()])
    world.ingest()
    table = world.schema.by_identifier("erp__order_lines")
    assert table is not None
    extra = replace(table.columns[-1], name="remark", source_name="remark", one_of=())
    world.schema = LandingSchema((replace(table, columns=(*table.columns, extra)),))
    world.land("erp/order_lines_2026-11-03.csv", f"{ORDER_HEADER},remark\n{order_line('SO0002')},urgent\n")
    world.ingest()
    assert world.rows("select order_no, remark from raw.erp__order_lines order by 1") == [
        ("SO0001", None), ("SO0002", "urgent"),
    ]  # fmt: skip
    retyped = tuple(replace(c, data_type="bigint") if c.name == "quantity" else c for c in table.columns)
    world.schema = LandingSchema((replace(table, columns=(*retyped, extra)),))
    with pytest.raises(SchemaChangeRefused, match=r"'quantity'.*BIGINT.*INTEGER"):
        world.ingest()
    world.schema = LandingSchema((table,))
    with pytest.raises(SchemaChangeRefused, match="'remark', no longer declared"):
        world.ingest()


def test_a_new_warehouse_file_is_filled_again_and_decisions_are_kept(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line("bad"), order_line("worse")])
    world.ingest()
    first, second = quarantine.list_rows(world.engine)
    quarantine.discard(world.engine, first.id, reason="A test order.", by="li.wei", clock=world.clock)
    quarantine.retry(world.engine, second.id, by="li.wei", clock=world.clock, edits={"order_no": "SO0002"})
    world.ingest()
    before = world.orders()
    assert len(before) == 2
    world.close()
    (world.home / "warehouse.duckdb").unlink()
    rebuilt = World(world.home, world.engine, world.clock, world.schema)
    rebuilt.ingest()
    assert rebuilt.orders() == before
    assert [status for *_, status in rebuilt.quarantined()] == ["discarded", "retried"]
    world.warehouse = rebuilt.warehouse


def test_a_foreign_warehouse_and_lost_files_are_refused(world: World, tmp_path: Path) -> None:
    file = world.land_orders("2026-11-02", [order_line()])
    world.ingest()
    world.warehouse.execute("delete from raw.loaded_batch")
    file.rename(tmp_path / "elsewhere.csv")
    with pytest.raises(LedgerMismatch, match="gone from"):
        world.ingest()
    world.warehouse.execute(
        "insert into raw.loaded_batch values ('f-other', 9, 1, 'erp__order_lines', 'file', now(), now())"
    )
    with pytest.raises(LedgerMismatch, match="does not know"):
        world.ingest()


def test_sources_check_says_what_would_happen_and_writes_nothing(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line("bad")])
    world.land_orders("2026-11-03", [order_line(promised_date="20/11/2026")])
    report = check_sources(
        engine=world.engine, schema=world.schema, landing_dir=world.landing, clock=world.clock, zone=SHANGHAI
    )
    check = next(check for check in report.tables if check.table == "order_lines")
    assert (check.files, check.rows, dict(check.would_quarantine)) == (2, 2, {"pattern": 1})
    assert [reason for _, reason, _ in check.would_set_aside] == ["date_format_changed"]
    assert check.examples[0].startswith("erp/order_lines_2026-11-02.csv:3: order_no: 'bad'")
    assert not report.clean
    assert (world.files(), world.quarantined()) == ({}, [])
    world.ingest()
    listed = next(check for check in list_sources(world.engine, world.schema) if check.table == "order_lines")
    assert (listed.loaded_files, listed.loaded_rows, listed.set_aside_files) == (1, 1, 1)


def test_pending_files_are_listed_in_order_with_the_batch_they_become(world: World) -> None:
    world.land_orders("2026-11-03", [order_line("SO0002")])
    world.land_orders("2026-11-02", [order_line()])
    pending = pending_files(world.engine, world.schema, world.landing, clock=world.clock, zone=SHANGHAI)
    assert [file.file_date for file in pending] == [date(2026, 11, 2), date(2026, 11, 3)]
    assert [batch.batch_id for batch in world.ingest().batches] == [file.batch_id for file in pending]


def test_progress_is_told(world: World) -> None:
    seen: list[tuple[str, int, int]] = []
    for day in (2, 3, 4):
        world.land_orders(f"2026-11-0{day}", [order_line(f"SO000{day}")])
    world.ingest(chunk_rows=1, progress=lambda what, done, of: seen.append((what, done, of)))
    assert seen == [("erp__order_lines", at, 3) for at in (0, 1, 2)] + [("events", 3, 3)]


def test_a_day_file_of_today_gives_way_to_a_later_file_of_the_same_day(world: World) -> None:
    world.land_orders("2026-11-16", [order_line()])
    world.ingest()
    world.clock.advance(timedelta(hours=1))
    world.land_orders("2026-11-16T1015", [order_line(status="cancelled")])
    world.ingest()
    assert world.orders() == [("SO0001", 1, 5, "cancelled")]
