"""Files -> text columns that remember the physical line of each row.

Nothing is typed or judged here but whether a row can be read at all. A row that cannot (wrong number of fields, a stray
quote, undecodable bytes, NUL) is kept with its text; a file that cannot (no header, other columns) raises
``FileUnreadable`` and is set aside whole.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ops_assets.ingestion.landing_schema import LandingTable

# A stray quote would swallow the rest of the file: a row may span this many physical lines.
_LONGEST_ROW = 1000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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


def read(table: LandingTable, content: bytes) -> Extract:
    """Read one file's bytes as the table declares them. Raises FileUnreadable."""
    if table.format == "parquet":
        return _read_parquet(table, content)
    if not content:
        raise FileUnreadable("unparseable", "The file is empty: it has not even a header. Export it again.")
    text = _decode(table, content)
    return _read_csv(table, text) if table.format == "csv" else _read_jsonl(table, text)


def from_records(table: LandingTable, records: Sequence[dict[str, Any]], lines: Sequence[int]) -> Extract:
    """The same for rows that come as mappings (events, retries). An unknown field makes the row malformed."""
    return _from_mappings(table, list(zip(lines, records, strict=True)), [])


def as_text(value: Any) -> str | None:
    """A JSON value as the text it would be in a file."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _decode(table: LandingTable, content: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), table.encoding)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding.startswith(("utf-16", "utf-32")):
            raise FileUnreadable(
                "unparseable", f"The bytes are not {encoding} from byte {error.start} on. Export the file again."
            ) from error
        # The undecodable bytes travel as surrogates, so that only their rows are quarantined.
        return content.decode(encoding, "surrogateescape")


# --- CSV ---


def _read_csv(table: LandingTable, text: str) -> Extract:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter, strict=True)
    try:
        header = next(reader)
    except (csv.Error, StopIteration) as error:
        raise FileUnreadable("unparseable", f"The first line is not a header of delimited columns: {error}.") from None
    picks = _match_header(table, header)
    first = reader.line_num + 1
    rows: list[list[str]] = []
    lines: list[int] = []
    malformed: list[MalformedRow] = []
    try:
        if '"' not in text:
            rows = list(reader)
            lines = list(range(first, first + len(rows)))
        else:
            start = first
            for row in reader:
                rows.append(row)
                lines.append(start)
                start = reader.line_num + 1
    except csv.Error:
        rows, lines, malformed = _read_csv_with_care(text, table.delimiter, first)
    width = len(header)
    if any(len(row) != width for row in rows):
        rows, lines = _split_by_width(rows, lines, malformed, width, table.delimiter)
    if "\x00" in text or not _encodable(text):
        rows, lines = _split_by_bytes(rows, lines, malformed, table.delimiter)
    cells: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
    columns = tuple(_nulls(len(rows)) if pick is None else pa.array(cells[pick], pa.string()) for pick in picks)
    return Extract(columns, lines, tuple(sorted(malformed, key=lambda row: row.line)))


def _match_header(table: LandingTable, header: list[str]) -> list[int | None]:
    """Position of each declared column in the file; None for an optional one that is absent."""
    names = [name.strip() for name in header]
    declared = [column.source_name for column in table.columns]
    if not set(names) & set(declared) or any(not _encodable(name) or "\x00" in name for name in names):
        shown = ascii(table.delimiter.join(header)[:120])
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


def _read_csv_with_care(text: str, delimiter: str, first: int) -> tuple[list[list[str]], list[int], list[MalformedRow]]:
    """Read row by row; where quoting breaks, the line that began the row is malformed; the next is read anew."""
    physical = list(io.StringIO(text, newline=""))
    rows: list[list[str]] = []
    lines: list[int] = []
    malformed: list[MalformedRow] = []
    at = first - 1
    while at < len(physical):
        reader = csv.reader(_bounded(physical, at), delimiter=delimiter, strict=True)
        try:
            row = next(reader)
        except csv.Error as error:
            line = physical[at].rstrip("\r\n")
            malformed.append(MalformedRow(at + 1, "malformed_csv", line, f"The quoting is broken: {error}."))
            at += 1
            continue
        rows.append(row)
        lines.append(at + 1)
        at += reader.line_num
    return rows, lines, malformed


def _bounded(physical: list[str], at: int) -> Iterator[str]:
    yield from physical[at : at + _LONGEST_ROW]
    if at + _LONGEST_ROW < len(physical):
        raise csv.Error(f"a quote is not closed within {_LONGEST_ROW} lines")


def _split_by_width(
    rows: list[list[str]], lines: list[int], malformed: list[MalformedRow], width: int, delimiter: str
) -> tuple[list[list[str]], list[int]]:
    kept, kept_lines = [], []
    for row, line in zip(rows, lines, strict=True):
        if len(row) == width:
            kept.append(row)
            kept_lines.append(line)
        elif row:  # an empty list is a blank line, which is no row
            why = f"The row has {len(row)} fields, the header {width}."
            malformed.append(MalformedRow(line, "column_count", _join(row, delimiter), why))
    return kept, kept_lines


def _split_by_bytes(
    rows: list[list[str]], lines: list[int], malformed: list[MalformedRow], delimiter: str
) -> tuple[list[list[str]], list[int]]:
    kept, kept_lines = [], []
    for row, line in zip(rows, lines, strict=True):
        problem = _bad_bytes("".join(row))
        if problem is None:
            kept.append(row)
            kept_lines.append(line)
        else:
            malformed.append(MalformedRow(line, problem[0], _join(row, delimiter), problem[1]))
    return kept, kept_lines


def _bad_bytes(text: str) -> tuple[str, str] | None:
    if "\x00" in text:
        return "nul_byte", "The row holds a NUL byte."
    if not _encodable(text):
        return "encoding", "The row holds bytes that are not in the declared encoding."
    return None


def _join(row: list[str], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(row)
    return out.getvalue()


# --- JSON lines ---


def _read_jsonl(table: LandingTable, text: str) -> Extract:
    found: list[tuple[int, dict[str, Any]]] = []
    malformed: list[MalformedRow] = []
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        stripped = line.strip().removeprefix("\ufeff")
        if not stripped:
            continue
        problem = _bad_bytes(stripped)
        if problem is not None:
            malformed.append(MalformedRow(number, problem[0], stripped, problem[1]))
            continue
        try:
            # Numbers stay the text they are, so that 0.10 is not read as a binary double.
            value = json.loads(stripped, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            malformed.append(MalformedRow(number, "malformed_json", stripped, f"The line is not JSON: {error}."))
            continue
        if not isinstance(value, dict):
            malformed.append(MalformedRow(number, "malformed_json", stripped, "The line is not a JSON object."))
            continue
        found.append((number, value))
    if malformed and not found:
        raise FileUnreadable(
            "unparseable", f"No line is a JSON object; the first one reads {malformed[0].text[:120]!a}."
        )
    return _from_mappings(table, found, malformed)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field stands in it twice")
    return value


def _from_mappings(
    table: LandingTable, found: list[tuple[int, dict[str, Any]]], malformed: list[MalformedRow]
) -> Extract:
    names = [column.source_name for column in table.columns]
    known = set(names)
    malformed = list(malformed)
    kept: list[tuple[int, dict[str, str | None]]] = []
    for number, value in found:
        texts = {str(name): as_text(member) for name, member in value.items()}
        unknown = sorted(set(texts) - known) if table.extra_columns == "refuse" else []
        problem = _bad_bytes("".join(text for text in texts.values() if text is not None))
        shown = json.dumps(value, ensure_ascii=False)
        if unknown:
            why = f"Unknown field {', '.join(map(repr, unknown))}; {table.raw_name} declares {', '.join(names)}."
            malformed.append(MalformedRow(number, "unknown_field", shown, why))
        elif problem is not None:
            malformed.append(MalformedRow(number, problem[0], shown, problem[1]))
        else:
            kept.append((number, texts))
    columns = tuple(pa.array([row.get(name) for _, row in kept], pa.string()) for name in names)
    return Extract(columns, [n for n, _ in kept], tuple(sorted(malformed, key=lambda row: row.line)))


# --- Parquet ---


def _read_parquet(table: LandingTable, content: bytes) -> Extract:
    try:
        read_table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise FileUnreadable("unparseable", f"This is not a readable Parquet file: {error}.") from error
    picks = _match_header(table, list(read_table.column_names))
    columns: list[pa.Array] = []
    iso: set[str] = set()
    for declared, pick in zip(table.columns, picks, strict=True):
        if pick is None:
            columns.append(_nulls(read_table.num_rows))
            continue
        values = read_table.column(pick)
        if pa.types.is_temporal(values.type):
            iso.add(declared.name)
        columns.append(_parquet_text(values, declared.source_name))
    return Extract(tuple(columns), range(1, read_table.num_rows + 1), (), frozenset(iso))


def _parquet_text(values: pa.ChunkedArray, name: str) -> pa.Array:
    kind = values.type
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, kind), values)
    try:
        texts = pc.cast(values, pa.string())
    except pa.ArrowException as error:
        raise FileUnreadable(
            "columns_changed",
            f"Column {name!r} of type {kind} cannot be written as text: {error}. Export it as a plain type.",
        ) from error
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _nulls(count: int) -> pa.Array:
    return pa.nulls(count, pa.string())


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
