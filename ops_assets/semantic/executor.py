"""Running a compiled statement on a snapshot: bound values, a time limit, and not too many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import duckdb

from ops_assets.semantic.compiled import Statement
from ops_assets.semantic.query import QueryError
from resources.serving import Snapshot


class _Turns:
    """So many at once, and the others in the order in which they came: a semaphore may let some wait very long."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Wait for a turn; False when none came in time."""
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine.is_set():
                return True
            self._waiting.remove(mine)
        return False

    def give_back(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class Executor:
    """Runs at most ``at_once`` statements; a query waits up to ``seconds`` for its turn and runs up to ``seconds``."""

    def __init__(self, *, seconds: float = 10.0, at_once: int = 4) -> None:
        self._seconds = seconds
        self._turns = _Turns(at_once)

    def rows(self, snapshot: Snapshot, statement: Statement, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows. Raises QueryError for a query that takes too long, is too large, or finds no turn."""
        bound = {name: values[name] for name in statement.parameters}
        return self.fetch(snapshot, statement.sql, bound)

    def fetch(self, snapshot: Snapshot, sql: str, bound: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows of ``sql``, which is ours and never a caller's text. Raises QueryError like :meth:`rows`."""
        if not self._turns.take(self._seconds):
            raise QueryError("busy", "Too many queries run at the moment. Ask again in a few seconds.")
        try:
            return self._limited(snapshot, sql, bound)
        finally:
            self._turns.give_back()

    def _limited(self, snapshot: Snapshot, sql: str, bound: Mapping[str, object]) -> list[tuple[Any, ...]]:
        cursor = snapshot.connect()
        watch = threading.Timer(self._seconds, cursor.interrupt)
        watch.daemon = True
        watch.start()
        try:
            return cursor.execute(sql, bound).fetchall()
        except duckdb.InterruptException as error:
            raise QueryError(
                "too_slow",
                f"The query took longer than {self._seconds:g} seconds and was stopped. Ask for fewer days, a coarser "
                "grain or fewer dimensions.",
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise QueryError(
                "too_large", "The query needs too much memory. Ask for fewer days, a coarser grain or fewer dimensions."
            ) from error
        finally:
            watch.cancel()
            cursor.close()
