"""The store of published snapshots: pointer, listing, pruning, and what a reader may do with an open snapshot."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from resources.durable_files import write_json_atomically
from resources.serving import SnapshotInfo, SnapshotStore, UnknownSnapshotError

MIDNIGHT = datetime(2026, 11, 16, tzinfo=UTC)


def _commit(store: SnapshotStore, sequence: int, at: datetime = MIDNIGHT) -> str:
    info = SnapshotInfo(f"snap-{sequence}", sequence, at, date(2026, 11, 15), "p", sequence, ("m",), "i")
    store.root.mkdir(parents=True, exist_ok=True)
    built = store.root / "built.duckdb"
    with duckdb.connect(str(built)) as db:
        db.execute(f"create table t as select {sequence} as n")
    store.commit(info, built, [f"m/{sequence}.parquet"])
    part = store.parts_dir / "m" / f"{sequence}.parquet"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"x")
    return info.id


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "serving")


def test_an_empty_store_has_nothing_current(store: SnapshotStore) -> None:
    assert (store.current(), store.list(), store.pointer()) == (None, [], None)
    with pytest.raises(UnknownSnapshotError, match="Nothing was published yet"):
        store.rollback(None, "x")
    with pytest.raises(UnknownSnapshotError, match="Nothing was published yet"):
        store.resume()


def test_what_is_committed_is_listed_newest_first_and_read_when_switched(store: SnapshotStore) -> None:
    first, second = _commit(store, 1), _commit(store, 2)
    assert [info.id for info in store.list()] == [second, first]
    assert store.current() is None, "a commit switches nothing"
    store.switch(first)
    current = store.current()
    assert current is not None
    assert current.rows("select n from t") == [{"n": 1}]
    assert store.current() is current, "the handle is kept until a switch"
    store.switch(second)
    after = store.current()
    assert after is not None
    assert after.rows("select n from t") == [{"n": 2}]
    assert current.rows("select n from t") == [{"n": 1}], "a reader finishes on what it began with"
    with pytest.raises(UnknownSnapshotError, match="snap-9"):
        store.switch("snap-9")


def test_a_snapshot_can_neither_be_changed_nor_used_as_a_way_out(store: SnapshotStore, tmp_path: Path) -> None:
    store.switch(_commit(store, 1))
    current = store.current()
    assert current is not None
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        "insert into t values (9)",
        f"select * from read_csv('{secret}')",
        f"copy t to '{tmp_path / 'out.csv'}'",
        f"attach '{tmp_path / 'other.duckdb'}' as other",
        "set enable_external_access = true",
        "set lock_configuration = false",
    ):
        with pytest.raises(duckdb.Error):
            current.rows(sql)
    assert current.rows("select n from t") == [{"n": 1}]


def test_a_manifest_that_goes_while_it_is_listed_fails_no_reader(store: SnapshotStore) -> None:
    store.switch(_commit(store, 1))
    # What a prune between listing the folder and reading the file looks like.
    (store.snapshots_dir / "snap-0.json").symlink_to(store.snapshots_dir / "gone.json")
    assert [info.id for info in store.list()] == ["snap-1"]
    assert store.current() is not None
    store.remove_orphans()


def test_pruning_keeps_the_newest_and_the_current_one(store: SnapshotStore) -> None:
    for sequence in range(1, 6):
        _commit(store, sequence)
    store.switch("snap-1", pinned=True, reason="wrong file")
    assert store.prune(2) == ("snap-3", "snap-2")
    assert [info.id for info in store.list()] == ["snap-5", "snap-4", "snap-1"]
    store.remove_orphans()
    assert {path.stem for path in store.parts_dir.rglob("*.parquet")} == {"5", "4", "1"}
    current = store.current()
    assert current is not None
    assert current.rows("select n from t") == [{"n": 1}]


def test_a_rollback_goes_back_one_and_names_its_reason(store: SnapshotStore) -> None:
    for sequence in range(1, 4):
        _commit(store, sequence)
    store.switch("snap-3")
    assert store.rollback(None, "wrong file").id == "snap-2"
    assert store.pointer() == {"id": "snap-2", "pinned": True, "reason": "wrong file"}
    assert store.rollback("snap-1", "older still").id == "snap-1"
    with pytest.raises(UnknownSnapshotError, match="oldest one kept"):
        store.rollback(None, "again")
    assert store.resume().id == "snap-3"
    assert store.pointer() == {"id": "snap-3", "pinned": False, "reason": ""}


def test_a_description_survives_being_written(store: SnapshotStore) -> None:
    _commit(store, 7)
    (info,) = store.list()
    assert SnapshotInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


def test_json_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    write_json_atomically(path, {"n": 1})
    with pytest.raises(TypeError):
        write_json_atomically(path, {"n": object()})
    assert json.loads(path.read_text()) == {"n": 1}


def test_the_last_snapshot_of_each_hour_stays_however_often_is_published(
    store: SnapshotStore,
) -> None:
    kept = timedelta(hours=3)
    for sequence in range(20):
        now = MIDNIGHT + timedelta(minutes=20 * sequence)
        _commit(store, sequence, now)
        store.prune(4, now - kept)
        assert len(store.list()) <= 4 + 3 + 2, "whatever the rhythm"
    minutes = [(info.published_at - MIDNIGHT) // timedelta(minutes=1) for info in store.list()]
    assert minutes == [380, 360, 340, 320, 280, 220]
    assert len(store.prune(4, now)) == 2, "without an age the number alone counts"


def test_a_seldom_published_snapshot_outlives_its_age_while_it_is_among_the_newest(store: SnapshotStore) -> None:
    for day in range(3):
        _commit(store, day, MIDNIGHT + timedelta(days=day))
    assert store.prune(3, MIDNIGHT + timedelta(days=3)) == ()
    assert store.prune(2, MIDNIGHT + timedelta(days=3)) == ("snap-0",)
