"""Frozen dataclasses to plain JSON and back, by their declared types. Which classes exist is said elsewhere.

Instants are written as ISO-8601 in UTC and must be aware. Reading is strict: an unknown field or a wrong type raises
CodecError, a missing field takes its default, so that fields may be added later and old logs still load.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")
_SCALARS: Final = frozenset({str, int, bool, float})


class CodecError(ValueError):
    """The JSON does not describe the class that it should."""


def encode(value: Any) -> Any:
    """A dataclass (or a value inside one) as plain JSON."""
    kind = type(value)
    if value is None or kind in _SCALARS:
        return value
    if dataclasses.is_dataclass(kind):
        return {name: encode(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise CodecError(f"{value!r} is a naive time: the engine keeps aware UTC instants only")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def decode(cls: type[T], body: Mapping[str, Any]) -> T:
    """Build `cls` from what `encode` wrote. Raises CodecError."""
    readers = _readers(cast(Any, cls))
    unknown = body.keys() - readers.keys()
    if unknown:
        raise CodecError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}: written by a later version?")
    try:
        return cls(**{name: readers[name](value) for name, value in body.items()})
    except (TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"{cls.__name__} cannot be read: {error}") from error


@cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


@cache
def _readers(cls: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(cls) if field.init}


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [_reader(argument) for argument in arguments if argument is not types.NoneType]
        if len(inner) != 1:
            return _as_is
        read = inner[0]
        return lambda value: None if value is None else read(value)
    if hint is datetime:
        return _instant
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda value: tuple(item(entry) for entry in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        item = _reader(arguments[1])
        return lambda value: {key: item(entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return lambda value: decode(hint, value)
    if hint in (str, int, bool):
        return lambda value: _exactly(hint, value)
    return _as_is


def _as_is(value: Any) -> Any:
    return value


def _exactly(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise CodecError(f"expected {kind.__name__}, got {value!r}")
    return value


def _instant(value: str) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.utcoffset() is None:
        raise CodecError(f"{value!r} names no time zone")
    return instant.astimezone(UTC)
