"""The warehouse: one DuckDB file with one writer at a time.

DuckDB refuses a second process on a file that is being written, so nobody but the refresh opens this file, and the
refresh opens it under a lock that also holds between threads and between Dagster and the command line. Everybody else
reads published snapshots (resources.serving).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout


class WarehouseBusyError(RuntimeError):
    """Another refresh held the warehouse for longer than we were willing to wait."""


class Warehouse:
    """Opens the warehouse for its single writer. ``wait_seconds`` bounds the wait for another refresh."""

    def __init__(self, path: Path, *, wait_seconds: float = 1800) -> None:
        self.path = path
        self._wait_seconds = wait_seconds
        self._lock = FileLock(f"{path}.lock")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to write without opening the file; for dbt, which opens it by itself. Re-entrant."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=self._wait_seconds)
        except Timeout:
            raise WarehouseBusyError(
                f"The warehouse {self.path} was busy for {self._wait_seconds:.0f} s. Another refresh is running; "
                "wait for its end or look at it under Runs in the Dagster UI."
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that may write, closed on the way out, also after an error."""
        # Imported here: it brings all of Dagster, which the gateway and the feed have no use for.
        from dagster_duckdb import DuckDBResource

        with self.exclusive(), DuckDBResource(database=str(self.path)).get_connection() as connection:
            try:
                yield connection
            finally:
                # dagster-duckdb closes only after success; an open handle would keep the file locked for dbt.
                connection.close()
