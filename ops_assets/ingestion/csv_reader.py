"""CSV text -> text columns with the physical line of each row.

Three ways, from fast to patient: a large file without quotes goes through Arrow's reader; every other one through
Python's; and where quoting breaks, row by row, so that a stray quote costs one row and not the rest of the file.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.csv as arrow_csv

from ops_assets.ingestion.extract import (
    Extract,
    FileUnreadable,
    MalformedRow,
    bad_bytes,
    encodable,
    match_header,
    nulls,
)
from ops_assets.ingestion.landing_schema import LandingTable

# A stray quote would swallow the rest of the file: a row may span this many physical lines.
_LONGEST_ROW = 1000
# Below this size Arrow's reader gains nothing.
_LARGE = 1_000_000
# Rows held as Python lists at a time; more makes the garbage collector walk millions of them.
_SLICE = 20_000

_Rows = list[list[str]]


def read_csv(table: LandingTable, text: str, *, large: int = _LARGE) -> Extract:
    """Read decoded text. Raises FileUnreadable where there is no header or another one."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter, strict=True)
    try:
        header = next(reader)
    except (csv.Error, StopIteration) as error:
        raise FileUnreadable("unparseable", f"The first line is not a header of delimited columns: {error}.") from None
    picks = match_header(table, header)
    first = reader.line_num + 1
    if len(text) >= large:
        extract = _read_plain(table, text, header, picks)
        if extract is not None:
            return extract
    build = _Builder(table, picks, len(header), plain="\x00" not in text and encodable(text))
    try:
        for rows, lines in _slices(reader, first, quoted='"' in text):
            build.add(rows, lines)
    except csv.Error:
        build = _Builder(table, picks, len(header), plain=build.plain)
        rows, lines, malformed = _read_with_care(text, table.delimiter, first)
        build.add(rows, lines)
        build.malformed.extend(malformed)
    return build.extract()


def _read_plain(table: LandingTable, text: str, header: list[str], picks: Sequence[int | None]) -> Extract | None:
    """A file whose every line is one row of the header's width, by Arrow; None where it is anything else."""
    unusual = ('"' in text, "\x00" in text, text.count("\r") != text.count("\r\n"), len(header) < 2)
    if any(unusual) or "\n\n" in text or "\n\r\n" in text or not encodable(text):
        return None
    names = [str(at) for at in range(len(header))]
    try:
        found = arrow_csv.read_csv(
            pa.py_buffer(text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=table.delimiter, quote_char=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:  # a row of another width, or one larger than a block
        return None
    rows = text.count("\n") - (1 if text.endswith("\n") else 0)
    if found.num_rows != rows:
        return None
    columns = tuple(nulls(rows) if pick is None else found.column(pick).combine_chunks() for pick in picks)
    return Extract(columns, range(2, rows + 2))


def _slices(reader: Iterator[list[str]], first: int, *, quoted: bool) -> Iterator[tuple[_Rows, Sequence[int]]]:
    """Runs of rows with their lines; without quotes a row is a line."""
    start = first
    while True:
        rows: _Rows = []
        lines: list[int] = []
        if quoted:
            for row in islice(reader, _SLICE):
                rows.append(row)
                lines.append(start)
                start = reader.line_num + 1  # type: ignore[attr-defined]  # csv.reader has it, Iterator not
        else:
            rows = list(islice(reader, _SLICE))
            lines = list(range(start, start + len(rows)))
            start += len(rows)
        if not rows:
            return
        yield rows, lines


class _Builder:
    """Collects rows into arrow columns, parting those that are no rows of this table."""

    def __init__(self, table: LandingTable, picks: Sequence[int | None], width: int, *, plain: bool) -> None:
        self.plain = plain
        self.malformed: list[MalformedRow] = []
        self._picks = picks
        self._width = width
        self._delimiter = table.delimiter
        self._parts: list[list[pa.Array]] = [[] for _ in picks]
        self._lines: list[int] = []

    def add(self, rows: _Rows, lines: Sequence[int]) -> None:
        if set(map(len, rows)) - {self._width}:
            rows, lines = _split_by_width(rows, lines, self.malformed, self._width, self._delimiter)
        if not self.plain:
            rows, lines = _split_by_bytes(rows, lines, self.malformed, self._delimiter)
        if not rows:
            return
        cells = list(zip(*rows, strict=True))
        for part, pick in zip(self._parts, self._picks, strict=True):
            part.append(nulls(len(rows)) if pick is None else pa.array(cells[pick], pa.string()))
        self._lines.extend(lines)

    def extract(self) -> Extract:
        columns = tuple(pa.concat_arrays(part) if part else nulls(0) for part in self._parts)
        return Extract(columns, self._lines, tuple(sorted(self.malformed, key=lambda row: row.line)))


def _read_with_care(text: str, delimiter: str, first: int) -> tuple[list[list[str]], list[int], list[MalformedRow]]:
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
    rows: list[list[str]], lines: Sequence[int], malformed: list[MalformedRow], width: int, delimiter: str
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
    rows: list[list[str]], lines: Sequence[int], malformed: list[MalformedRow], delimiter: str
) -> tuple[list[list[str]], list[int]]:
    kept, kept_lines = [], []
    for row, line in zip(rows, lines, strict=True):
        problem = bad_bytes("".join(row))
        if problem is None:
            kept.append(row)
            kept_lines.append(line)
        else:
            malformed.append(MalformedRow(line, problem[0], _join(row, delimiter), problem[1]))
    return kept, kept_lines


def _join(row: list[str], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(row)
    return out.getvalue()
