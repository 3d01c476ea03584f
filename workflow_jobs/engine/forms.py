"""Check what people typed into a form against its fields, and write it down in one canonical way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from workflow_jobs.engine.parts import FormField
from workflow_jobs.engine.refusal import BadValue, Refused
from workflow_jobs.engine.texts import readable_text, require_readable, said
from workflow_jobs.engine.values import Plain, decimal_text, plain

SIGNIFICANT_DIGITS: Final = 15
# A year outside of these is a slip of the finger, and a wait for such a date would be over at once or never.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
# One comma before three digits: thousands for some, decimals for others.
_EITHER = re.compile(r"[^,.]+,\d{3}")
_THREE_DECIMALS: Final = 3
_DIGITS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_YES: Final[Mapping[str, bool]] = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}


def read_form(fields: tuple[FormField, ...], values: Mapping[str, Any], outcome: str) -> dict[str, Plain]:
    """The form in canonical form; empty fields are left out.

    Raises Refused: unknown_field, form_incomplete, form_invalid.
    """
    known = {field.name: field for field in fields}
    for name in values:
        if name not in known:
            offered = ", ".join(known) or "none"
            raise Refused(
                "unknown_field",
                f"This form has no field {name!r} (its fields: {offered}).",
                f"该表单没有字段 {name!r}（现有字段：{'、'.join(known) or '无'}）。",
                fields=(name,),
            )
    read: dict[str, Plain] = {}
    missing: list[FormField] = []
    for field in fields:
        value = values.get(field.name)
        if value is None or value in ([], ()) or (isinstance(value, str) and not said(value)):
            if field.required_for(outcome):
                missing.append(field)
            continue
        try:
            read[field.name] = read_typed(field, value)
        except BadValue as bad:
            raise Refused("form_invalid", *wrong_value(field, bad), fields=(field.name,)) from bad
    if missing:
        raise Refused("form_incomplete", *please_fill_in(*missing), fields=[field.name for field in missing])
    return read


def read_inputs(fields: tuple[FormField, ...], data: Mapping[str, Any]) -> dict[str, Plain]:
    """A new case's data: declared inputs checked, other keys kept as plain JSON. Raises Refused(input_invalid)."""
    read: dict[str, Plain] = {}
    known = {field.name: field for field in fields}
    for name, value in data.items():
        field = known.get(name)
        try:
            require_readable(name)
            read[name] = _undeclared(value) if field is None or value is None else read_value(field, value)
        except BadValue as bad:
            shown = readable_text(name)
            chinese = f"输入项 {shown if field is None else field.title.zh}：{bad.chinese}。"
            raise Refused("input_invalid", f"The input {shown} {bad}.", chinese, fields=(shown,)) from bad
    for field in fields:
        if field.required is True and read.get(field.name) in (None, ""):
            raise Refused(
                "input_invalid",
                f"The input {field.name} ({field.title.en}) is missing.",
                f"缺少输入项 {field.name}（{field.title.zh}）。",
                fields=(field.name,),
            )
    return read


def please_fill_in(*fields: FormField) -> tuple[str, str]:
    """What is said of required fields that are empty, in English and Chinese."""
    return (
        f"Please fill in: {', '.join(field.title.en for field in fields)}.",
        f"请填写：{'、'.join(field.title.zh for field in fields)}。",
    )


def wrong_value(field: FormField, bad: BadValue) -> tuple[str, str]:
    """What is said of a value that the field does not take, in English and Chinese."""
    return f"{field.title.en} {bad}.", f"{field.title.zh}：{bad.chinese}。"


def read_typed(field: FormField, value: Any) -> Plain:
    """One value that somebody fills in now: as `read_value`, and the year of a date must be a likely one."""
    read = read_value(field, value)
    if field.type == "date" and not FIRST_YEAR <= date.fromisoformat(str(read)).year <= LAST_YEAR:
        raise BadValue(
            f"must be a date of the years {FIRST_YEAR} to {LAST_YEAR}, got {value!r}",
            f"须为 {FIRST_YEAR} 至 {LAST_YEAR} 年的日期，当前为 {value!r}",
        )
    return read


