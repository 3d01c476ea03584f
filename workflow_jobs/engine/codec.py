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
from operator import attrgetter
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")
_SCALARS: Final = frozenset({str, int, bool, float})


class CodecError(ValueError):
    """The JSON does not describe the class that it should."""


def encode(value: Any, *, brief: bool = False) -> Any:
    """A dataclass (or a value inside one) as plain JSON. `brief` leaves fields out that hold their default."""
    kind = type(value)
    if value is None or kind in _SCALARS:
        return value
    if kind is dict:
        return {str(key): encode(item, brief=brief) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _fields(kind).encoded(value, brief)
    if isinstance(value, datetime):
        return _written_instant(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item, brief=brief) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(item, brief=brief) for item in value]
    return value


def decode(cls: type[T], body: Mapping[str, Any]) -> T:
    """Build `cls` from what `encode` wrote. Raises CodecError."""
    fields = _fields(cast(Any, cls))
    unknown = body.keys() - fields.readers.keys()
    if unknown:
        raise CodecError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}: written by a later version?")
    try:
        return cls(**fields.decoded(body))
    except (TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"{cls.__name__} cannot be read: {error}") from error


class _Fields:
    """The fields of one class. Most hold a text, a number or nothing, which JSON has as well: only the others are
    converted one by one, since states of some hundred fields are written and read with every step.
    """

    def __init__(self, cls: type[Any]) -> None:
        hints = typing.get_type_hints(cls)
        declared = dataclasses.fields(cls)
        self._names = tuple(field.name for field in declared)
        self._values = attrgetter(*self._names) if len(declared) > 1 else None
        self._converted = tuple(name for name in self._names if not _scalar_types(hints[name]))
        self._defaults = tuple(_default(field) for field in declared)
        self.readers = {field.name: _reader(hints[field.name]) for field in declared if field.init}
        self._types = {name: _scalar_types(hints[name]) for name in self.readers}

    def encoded(self, value: Any, brief: bool) -> dict[str, Any]:
        if self._values is None:
            return {name: encode(getattr(value, name), brief=brief) for name in self._names}
        if brief:
            found = zip(self._names, self._values(value), self._defaults, strict=True)
            body = {name: entry for name, entry, default in found if entry is not default and entry != default}
        else:
            body = dict(zip(self._names, self._values(value), strict=True))
        for name in self._converted:
            entry = body.get(name)
            if entry is not None:
                body[name] = encode(entry, brief=brief)
        return body

    def decoded(self, body: Mapping[str, Any]) -> dict[str, Any]:
        types_of, readers = self._types, self.readers
        return {name: value if type(value) in types_of[name] else readers[name](value) for name, value in body.items()}


def _default(field: dataclasses.Field[Any]) -> Any:
    """What a missing field is read as; a field that has none equals nothing."""
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


@cache
def _fields(cls: type[Any]) -> _Fields:
    return _Fields(cls)


def _scalar_types(hint: Any) -> frozenset[type[Any]]:
    """The types that stand in JSON as they are, where the field can hold nothing else; else none."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    parts = frozenset(typing.get_args(hint)) if union else frozenset({hint})
    return parts if parts - {types.NoneType} and parts <= _SCALARS | {types.NoneType} else frozenset()


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
        return lambda value: tuple([item(entry) for entry in value])
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
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise CodecError(f"{value!r} names no time zone")
    return instant.astimezone(UTC)


def _written_instant(value: datetime) -> str:
    if value.tzinfo is UTC:
        return value.isoformat()
    if value.utcoffset() is None:
        raise CodecError(f"{value!r} is a naive time: the engine keeps aware UTC instants only")
    return value.astimezone(UTC).isoformat()
