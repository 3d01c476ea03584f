"""Versions of a key, guards over whole files, and the day and time that a file stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ops_assets.ingestion.guards import History, LoadedFile, late_days, refuse
from ops_assets.ingestion.landing_files import PendingFile, dated
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.versions import Incoming, Outcome, Position, Stored, resolve, resolve_within_file

NOON = datetime(2026, 11, 2, 12)
TABLE = LandingTable("s", "t", "s__t", (), "csv", "events", ("k",), ())


def at(days: int, seq: int = 1, line: int = 2) -> Position:
    return NOON + timedelta(days=days), seq, line


def stored(content: str, position: Position, *, current: bool = True, fixed: str = "F") -> Stored:
    return Stored(("k",), (content,), (fixed,), position, current, ("stored", content))


def row(content: str, position: Position, *, fixed: str = "F", ref: str = "") -> Incoming:
    return Incoming(("k",), (content,), (fixed,), position, ref or content)


def test_a_correction_replaces_the_older_version() -> None:
    result = resolve([stored("a", at(0))], [row("b", at(1, 2))])
    assert result.outcomes == {"b": Outcome.CURRENT}
    assert result.retired == (("stored", "a"),)


def test_a_late_version_is_history_and_replaces_nothing() -> None:
    result = resolve([stored("b", at(5))], [row("a", at(0, 2))])
    assert result.outcomes == {"a": Outcome.SUPERSEDED}
    assert result.retired == ()


def test_a_verbatim_repeat_is_a_duplicate_even_of_an_older_version_that_comes_late() -> None:
    known = [stored("a", at(0), current=False), stored("b", at(2))]
    assert resolve(known, [row("b", at(3, 2))]).outcomes == {"b": Outcome.DUPLICATE}
    assert resolve(known, [row("a", at(1, 2))]).outcomes == {"a": Outcome.DUPLICATE}


def test_a_correction_back_to_an_earlier_content_is_current_again() -> None:
    known = [stored("a", at(0), current=False), stored("b", at(2))]
    result = resolve(known, [row("a", at(3, 2))])
    assert result.outcomes == {"a": Outcome.CURRENT}
    assert result.retired == (("stored", "b"),)


def test_a_changed_immutable_value_is_a_reused_id() -> None:
    assert resolve([stored("a", at(0))], [row("b", at(1), fixed="G")]).outcomes == {"b": Outcome.ID_REUSED}


def test_rows_of_one_run_correct_each_other_in_order() -> None:
    result = resolve([], [row("a", at(0)), row("b", at(0, 1, 3)), row("b", at(0, 1, 4), ref="again")])
    assert result.outcomes == {"a": Outcome.SUPERSEDED, "b": Outcome.CURRENT, "again": Outcome.DUPLICATE}


def test_a_row_older_than_the_newest_snapshot_is_not_current() -> None:
    assert resolve([], [row("a", at(0))], floor=NOON + timedelta(days=1)).outcomes == {"a": Outcome.SUPERSEDED}


def test_inside_a_snapshot_the_first_row_of_a_key_stands() -> None:
    rows = [(1, ("k",), ("a",)), (2, ("k",), ("a",)), (3, ("k",), ("b",)), (4, ("l",), ("a",))]
    assert resolve_within_file(rows) == {2: Outcome.DUPLICATE, 3: Outcome.KEY_REPEATED}


def file(path: str, day: int, *, sha: str = "x", version: int = 1, arrived: int | None = None) -> PendingFile:
    file_date = date(2026, 11, day)
    return PendingFile(
        TABLE, path, Path(path), 1, 1, sha, version, file_date, date(2026, 11, arrived or day),
        datetime(2026, 11, day, 15, tzinfo=UTC),
    )  # fmt: skip


def history(*files: tuple[str, int, int, str]) -> History:
    known = History()
    for path, day, rows, sha in files:
        known.add(LoadedFile(path, 1, sha, rows, date(2026, 11, day), datetime(2026, 11, day, 15, tzinfo=UTC)))
    return known


@pytest.mark.parametrize(
    ("full", "day", "rows", "reason"),
    [(True, 3, 9, "shorter_export"), (True, 3, 10, None), (True, 1, 9, None), (False, 3, 9, None)],
)
def test_a_full_export_may_not_get_shorter(full: bool, day: int, rows: int, reason: str | None) -> None:
    verdict = refuse(replace(TABLE, full_export=full), file("b", day), rows, history(("a", 2, 10, "y")))
    assert (verdict and verdict[0]) == reason


def test_an_export_of_the_same_name_may_not_get_shorter() -> None:
    verdict = refuse(TABLE, file("a", 2, version=2), 9, history(("a", 2, 10, "y")))
    assert verdict is not None and verdict[0] == "shorter_export"


def test_the_same_bytes_under_another_name_are_a_duplicate_export() -> None:
    known = history(("a", 2, 10, "x"))
    assert (refuse(TABLE, file("b", 3), 10, known) or ("",))[0] == "duplicate_export"
    assert refuse(TABLE, replace(file("b", 3), released=True), 10, known) is None
    snapshot = replace(TABLE, kind="snapshot")
    assert refuse(snapshot, file("b", 3), 10, known) is None, "nothing changed between two days"
    assert (refuse(snapshot, file("b", 2), 10, known) or ("",))[0] == "duplicate_export"


def test_late_is_said_by_arrival_and_by_what_came_before() -> None:
    expected = replace(TABLE, expected_within_days=2)
    assert late_days(expected, file("a", 2, arrived=4), history()) is None
    assert late_days(expected, file("a", 2, arrived=5), history()) == 3
    assert late_days(expected, file("a", 2), history(("b", 9, 1, "y"))) == 7
    assert late_days(TABLE, file("a", 2, arrived=9), history()) is None


@pytest.mark.parametrize(
    ("name", "day", "instant"),
    [
        ("erp/x_2026-11-02.csv", date(2026, 11, 2), datetime(2026, 11, 2, 15, 59, 59, 999999, tzinfo=UTC)),
        ("erp/x_2026-11-02T0930.csv", date(2026, 11, 2), datetime(2026, 11, 2, 1, 30, tzinfo=UTC)),
        ("erp/x_2026-11-16.csv", date(2026, 11, 16), datetime(2026, 11, 16, 1, 30, tzinfo=UTC)),
        ("erp/x.csv", None, datetime(2026, 11, 16, 1, 30, tzinfo=UTC)),
        ("erp/x_2026-13-45.csv", None, datetime(2026, 11, 16, 1, 30, tzinfo=UTC)),
        ("2026-11-02/x.csv", None, datetime(2026, 11, 16, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_file_stands_for_the_day_and_time_in_its_name(name: str, day: date | None, instant: datetime) -> None:
    now = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
    assert dated(name, now, ZoneInfo("Asia/Shanghai")) == (day, instant)
