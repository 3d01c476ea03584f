"""Retries, discards and events, on both ops databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ops_assets.ingestion import inbox, quarantine
from ops_assets.ingestion.inbox import Accepted, EventConflict, EventRejected
from ops_assets.ingestion.landing_schema import LandingSchema
from ops_assets.ingestion.ledger import inbox_event
from ops_assets.ingestion.quarantine import QuarantineError
from tests.packs.ingestion_world import World, order_line


@pytest.fixture
def world(tmp_path: Path, ops_engine: sa.Engine) -> Iterator[World]:
    made = World(tmp_path, ops_engine)
    yield made
    made.close()


def event(event_id: str, **row: object) -> dict[str, object]:
    content = {
        "order_no": "SO0001", "line_no": 1, "customer_no": "C1", "ordered_at": "2026-11-16T09:00:00+08:00",
        "quantity": 5, "unit_price": 12.5, "promised_date": "2026-11-20", "status": "open",
    }  # fmt: skip
    return {"event_id": event_id, "table": "order_lines", "row": content | row}


def waiting_events(world: World) -> int:
    with world.engine.connect() as connection:
        waiting = sa.select(sa.func.count()).where(inbox_event.c.batch_id.is_(None))
        return connection.execute(waiting).scalar_one()


def test_an_edited_row_is_loaded_by_the_next_ingestion(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(), order_line("SO0002", quantity=0)])
    world.ingest()
    (row,) = quarantine.list_rows(world.engine)
    assert (
        quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock, edits={"quantity": 3}).status == "open"
    )
    report = world.ingest()
    assert (report.retried, report.retry_failed, report.rows_loaded) == (1, 0, 1)
    assert world.orders() == [("SO0001", 1, 5, "open"), ("SO0002", 1, 3, "open")]
    done = quarantine.show(world.engine, row.id)
    assert (done.status, done.resolved_by, done.attempts) == ("retried", "li.wei", 1)
    assert done.row is not None and done.row["quantity"] == "0", "the row as it came is kept"
    assert world.ingest().batches == ()


def test_a_retry_that_fails_again_stays_open_with_its_new_reason(world: World) -> None:
    world.land_orders("2026-11-02", [order_line("SO0002", quantity=0)])
    world.ingest()
    (row,) = quarantine.list_rows(world.engine)
    quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock, edits={"quantity": 3, "status": "lost"})
    assert world.ingest().retry_failed == 1
    still = quarantine.show(world.engine, row.id)
    assert (still.status, still.rule, still.attempts, still.retry_requested_at) == ("open", "one_of", 1, None)


def test_a_row_is_retried_unchanged_after_a_schema_change(world: World) -> None:
    world.land_orders("2026-11-02", [order_line("SO0002", quantity=0)])
    world.ingest()
    (row,) = quarantine.list_rows(world.engine)
    table = world.schema.by_identifier("erp__order_lines")
    assert table is not None
    columns = tuple(replace(c, minimum=None) if c.name == "quantity" else c for c in table.columns)
    world.schema = LandingSchema((replace(table, columns=columns),))
    quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock)
    assert world.ingest().retried == 1


def test_a_retried_row_never_replaces_a_newer_version_and_may_prove_a_repeat(world: World) -> None:
    world.land_orders("2026-11-02", [order_line(quantity=0), order_line("SO0002", quantity=0)])
    world.land_orders("2026-11-03", [order_line(quantity=8), order_line("SO0002")])
    world.ingest()
    for row, quantity in zip(quarantine.list_rows(world.engine), (4, 5), strict=True):
        quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock, edits={"quantity": quantity})
    report = world.ingest()
    assert (report.retried, report.batches[0].rows_superseded) == (1, 1)
    assert world.orders() == [("SO0001", 1, 8, "open"), ("SO0002", 1, 5, "open")]
    assert [status for *_, status in world.quarantined()] == ["retried", "repaired"]


def test_a_row_that_could_not_be_split_needs_all_its_values(world: World) -> None:
    world.land_orders("2026-11-02", ["SO0001,1"])
    world.ingest()
    (row,) = quarantine.list_rows(world.engine)
    with pytest.raises(QuarantineError, match="could not be split"):
        quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock)
    values = event("x")["row"]
    assert isinstance(values, dict)
    quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock, edits=values)
    assert world.ingest().retried == 1


def test_decisions_are_refused_where_they_make_no_sense(world: World) -> None:
    world.land_orders("2026-11-02", [order_line("SO0002", quantity=0)])
    world.ingest()
    (row,) = quarantine.list_rows(world.engine)
    with pytest.raises(QuarantineError, match="no column 'colour'"):
        quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock, edits={"colour": "red"})
    with pytest.raises(QuarantineError, match="Say why"):
        quarantine.discard(world.engine, row.id, reason=" ", by="li.wei", clock=world.clock)
    with pytest.raises(QuarantineError, match="no row 'nothing'"):
        quarantine.show(world.engine, "nothing")
    gone = quarantine.discard(world.engine, row.id, reason="A test order.", by="li.wei", clock=world.clock)
    assert (gone.status, gone.resolution, gone.resolved_by) == ("discarded", "A test order.", "li.wei")
    with pytest.raises(QuarantineError, match="discarded already"):
        quarantine.retry(world.engine, row.id, by="li.wei", clock=world.clock)
    with pytest.raises(QuarantineError, match="no file 7"):
        quarantine.release_file(world.engine, 7, reason="x", by="li.wei", clock=world.clock)
    assert quarantine.counts(world.engine) == {("erp__order_lines", "min", "discarded"): 1}


def test_events_are_unique_by_id_and_loaded_as_batches(world: World) -> None:
    posted = [event("e1"), event("e2", order_no="SO0002"), event("e1")]
    assert inbox.accept(world.engine, "erp", posted, world.clock) == Accepted(2, 1)
    assert inbox.accept(world.engine, "erp", posted, world.clock) == Accepted(0, 3)
    assert waiting_events(world) == 2
    report = world.ingest()
    assert (len(report.batches), report.rows_loaded, report.rows_quarantined) == (1, 2, 0)
    assert world.orders() == [("SO0001", 1, 5, "open"), ("SO0002", 1, 5, "open")]
    assert waiting_events(world) == 0
    assert world.ingest().batches == ()


def test_an_event_id_with_other_content_is_refused_with_the_whole_request(world: World) -> None:
    inbox.accept(world.engine, "erp", [event("e1")], world.clock)
    with pytest.raises(EventConflict, match="'e1' was accepted before") as error:
        inbox.accept(world.engine, "erp", [event("e2"), event("e1", quantity=9)], world.clock)
    assert error.value.index == 1
    assert waiting_events(world) == 1
    with pytest.raises(EventConflict):
        inbox.accept(world.engine, "erp", [event("e3"), event("e3", quantity=9)], world.clock)
    assert inbox.accept(world.engine, "wms", [event("e1", quantity=9)], world.clock).accepted == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 201}, "event_id"),
        ({"table": "items2"}, "table"),
        ({"row": []}, "row"),
    ],
)
def test_malformed_events_are_refused(world: World, wrong: dict[str, object], code: str) -> None:
    with pytest.raises(EventRejected) as error:
        inbox.accept(world.engine, "erp", [event("e1"), event("e2") | wrong], world.clock, tables=["order_lines"])
    assert (error.value.code, error.value.index) == (code, 1)
    assert waiting_events(world) == 0


def test_bad_events_and_unknown_tables_end_in_quarantine(world: World) -> None:
    inbox.accept(world.engine, "erp", [event("e1", quantity=0), event("e2", colour="red")], world.clock)
    inbox.accept(world.engine, "lims", [{"event_id": "l1", "table": "tests", "row": {"a": 1}}], world.clock)
    report = world.ingest()
    assert (report.rows_in, report.rows_loaded, report.rows_quarantined) == (3, 0, 3)
    assert [(source, rule) for source, _, rule, _ in world.quarantined()] == [
        ("event e1", "min"), ("event e2", "unknown_field"), ("event l1", "unknown_table"),
    ]  # fmt: skip


def test_an_event_corrects_a_file_and_a_snapshot_takes_events_until_the_next_one(world: World) -> None:
    header = "item_no,name,standard_cost\n"
    world.land("erp/items_2026-11-01.csv", header + "A,a,1\nB,b,2\n")
    world.ingest()
    row = {"item_no": "A", "name": "new", "standard_cost": "3.00"}
    inbox.accept(world.engine, "erp", [{"event_id": "i1", "table": "items", "row": row}], world.clock)
    world.ingest()
    current = "select item_no, name from raw.erp__items where _is_current order by 1"
    assert world.rows(current) == [("A", "new"), ("B", "b")]
    world.land("erp/items_2026-11-10.csv", header + "A,a,1\n")
    world.ingest()
    assert world.rows(current) == [("A", "new")], "a snapshot taken before the event does not undo it"
    world.clock.advance(timedelta(days=20))
    world.land("erp/items_2026-12-01.csv", header + "A,a,1\n")
    world.ingest()
    assert world.rows(current) == [("A", "a")]
