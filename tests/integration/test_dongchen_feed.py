"""The live feed continues the history's company, whatever the slices and however often it is killed."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ops_assets.dongchen import feed, writer
from ops_assets.dongchen.generate import generate

UNTIL = date(2026, 10, 29)
START = UNTIL - timedelta(days=99)
MIDNIGHT = datetime(2026, 10, 29, 16, 0, tzinfo=UTC)
"""00:00 of 30 October in Shanghai, the end of the history."""


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    feed._feed.cache_clear()
    yield
    feed._feed.cache_clear()


def emit(folder: Path, to: datetime, *, seed: int = 7, after: datetime = MIDNIGHT) -> list[Path]:
    return feed.emit_slice(
        folder, folder / ".feed.json", seed=seed, scale=0.05, start=START, from_instant=after, to_instant=to
    )


def rows(folder: Path, first: str) -> dict[str, Counter[str]]:
    """Lines of the CSV files named for ``first`` or a later day, by table."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for path in sorted(folder.glob("*/*.csv")):
        table, _, day = path.stem.rpartition("_")
        if day >= first:
            found[f"{path.parent.name}.{table}"].update(path.read_text().splitlines()[1:])
    return found


def test_feed_writes_what_a_longer_history_would_have_written(tmp_path: Path) -> None:
    later = UNTIL + timedelta(days=5)
    generate(tmp_path / "long", None, scale=0.05, days=105, until=later, faults="none")
    emit(tmp_path / "fed", MIDNIGHT + timedelta(days=5))
    longer, fed = rows(tmp_path / "long", "2026-10-30"), rows(tmp_path / "fed", "2026-10-30")
    assert set(fed) >= {"erp.sales_order_lines", "wms.stock_counts", "finance.payments", "mes.inspections", "erp.items"}
    anchored = ("PO", "GR", "MR", "MJ", "BK", "MP", "MS", "DN", "FR", "RB", "LE", "INV", "PAY", "SO")
    for table, lines in fed.items():
        assert not lines - longer[table], table
        for line in longer[table] - lines:
            # The dispute and the story hang on the last day of the history; their numbers end in 2600 and more.
            assert line.startswith(anchored), (table, line)
            assert "V000103" in line or "SUP-103" in line or "SKU00020901" in line or _reserved(line), line


def _reserved(line: str) -> bool:
    document = re.split("[,-]", line, maxsplit=1)[0]
    digits = document.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return int(digits[4:]) % 2700 >= 2600


def test_slices_add_up_to_the_day(tmp_path: Path) -> None:
    emit(tmp_path / "whole", MIDNIGHT + timedelta(days=2))
    at = MIDNIGHT
    for minutes in (1, 500, 37, 400, 501, 1, 600, 840):
        at += timedelta(minutes=minutes)
        emit(tmp_path / "slices", at)
        feed._feed.cache_clear()
    assert at == MIDNIGHT + timedelta(days=2)
    whole, slices = rows(tmp_path / "whole", "2026"), rows(tmp_path / "slices", "2026")
    assert slices.keys() == whole.keys()
    assert {table: lines for table, lines in slices.items() if table not in {"erp.order_changes", "npi.projects"}} == {
        table: lines for table, lines in whole.items() if table not in {"erp.order_changes", "npi.projects"}
    }


def test_sending_the_same_slice_again_writes_nothing(tmp_path: Path) -> None:
    to = MIDNIGHT + timedelta(hours=11)
    assert emit(tmp_path, to)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert emit(tmp_path, to) == []
    assert emit(tmp_path, to - timedelta(hours=5)) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_killed_feed_writes_the_same_files_after_it_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = MIDNIGHT + timedelta(hours=9), MIDNIGHT + timedelta(hours=34)
    for folder in ("killed", "steady"):
        emit(tmp_path / folder, first)
    emit(tmp_path / "steady", second)

    class Killed(BaseException):
        pass

    left = 12

    def write_and_die(path: Path, content: bytes, *, durable: bool) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        writer.write_file(path, content, durable=durable)

    monkeypatch.setattr(feed, "write_file", write_and_die)
    with pytest.raises(Killed):
        emit(tmp_path / "killed", second)
    monkeypatch.undo()
    feed._feed.cache_clear()
    # The clock went on while the feed was down: the interrupted slice is finished as it was meant, then the rest comes.
    third = second + timedelta(hours=3)
    emit(tmp_path / "killed", third)
    emit(tmp_path / "steady", third)

    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}

    assert files(tmp_path / "killed") == files(tmp_path / "steady")


def test_feed_has_no_late_minute_that_hides_behind_midnight(tmp_path: Path) -> None:
    emit(tmp_path, MIDNIGHT + timedelta(hours=23, minutes=59, seconds=30))
    emit(tmp_path, MIDNIGHT + timedelta(hours=24, minutes=1))
    counts = sorted(path.name for path in (tmp_path / "wms").glob("stock_counts*"))
    assert counts == ["stock_counts_2026-10-30T2358.csv"]


def test_counts_of_the_feed_have_as_many_rows_as_those_of_the_history(tmp_path: Path) -> None:
    generate(tmp_path / "landing", None, scale=0.05, days=100, until=UNTIL, faults="none")
    sample = {"seed": 7, "scale": 0.05, "days": 100, "until": UNTIL.isoformat()}
    assert feed.feed_until(tmp_path / "landing", MIDNIGHT - timedelta(hours=3), sample=sample) == 0
    assert feed.feed_until(tmp_path / "landing", MIDNIGHT + timedelta(days=3), sample=sample) > 20
    for table in ("wms/stock_counts", "erp/stock_balances", "finance/stock_ledger"):
        sizes = {len(path.read_text().splitlines()) for path in (tmp_path / "landing").glob(f"{table}_*.csv")}
        assert len(sizes) == 1, table


def test_disputed_item_stays_disputed_in_the_feed(tmp_path: Path) -> None:
    emit(tmp_path, MIDNIGHT + timedelta(days=1))

    def figures(pattern: str, code: str, quantity: str) -> dict[str, int]:
        (path,) = tmp_path.glob(pattern)
        totals: dict[str, int] = defaultdict(int)
        for row in csv.DictReader(path.read_text().splitlines()):
            totals[row[code]] += int(row[quantity])
        return totals

    wms = figures("wms/stock_counts_*", "sku", "on_hand_qty")
    erp = figures("erp/stock_balances_*", "item_no", "quantity")
    finance = figures("finance/stock_ledger_*", "item_ref", "quantity")
    differing = {sku for sku, held in wms.items() if len({held, erp[f"M-{sku[-5:]}"], finance[f"{sku[-5:]}.00"]}) > 1}
    assert differing == {"SKU00010006"}


def test_feed_refuses_the_state_of_another_company(tmp_path: Path) -> None:
    emit(tmp_path, MIDNIGHT + timedelta(hours=9))
    with pytest.raises(ValueError, match="another sample company"):
        emit(tmp_path, MIDNIGHT + timedelta(hours=10), seed=8)
    (tmp_path / ".feed.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        emit(tmp_path, MIDNIGHT + timedelta(hours=10))
    with pytest.raises(ValueError, match="no time zone"):
        emit(tmp_path / "other", datetime(2026, 10, 30, 9, 0))
