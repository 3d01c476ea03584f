"""An answer as JSON, CSV or Arrow. All three say the same; none of them decides anything.

JSON keeps the figures of one row together. CSV and Arrow have one row for each metric, period and member, with unit,
state and owner in every row, so that a file which is passed on still says what it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic_core import to_json

from ops_assets.semantic.answers import Answer, Figure, Standing

Format = Literal["json", "csv", "arrow"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
}
# A cell that begins with one of these would be run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def exact_text(number: Decimal | None) -> str | None:
    """A decimal in full digits, without needless zeros."""
    return None if number is None else f"{number.normalize():f}"


def encode(answer: Answer, form: Format) -> bytes:
    """The body of an HTTP answer or a file."""
    if form == "csv":
        return _csv(answer)
    return _arrow(answer) if form == "arrow" else to_json(document(answer))


def document(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON document."""
    names = [standing.metric.name for standing in answer.standings]
    return {
        "snapshot_id": answer.snapshot_id,
        "definitions": answer.definitions,
        "published_at": answer.published_at.isoformat(),
        "from": None if answer.first is None else answer.first.isoformat(),
        "to": answer.last.isoformat(),
        "grain": answer.query.grain,
        "figure": answer.query.figure,
        "dimensions": list(answer.query.dimensions),
        "metrics": [_standing(standing) for standing in answer.standings],
        "rows": [
            {
                "period_start": None if row.period is None else row.period.isoformat(),
                "dimensions": {
                    name: {"id": member.id, "label": member.label}
                    for name, member in zip(answer.query.dimensions, row.members, strict=True)
                },
                "figures": {name: _figure(found) for name, found in zip(names, row.figures, strict=True)},
            }
            for row in answer.rows
        ],
        "more": answer.more,
        "hidden": answer.hidden.sentence() or None,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "text": figure.text,
        "numerator": exact_text(figure.numerator),
        "denominator": exact_text(figure.denominator),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    metric, trust = standing.metric, standing.trust
    return {
        "metric": metric.name,
        "label_en": metric.label_en,
        "label_zh": metric.label_zh,
        "unit": metric.unit,
        "decimals": metric.decimals,
        "aggregation": metric.aggregation,
        "owner_role": metric.owner_role,
        "definition_version": metric.definition_version,
        "as_of": None if metric.as_of is None else metric.as_of.isoformat(),
        "state": metric.state,
        "reason": metric.reason or None,
        "figures_from": metric.good_snapshot_id,
        "trust": {
            "state": trust.state,
            "score": trust.score,
            "since": None if trust.since is None else trust.since.isoformat(),
            "sentence_en": trust.sentence("en"),
            "sentence_zh": trust.sentence("zh"),
        },
    }


def _columns(answer: Answer) -> list[str]:
    named = [column for name in answer.query.dimensions for column in (name, f"{name}_label")]
    after = "value text unit numerator denominator from to as_of published_at snapshot_id definition_version state"
    return ["metric", "period_start", *named, *after.split(), "trust_state", "owner_role"]


def _long_rows(answer: Answer) -> Iterator[list[Any]]:
    """Cells in the order of :func:`_columns`; decimals and dates as such."""
    for place, standing in enumerate(answer.standings):
        metric = standing.metric
        for row in answer.rows:
            figure = row.figures[place]
            members = [text for member in row.members for text in (member.id, member.label)]
            yield [metric.name, row.period, *members, figure.value, figure.text, metric.unit, figure.numerator,
                   figure.denominator, answer.first, answer.last, metric.as_of, answer.published_at,
                   answer.snapshot_id, metric.definition_version, metric.state, standing.trust.state,
                   metric.owner_role]  # fmt: skip


def _csv(answer: Answer) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheets need to read Chinese; formulas are made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = _columns(answer)
    numeric = {"value", "text", "numerator", "denominator"}
    writer.writerow(columns)
    for row in _long_rows(answer):
        writer.writerow([_cell(cell, column in numeric) for column, cell in zip(columns, row, strict=True)])
    return out.getvalue().encode("utf-8-sig")


def _cell(cell: Any, number: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return exact_text(cell) or ""
    if isinstance(cell, date):
        return cell.isoformat()
    text = str(cell)
    return f"'{text}" if not number and text.startswith(_FORMULA) else text


def _arrow(answer: Answer) -> bytes:
    import pyarrow as pa

    exact, text, day = pa.decimal128(38, 6), pa.string(), pa.date32()
    types = {"period_start": day, "value": pa.float64(), "numerator": exact, "denominator": exact, "from": day,
             "to": day, "as_of": day, "published_at": pa.timestamp("us", tz="UTC"),
             "definition_version": pa.int32()}  # fmt: skip
    columns = _columns(answer)
    cells = list(zip(*_long_rows(answer), strict=True)) or [()] * len(columns)
    schema = pa.schema([(name, types.get(name, text)) for name in columns])
    arrays = [pa.array(cell, type=schema.field(name).type) for name, cell in zip(columns, cells, strict=True)]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())
