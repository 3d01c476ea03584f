"""Rows to files: how each value is written, and how a file appears whole or not at all.

Belongs here: formats and atomic writing. Equal rows give equal bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from ops_assets.dongchen.tables import Row, Table

Text = list[str]
"""One row as it stands in its file, in column order; empty text is a missing value."""


def _decimals(digits: int) -> Callable[[Any], str]:
    unit = 10**digits

    def write(value: int | None) -> str:
        if value is None:
            return ""
        whole, rest = divmod(abs(value), unit)
        return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"

    return write


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _instant(value: datetime | None) -> str:
    return "" if value is None else value.isoformat(" ", "seconds")


_WRITE: dict[str, Callable[[Any], str]] = {
    "s": _plain,
    "i": _plain,
    "c2": _decimals(2),
    "c4": _decimals(4),
    "d3": _decimals(3),
    "d": _plain,
    "t": _instant,
    "f": _plain,
    "b": lambda value: "" if value is None else str(value).lower(),
}


def texts(table: Table, rows: Sequence[Row]) -> list[Text]:
    """Rows as text, column by column."""
    write = [_WRITE[kind] for kind in table.kinds]
    return [[put(value) for put, value in zip(write, row, strict=True)] for row in rows]


def encode(table: Table, lines: Sequence[Text]) -> bytes:
    """The bytes of a file of ``table`` in its format; UTF-8, newline line ends."""
    if table.suffix == "csv":
        body = "\n".join([",".join(table.columns), *map(",".join, lines)])
        return f"{body}\n".encode()
    if table.suffix == "jsonl":
        return "".join(f"{_json_line(table, line)}\n" for line in lines).encode()
    return _parquet(table, lines)


def _json_line(table: Table, line: Text) -> str:
    fields = []
    for name, kind, text in zip(table.columns, table.kinds, line, strict=True):
        value = "null" if not text else text if kind in {"i", "d3", "f", "b"} else f'"{text}"'
        fields.append(f'"{name}": {value}')
    return "{" + ", ".join(fields) + "}"


def _parquet(table: Table, lines: Sequence[Text]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"s": pa.string(), "t": pa.timestamp("us"), "f": pa.float64(), "b": pa.bool_()}
    read: dict[str, Callable[[str], Any]] = {
        "s": str,
        "t": datetime.fromisoformat,
        "f": float,
        "b": lambda text: text == "true",
    }
    columns = [
        pa.array([read[kind](line[place]) if line[place] else None for line in lines], types[kind])
        for place, kind in enumerate(table.kinds)
    ]
    buffer = BytesIO()
    pq.write_table(pa.table(columns, names=list(table.columns)), buffer, compression="snappy")
    return buffer.getvalue()


def write_file(path: Path, content: bytes, *, durable: bool) -> None:
    """Write a file under a temporary name and rename it; ``durable`` also waits for the disk.

    The temporary name starts with a dot, so that no glob of a landing schema finds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    temporary.replace(path)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
