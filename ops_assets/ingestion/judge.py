"""Judge the rows of one chunk: coerce, detect changed date formats, validate with pandera.

A chunk is a run of batches of one table, judged together because a call of pandas, arrow or pandera costs the same for
ten rows as for ten thousand. No database here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ops_assets.ingestion.coerce import Mask, coerce
from ops_assets.ingestion.dates import FormatChange, changed_format
from ops_assets.ingestion.extract import Extract
from ops_assets.ingestion.landing_schema import LandingTable
from ops_assets.ingestion.pandera_schemas import check_frame, compile_schema, failures


@dataclass(frozen=True, slots=True)
class Failure:
    """One broken rule of one row: which rule, where, the value verbatim, and a sentence."""

    rule: str
    column: str | None
    value: str | None
    message: str

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "column": self.column, "value": self.value, "message": self.message}


@dataclass(slots=True)
class Chunk:
    """Rows of several batches in order. ``batch`` is the index of each row's batch, ``line`` its line in the source."""

    table: LandingTable
    texts: dict[str, pa.Array]
    typed: dict[str, pa.Array]
    batch: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]
    declared_nulls: dict[str, Mask]
    failed: dict[str, Mask]
    failures: dict[int, list[Failure]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.batch)

    def row_text(self, position: int) -> dict[str, str | None]:
        """The row as it came: column name in the file -> text."""
        return {c.source_name: self.texts[c.name][position].as_py() for c in self.table.columns}

    def key_text(self, position: int) -> str:
        """The row's key for people."""
        return ", ".join(f"{name}={self.texts[name][position].as_py()}" for name in self.table.key)


def coerce_chunk(table: LandingTable, extracts: Sequence[Extract], *, zone: str | None) -> Chunk:
    """Put the rows of several extracts together and coerce them."""
    counts = [len(extract.lines) for extract in extracts]
    batch = np.repeat(np.arange(len(extracts), dtype=np.int32), counts)
    line = np.concatenate(
        [np.asarray(extract.lines, dtype=np.int32) for extract in extracts] or [np.empty(0, np.int32)]
    )
    texts: dict[str, pa.Array] = {}
    typed: dict[str, pa.Array] = {}
    nulls: dict[str, Mask] = {}
    failed: dict[str, Mask] = {}
    # Whether temporal text was made from typed values is a property of the format, so it is one for the whole chunk
    # unless only some Parquet files hold strings; those are coerced apart.
    for at, column in enumerate(table.columns):
        parts = [extract.columns[at] for extract in extracts if extract.columns]
        iso = [column.name in extract.iso for extract in extracts if extract.columns]
        texts[column.name] = pa.concat_arrays(parts) if parts else pa.nulls(0, pa.string())
        if any(iso) and not all(iso):
            results = [coerce(column, part, zone=zone, iso=made) for part, made in zip(parts, iso, strict=True)]
            typed[column.name] = pa.concat_arrays([result.values for result in results])
            nulls[column.name] = np.concatenate([result.declared_nulls for result in results])
            failed[column.name] = np.concatenate([result.failed for result in results])
            continue
        result = coerce(column, texts[column.name], zone=zone, iso=bool(iso) and all(iso))
        typed[column.name], nulls[column.name], failed[column.name] = (
            _flat(result.values),
            result.declared_nulls,
            result.failed,
        )
    return Chunk(table, texts, typed, batch, line, nulls, failed)


def format_changes(chunk: Chunk) -> dict[int, FormatChange]:
    """By batch index: the first temporal column whose format left the declared one for another."""
    changes: dict[int, FormatChange] = {}
    for column in chunk.table.columns:
        if not column.temporal or not chunk.failed[column.name].any():
            continue
        for batch in np.unique(chunk.batch[chunk.failed[column.name]]):
            rows = (chunk.batch == batch) & ~chunk.declared_nulls[column.name]
            values = [text.strip() for text in chunk.texts[column.name].filter(pa.array(rows)).to_pylist() if text]
            change = changed_format(
                column.name,
                [text for text in values if text],
                column.formats,
                timestamp=column.data_type == "timestamp",
            )
            if change is not None:
                changes.setdefault(int(batch), change)
    return changes


