"""Turns at SQLite's one writer: within a process first come, first served; between processes looked for often.

SQLite's own busy handler soon looks only every 100 ms and knows no queue, so whoever writes again and again keeps the
others out for seconds: a click would wait for a hundred messages to be delivered.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.004
_HELD: Final = "trueloop_write_turn"


class Turns:
    """A lock that is handed to whoever has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def take(self, seconds: float) -> bool:
        """Wait for the turn, so long at most; whether it was had."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        if ticket.acquire(timeout=seconds):
            return True
        with self._guard:
            if ticket not in self._waiting:  # it was handed over at the last moment
                return True
            self._waiting.remove(ticket)
            return False

    def give(self) -> None:
        """Hand the turn on."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def take_turns(engine: Engine, seconds: float) -> None:
    """Let transactions on ``engine`` (SQLite) that may write begin in turns, and those that only read at once.

    Whoever waits longer than ``seconds`` gets SQLite's own error, which says that the database is locked.
    """
    turns = Turns()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        deadline = time.monotonic() + seconds
        info = connection.connection.info
        if _HELD not in info and turns.take(seconds):
            info[_HELD] = True
        _begin_immediate(connection, deadline, seconds)

    @sa.event.listens_for(engine, "commit")
    @sa.event.listens_for(engine, "rollback")
    def _ends(connection: Connection) -> None:
        # Said just before it is done: the next one looks often, so it loses a millisecond at most.
        _give(connection.connection.info)

    @sa.event.listens_for(engine, "checkin")
    def _returned(_driver: Any, record: Any) -> None:
        _give(record.info)

    def _give(info: dict[Any, Any]) -> None:
        if info.pop(_HELD, False):
            turns.give()


def _begin_immediate(connection: Connection, deadline: float, seconds: float) -> None:
    driver: Any = connection.connection.driver_connection
    pause = _FIRST_PAUSE
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(_LONGEST_PAUSE, pause * 2)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
