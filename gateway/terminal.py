"""How the command line shows things: tables for people, JSON for programs, and errors as one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table

_P = ParamSpec("_P")
_R = TypeVar("_R")


def show(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool, empty: str) -> None:
    """Print ``rows``. ``columns`` maps keys to headings; JSON carries every key of the rows, also those not shown."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(key)) for key in columns))
    # A pipe gets whole lines: rich would otherwise fold the table to 80 columns there.
    Console(width=None if sys.stdout.isatty() else 240).print(table)


def show_one(row: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing, a line per field; a field that has fields of its own is a heading with a line for each."""
    if as_json:
        print_json(row)
        return
    width = max((len(key) for key in row), default=0)
    for name, value in row.items():
        key = name.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            print(f"{key}:")
            for entry in value:
                print("  " + "  ".join(_said(part) for part in entry.values()))
        elif isinstance(value, Mapping) and value:
            print(f"{key}:")
            _show_fields(value, "  ")
        else:
            print(f"{key:<{width}}  {_said(value)}")


def _show_fields(fields: Mapping[str, Any], indent: str) -> None:
    """``key: value`` a line, keys as they are written; what has fields of its own stands further in."""
    for key, value in fields.items():
        if isinstance(value, Mapping) and value:
            print(f"{indent}{key}:")
            _show_fields(value, f"{indent}  ")
        elif isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
            print(f"{indent}{key}:")
            for part in value:
                print(f"{indent}  - {_flat(part)}")
        else:
            print(f"{indent}{key}: {_said(value)}")


def _flat(value: object) -> str:
    """One line, whatever it is made of."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_flat(part)}" for key, part in value.items()) or "-"
    if isinstance(value, list | tuple):
        return "; ".join(map(_flat, value)) or "-"
    return _said(value)


def _said(value: object) -> str:
    """As in a table, but an instant names its zone: no heading does here."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{_text(value.astimezone(UTC))} UTC"
    return _text(value)


def print_json(body: object) -> None:
    print(json.dumps(body, default=_plain, ensure_ascii=False, indent=2))


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End with one sentence on standard error."""
    print(sentence, file=sys.stderr)
    raise typer.Exit(code)


def one_sentence_errors(*errors: type[Exception]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Turn expected errors into their sentence and exit code 1; unexpected ones keep their traceback."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return function(*args, **kwargs)
            except errors as error:
                fail(str(error))

        return wrapped

    return decorate


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return ", ".join(f"{number} {key}" for key, number in value.items()) or "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value)
    return str(value)
