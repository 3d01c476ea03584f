"""What a reader returns, and what all readers share: the header, bytes that no row may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ops_assets.ingestion.landing_schema import LandingTable


class FileUnreadable(Exception):
    """A file to set aside whole; ``reason`` is its code, the text says what was found and how to mend it."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that could not be split into the declared columns. ``text`` is what stands in the file."""

    line: int
    rule: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Extract:
    """What a file holds. ``columns`` are arrow string arrays in declared order; ``lines`` the line of each row.

    Lines count from 1, the header included; in Parquet, rows count from 1. ``iso`` names columns whose text was made
    from typed dates or timestamps.
    """

    columns: tuple[pa.Array, ...]
    lines: Sequence[int]
    malformed: tuple[MalformedRow, ...] = ()
    iso: frozenset[str] = field(default_factory=frozenset)

    @property
    def rows_in(self) -> int:
        return len(self.lines) + len(self.malformed)


def match_header(table: LandingTable, header: list[str]) -> list[int | None]:
    """Position of each declared column in the file; None for an optional one that is absent."""
    names = [name.strip() for name in header]
    declared = [column.source_name for column in table.columns]
    if not set(names) & set(declared) or any(not encodable(name) or "\x00" in name for name in names):
        shown = ascii(table.delimiter.join(header)[:32])
        raise FileUnreadable(
            "unparseable",
            f"The first line holds none of the declared columns ({', '.join(declared[:5])} ...); it reads {shown}. "
            "Export the file again, or mend delimiter and encoding in the landing schema.",
        )
    missing = [c.source_name for c in table.columns if c.source_name not in names and not c.optional]
    unknown = [name for name in names if name not in declared] if table.extra_columns == "refuse" else []
    repeated = sorted({name for name in names if names.count(name) > 1 and name in declared})
    if missing or unknown or repeated:
        parts = [
            f"{what}: {', '.join(map(repr, found))}"
            for what, found in (("missing", missing), ("new", unknown), ("repeated", repeated))
            if found
        ]
        raise FileUnreadable(
            "columns_changed",
            f"The columns changed ({'; '.join(parts)}). Declare the change in {table.where}, or export as before.",
        )
    return [names.index(name) if name in names else None for name in declared]


def bad_bytes(text: str) -> tuple[str, str] | None:
    if "\x00" in text:
        return "nul_byte", "The row holds a NUL byte."
    if not encodable(text):
        return "encoding", "The row holds bytes that are not in the declared encoding."
    return None


def nulls(count: int) -> pa.Array:
    return pa.nulls(count, pa.string())


def encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
