"""Writes down every statement that a refresh sends to DuckDB, with the seconds it took.

The statements are what the bare run repeats; their seconds show which one grows with history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest import mock

import duckdb

from resources.built_once import built_once
from resources.clock import Clock
from resources.dbt import Dbt, NodeResult, Progress
from resources.packs import SourcePack
from resources.platform import Platform
from resources.settings import Settings
from resources.warehouse import Warehouse


@dataclass(slots=True)
class Statement:
    """``session`` is the connection's name: the model or test for dbt, empty otherwise."""

    session: str
    sql: str
    parameters: Any
    seconds: float


@dataclass(slots=True)
class SqlLog:
    """Statements in the order in which they were started, and the seconds of dbt's documentation page."""

    statements: list[Statement] = field(default_factory=list)
    docs_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Time inside DuckDB; above the wall clock where dbt's threads worked at the same time."""
        return sum(statement.seconds for statement in self.statements)

    def take(self) -> list[Statement]:
        """The statements so far; the log starts anew."""
        taken, self.statements = self.statements, []
        return taken


class LoggedConnection:
    """A DuckDB connection that notes what it executes. Everything else passes through."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, log: SqlLog) -> None:
        self._connection = connection
        self._log = log

    def execute(self, sql: str, parameters: Any = None) -> LoggedConnection:
        noted = Statement("", sql, parameters, 0.0)
        self._log.statements.append(noted)
        began = time.perf_counter()
        try:
            self._connection.execute(sql, parameters)
        finally:
            noted.seconds = time.perf_counter() - began
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class LoggedWarehouse(Warehouse):
    """A warehouse whose connections note what they execute."""

    def __init__(self, path: Path, log: SqlLog) -> None:
        super().__init__(path)
        self._log = log

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with super().connection() as connection:
            yield cast(duckdb.DuckDBPyConnection, LoggedConnection(connection, self._log))


class LoggedDbt(Dbt):
    """dbt that notes what its adapter executes."""

    def __init__(self, settings: Settings, pack: SourcePack, project_dir: Path, log: SqlLog) -> None:
        super().__init__(settings, pack, project_dir)
        self._log = log

    def build(
        self,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        tests: bool = True,
        full_refresh: bool = False,
        progress: Progress | None = None,
    ) -> list[NodeResult]:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        execute = DuckDBConnectionManager.add_query
        log = self._log

        def noting(manager: Any, sql: str, *arguments: Any, **options: Any) -> Any:
            name = str(manager.get_thread_connection().name)
            noted = Statement(name, sql, options.get("bindings"), 0.0)
            log.statements.append(noted)
            began = time.perf_counter()
            try:
                return execute(manager, sql, *arguments, **options)
            finally:
                noted.seconds = time.perf_counter() - began

        # The adapter offers no place to listen in on statements together with their connection.
        with mock.patch.object(DuckDBConnectionManager, "add_query", noting):
            return super().build(
                select=select, exclude=exclude, tests=tests, full_refresh=full_refresh, progress=progress
            )

    def generate_docs(
        self, *, after_full_build: bool = False, describe: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> Path:
        began = time.perf_counter()
        try:
            return super().generate_docs(after_full_build=after_full_build, describe=describe)
        finally:
            self._log.docs_seconds += time.perf_counter() - began


class LoggedPlatform(Platform):
    """A platform whose warehouse and dbt note what they execute."""

    def __init__(self, settings: Settings, clock: Clock, log: SqlLog) -> None:
        super().__init__(settings, clock=clock)
        self._log = log

    @built_once
    def warehouse(self) -> LoggedWarehouse:
        return LoggedWarehouse(self.settings.warehouse_path, self._log)

    @property
    def dbt(self) -> LoggedDbt:
        return LoggedDbt(self.settings, self.pack, self.projects.in_force(), self._log)
