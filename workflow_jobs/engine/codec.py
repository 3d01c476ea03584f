"""Frozen values to plain JSON and back, by their declared types. Which classes exist is said elsewhere.

Instants are written as ISO-8601 in UTC and must be aware. Reading is strict: an unknown field or a wrong type raises
CodecError, a missing field takes its default, so that fields may be added later and old logs still load.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

T = TypeVar("T", bound="Value")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class CodecError(ValueError):
    """The JSON does not describe the class that it should."""


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What events and states are made of: a state of some hundred fields is made, written and read with every step."""


def encode(value: Value) -> dict[str, Any]:
    """A value as plain JSON; classes that say `omit_defaults` leave out what holds its default."""
    body: dict[str, Any] = msgspec.to_builtins(value)
    return body


def decode(cls: type[T], body: Mapping[str, Any]) -> T:
    """Build `cls` from what `encode` wrote. Raises CodecError."""
    try:
        return msgspec.convert(body, cls)
    except msgspec.ValidationError as error:
        raise CodecError(f"{cls.__name__} cannot be read: {error}") from error
