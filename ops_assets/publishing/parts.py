"""Parquet partitions: immutable files that snapshots share. One file is written here, durably, under a new name."""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb

from resources.durable_files import sync_file


def write_part(connection: duckdb.DuckDBPyConnection, parts_dir: Path, folder: str, stem: str, query: str) -> str:
    """Write the rows of ``query`` (ours, never a caller's text) and return the file's path relative to ``parts_dir``.

    The name never repeats, so that a snapshot which reads an older file of the same month goes on reading that one.
    """
    file = f"{folder}/{stem}-{uuid.uuid4().hex[:8]}.parquet"
    path = parts_dir / file
    path.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"copy ({query}) to '{sql_text(path)}' (format parquet, compression zstd)")
    sync_file(path)
    return file


def create_parts_view(connection: duckdb.DuckDBPyConnection, parts_dir: Path, name: str, files: list[str]) -> None:
    """Let readers of the attached snapshot open ``files`` as one relation under ``name``."""
    paths = ", ".join(f"'{sql_text(parts_dir / file)}'" for file in files)
    connection.execute(f"create view snapshot.{name} as select * from read_parquet([{paths}], union_by_name = true)")


def sql_text(path: Path) -> str:
    return str(path).replace("'", "''")
