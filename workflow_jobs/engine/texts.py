"""Free text that people and programs bring: what of it a case can keep.

Belongs here: which characters no text has, and the one reading of reasons, answers and comments. A form's own fields
are `forms`.

Control characters other than tab, newline and carriage return, and halves of surrogate pairs, are in no text: nobody
can see them, and PostgreSQL reads no JSON that has a NUL. What is said is refused; what a job or a rule reports is
kept with U+FFFD in their place, since nobody is there to type it anew.
"""

from __future__ import annotations

import re
from typing import Final

from workflow_jobs.engine.parts import Text
from workflow_jobs.engine.refusal import BadValue, Refused
from workflow_jobs.engine.values import Plain

_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def require_readable(value: object) -> None:
    """Raises BadValue where a text in ``value`` (also in its lists and maps, and their keys) has a character that no
    text has.
    """
    if isinstance(value, str):
        found = _UNREADABLE.search(value)
        if found is not None:
            at, what = found.start() + 1, f"U+{ord(found[0]):04X}"
            raise BadValue(
                f"has a control character, which nobody can see (character {at} is {what}). Please delete it, or type "
                "the text anew",
                f"含有不可见的控制字符（第 {at} 个字符为 {what}），请删除或重新输入",
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            require_readable(key)
            require_readable(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            require_readable(item)


def readable(value: Plain) -> Plain:
    """The value with U+FFFD for every character that no text has."""
    if isinstance(value, str):
        return readable_text(value)
    if isinstance(value, dict):
        return {readable_text(key): readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value


def readable_text(text: str) -> str:
    """The text with U+FFFD for every character that no text has."""
    return _UNREADABLE.sub("\ufffd", text)


def read_text(what: Text, text: str, *, longest: int, field: str = "") -> str:
    """What somebody says, without blanks around it; ``what`` names it for him, and ``field`` is its name in a form.

    Raises Refused(form_invalid).
    """
    fields = (field,) if field else ()
    try:
        require_readable(text)
    except BadValue as bad:
        raise Refused("form_invalid", f"{what.en} {bad}.", f"{what.zh}：{bad.chinese}。", fields=fields) from bad
    said = text.strip()
    if len(said) > longest:
        raise Refused(
            "form_invalid",
            f"{what.en} is too long: {len(said)} characters, at most {longest}.",
            f"{what.zh}：过长，共 {len(said)} 个字符，最多 {longest} 个。",
            fields=fields,
        )
    return said
