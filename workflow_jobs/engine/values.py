"""Business values inside a case: plain JSON, decimals as exact strings. Forms check them, conditions read them.

A case's data holds str, int, bool, None, lists and maps of these. An amount is a decimal written out ("49999.99"),
never a float: JSON keeps it exactly, and the template says that the field is a decimal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Plain: TypeAlias = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None
else:
    # The classes that hold these are read by their hints, and no reader knows an alias that names itself.
    Plain = Any
Number: TypeAlias = Decimal | int | float | str


def decimal_text(value: Number) -> str:
    """A number as exact decimal text without exponent. A float counts as its shortest decimal (0.1 is "0.1").

    Raises ValueError for what is no finite number.
    """
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return format(number, "f")


def plain(value: object) -> Plain:
    """A value as plain JSON: Decimal as exact text, dates and instants as ISO text, tuples as lists.

    Raises ValueError for what JSON cannot carry (NaN, objects, keys that are no strings).
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no finite number")
        return value
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("keys must be strings")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    raise ValueError(f"a value of type {type(value).__name__} cannot be kept in a case")
