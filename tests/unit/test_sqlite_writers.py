"""SQLite has one writer at a time: who waits gets his turn soon, and is told when he does not get it at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from resources import ops_database
from resources.ops_database import open_engine, reading
from resources.sqlite_turns import Turns


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table turn (who text)")
    yield engine
    engine.dispose()


def write(engine: Engine, who: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("insert into turn values (?)", (who,))


def test_whoever_writes_all_the_time_keeps_nobody_out(engine: Engine) -> None:
    """The busy one leaves hardly a gap between two transactions, and yet gets one turn between two of the other."""
    stop, begun = threading.Event(), threading.Event()

    def busy() -> None:
        while not stop.is_set():
            with engine.begin() as connection:
                connection.exec_driver_sql("insert into turn values ('busy')")
                begun.set()
                time.sleep(0.002)

    thread = threading.Thread(target=busy)
    thread.start()
    begun.wait()
    try:
        for _ in range(30):
            write(engine, "patient")
    finally:
        stop.set()
        thread.join()
    with reading(engine) as connection:
        (turns,) = connection.exec_driver_sql("select count(*) from turn where who = 'busy'").one()
    assert turns <= 2 * 30


def test_a_turn_goes_to_whoever_waited_longest() -> None:
    turns, order = Turns(), []
    assert turns.take(1)
    assert not turns.take(0.01)

    def wait(number: int) -> None:
        assert turns.take(10)
        order.append(number)
        turns.give()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(turns._waiting) < number + 1:
            time.sleep(0.001)
    turns.give()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert turns.take(0)


def test_a_writer_who_never_ends_is_said(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same process as well as in another one, for which another engine stands here."""
    monkeypatch.setattr(ops_database, "_BUSY_SECONDS", 0.2)
    impatient = open_engine(f"sqlite:///{tmp_path / 'ops.db'}")
    for holder in (engine, impatient):
        with holder.begin(), pytest.raises(sa.exc.OperationalError, match="locked"):
            write(impatient, "late")
    write(impatient, "after")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("select who from turn").scalars().all() == ["after"]
    impatient.dispose()