def read_value(field: FormField, value: Any) -> Plain:
    """One value in canonical form. Raises BadValue."""
    require_readable(value)
    match field.type:
        case "decimal":
            return _bounded(field, _decimal(field, value))
        case "integer":
            text = _number_text(value, decimals=0)
            if Decimal(text) != int(Decimal(text)) or abs(Decimal(text)) >= 2**53:
                raise BadValue(f"must be a whole number, got {value!r}", f"须为整数，当前为 {value!r}")
            _bounded(field, text)
            return int(Decimal(text))
        case "boolean":
            answer = value if isinstance(value, bool) else _YES.get(str(value).strip().lower())
            if answer is None:
                raise BadValue(f"must be yes or no, got {value!r}", f"须为是或否，当前为 {value!r}")
            return answer
        case "date":
            return _date(value)
        case "file":
            return _files(field, value)
        case "choice":
            if not isinstance(value, str) or value not in {option.value for option in field.options}:
                offered = ", ".join(option.value for option in field.options)
                offered_zh = "、".join(option.title.zh for option in field.options)
                raise BadValue(
                    f"must be one of {offered}, got {value!r}", f"须为以下之一：{offered_zh}，当前为 {value!r}"
                )
            return value
        case _:
            if not isinstance(value, str):
                raise BadValue(f"must be text, got {value!r}", f"须为文本，当前为 {value!r}")
            if (length := len(kept := said(value))) > field.max_length:
                raise BadValue(
                    f"is too long: {length} characters, at most {field.max_length}",
                    f"过长，共 {length} 个字符，最多 {field.max_length} 个",
                )
            return kept


def _undeclared(value: Any) -> Plain:
    try:
        kept = plain(value)
    except ValueError as error:
        raise BadValue(str(error), f"无法保存 {type(value).__name__} 类型的值") from error
    require_readable(kept)
    return kept


def _files(field: FormField, value: Any) -> list[Plain]:
    """Ids of evidence, each once; whether the case has them is the store's knowledge."""
    ids = [value] if isinstance(value, str) else value
    if not isinstance(ids, (list, tuple)) or not all(isinstance(one, str) and one for one in ids):
        raise BadValue(f"must be ids of files, got {value!r}", f"须为文件编号，当前为 {value!r}")
    if (count := len(set(ids))) > field.max_files:
        raise BadValue(
            f"takes at most {field.max_files} files, got {count}", f"最多 {field.max_files} 个文件，当前 {count} 个"
        )
    return list(dict.fromkeys(ids))


def _decimal(field: FormField, value: Any) -> str:
    text = _number_text(value, decimals=field.decimals)
    number = Decimal(text)
    digits, exponent = len(number.as_tuple().digits), -int(number.as_tuple().exponent)
    if max(digits, exponent) > SIGNIFICANT_DIGITS:  # more would not survive a condition, see `conditions`
        raise BadValue(
            f"has more than {SIGNIFICANT_DIGITS} digits: {value!r}", f"超过 {SIGNIFICANT_DIGITS} 位数字：{value!r}"
        )
    if exponent > field.decimals and number != round(number, field.decimals):
        raise BadValue(
            f"has more than {field.decimals} decimal places: {value!r}", f"小数超过 {field.decimals} 位：{value!r}"
        )
    return text


def _number_text(value: Any, *, decimals: int) -> str:
    """Exact decimal text of what was typed; full-width digits and thousands separators are understood.

    A comma that may as well begin the decimals is refused: 0,500 is half of one for who writes decimals so, and 1,234
    is not a thousand where the field has three decimal places.
    """
    if isinstance(value, str):
        typed = unicodedata.normalize("NFKC", value).strip().replace(" ", "").replace("_", "")
        if decimals >= _THREE_DECIMALS and _EITHER.fullmatch(typed):
            raise _no_number(value)
        if _GROUPED.fullmatch(typed):
            typed = typed.replace(",", "")
        if not _DIGITS.fullmatch(typed) or len(typed) > 40:
            raise _no_number(value)
        return decimal_text(typed)
    if isinstance(value, (int, float, Decimal)):
        try:
            return decimal_text(value)
        except ValueError:
            pass
    raise _no_number(value)


def _no_number(value: Any) -> BadValue:
    if isinstance(value, str) and "," in unicodedata.normalize("NFKC", value):
        return BadValue(
            f"must be a number with a point before its decimals, such as 1250.50, got {value!r}",
            f"须为以小数点分隔小数的数字，例如 1250.50，当前为 {value!r}",
        )
    return BadValue(f"must be a number such as 1250.50, got {value!r}", f"须为数字，例如 1250.50，当前为 {value!r}")


def _bounded(field: FormField, text: str) -> str:
    number = Decimal(text)
    if field.min is not None and number < field.min:
        raise BadValue(f"must be at least {field.min}, got {text}", f"不得小于 {field.min}，当前为 {text}")
    if field.max is not None and number > field.max:
        raise BadValue(f"must be at most {field.max}, got {text}", f"不得大于 {field.max}，当前为 {text}")
    return text


def _date(value: Any) -> str:
    if type(value) is date:
        return value.isoformat()
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise BadValue(
            f"must be a date such as 2026-03-31, got {value!r}", f"须为日期，例如 2026-03-31，当前为 {value!r}"
        ) from None
