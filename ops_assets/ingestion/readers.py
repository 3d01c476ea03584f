"""Files -> text columns that remember the physical line of each row.

Nothing is typed or judged here but whether a row can be read at all. A row that cannot (wrong number of fields, a stray
quote, undecodable bytes, NUL) is kept with its text; a file that cannot (no header, other columns) raises
``FileUnreadable`` and is set aside whole. CSV has a module of its own.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ops_assets.ingestion.csv_reader import read_csv
from ops_assets.ingestion.extract import Extract, FileUnreadable, MalformedRow, bad_bytes, match_header, nulls
from ops_assets.ingestion.landing_schema import LandingTable

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(table: LandingTable, content: bytes) -> Extract:
    """Read one file's bytes as the table declares them. Raises FileUnreadable."""
    if table.format == "parquet":
        return _read_parquet(table, content)
    if not content:
        raise FileUnreadable("unparseable", "The file is empty: it has not even a header. Export it again.")
    text = _decode(table, content)
    return read_csv(table, text) if table.format == "csv" else _read_jsonl(table, text)


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


# --- JSON lines ---


def _read_jsonl(table: LandingTable, text: str) -> Extract:
    found: list[tuple[int, dict[str, Any]]] = []
    malformed: list[MalformedRow] = []
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        stripped = line.strip().removeprefix("\ufeff")
        if not stripped:
            continue
        problem = bad_bytes(stripped)
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
            "unparseable", f"No line is a JSON object; the first one reads {malformed[0].text[:32]!a}."
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
        problem = bad_bytes("".join(text for text in texts.values() if text is not None))
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
    picks = match_header(table, list(read_table.column_names))
    columns: list[pa.Array] = []
    iso: set[str] = set()
    for declared, pick in zip(table.columns, picks, strict=True):
        if pick is None:
            columns.append(nulls(read_table.num_rows))
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