def keep_batches(chunk: Chunk, kept: Sequence[int]) -> Chunk:
    """The chunk without the rows of other batches; batch indexes become positions in ``kept``."""
    renumber = {old: new for new, old in enumerate(kept)}
    mask = np.isin(chunk.batch, list(kept))
    if mask.all():
        # Batches without rows may still fall away, so the numbers can change here too.
        batch = np.array([renumber[old] for old in chunk.batch.tolist()], dtype=np.int32)
        return Chunk(chunk.table, chunk.texts, chunk.typed, batch, chunk.line, chunk.declared_nulls, chunk.failed)
    rows = pa.array(mask)
    return Chunk(
        chunk.table,
        {name: values.filter(rows) for name, values in chunk.texts.items()},
        {name: values.filter(rows) for name, values in chunk.typed.items()},
        np.array([renumber[old] for old in chunk.batch[mask].tolist()], dtype=np.int32),
        chunk.line[mask],
        {name: values[mask] for name, values in chunk.declared_nulls.items()},
        {name: values[mask] for name, values in chunk.failed.items()},
    )


def validate(chunk: Chunk) -> None:
    """Fill ``chunk.failures``: values that did not fit their type, then every broken rule of the pandera schema."""
    table = chunk.table
    if not chunk.size:
        return
    for column in table.columns:
        for position in np.flatnonzero(chunk.failed[column.name]):
            value = chunk.texts[column.name][int(position)].as_py()
            rule = f"valid_{column.data_type}"
            _add(chunk, int(position), Failure(rule, column.name, value, _sentence(table, rule, column.name, value)))
    for found in failures(_schema(table), check_frame(table, chunk.typed)):
        if found.column is not None and chunk.failed[found.column][found.position]:
            continue  # the value that did not fit is said already; its null is ours
        if found.column is None:
            names = next(rule.columns for rule in table.rules if rule.name == found.rule)
            value = ", ".join(f"{name}={chunk.texts[name][found.position].as_py()}" for name in names)
        else:
            value = chunk.texts[found.column][found.position].as_py()
        sentence = _sentence(table, found.rule, found.column, value)
        _add(chunk, found.position, Failure(found.rule, found.column, value, sentence))


@lru_cache(maxsize=256)
def _schema(table: LandingTable) -> Any:
    return compile_schema(table)


def _add(chunk: Chunk, position: int, failure: Failure) -> None:
    chunk.failures.setdefault(position, []).append(failure)


def _sentence(table: LandingTable, rule: str, column_name: str | None, value: str | None) -> str:
    if column_name is None:
        why = next(declared.why for declared in table.rules if declared.name == rule)
        return f"{why} ({value})."
    column = table.column(column_name)
    shown = "nothing" if value is None else repr(value)
    sentences = {
        "not_null": f"{column.source_name} holds {shown}, but a row needs it.",
        "pattern": f"{column.source_name}: {shown} does not match {column.pattern}.",
        "min": f"{column.source_name}: {shown} is below {column.minimum}.",
        "max": f"{column.source_name}: {shown} is above {column.maximum}.",
        "one_of": f"{column.source_name}: {shown} is none of {', '.join(column.one_of)}.",
    }
    if rule in sentences:
        return sentences[rule]
    declared = f" in the format {' or '.join(column.formats)}" if column.temporal else ""
    return f"{column.source_name}: {shown} is not a valid {column.sql_type.lower()}{declared}."


def _flat(values: pa.Array) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def take(values: pa.Array, positions: Sequence[int]) -> pa.Array:
    """Rows of an arrow array by position."""
    return pc.take(values, pa.array(positions, pa.int64()))
