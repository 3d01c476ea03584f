"""Free text that people and programs bring: what of it a case can keep.

Belongs here: which characters no text has, and the one reading of reasons, answers and comments. A form's own fields
are `forms`.

Control characters other than tab, newline and carriage return, halves of surrogate pairs, and characters that turn the
direction of writing around, are in no text: nobody can see them, PostgreSQL reads no JSON that has a NUL, and a turned
text shows another order than it has. What is said is refused; what a job or a rule reports is kept with U+FFFD in their
place, since nobody is there to type it anew. Joiners and marks within a text stay, since scripts and emoji need them; a
text of nothing but such characters says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from workflow_jobs.engine.parts import Text
from workflow_jobs.engine.refusal import BadValue, Refused
from workflow_jobs.engine.values import Plain

_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Blanks, joiners, marks of direction, fillers and selectors of variants: what draws nothing by itself.
_UNSEEN: Final = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]*"
)


def require_readable(value: object) -> None:
    """Raises BadValue where a text in ``value`` (also in its lists and maps, and their keys) has a character that no
    text has.
    """
    if isinstance(value, str):
        found = _UNREADABLE.search(value)
        if found is not None:
            at, what = found.start() + 1, f"U+{ord(found[0]):04X}"
            if unicodedata.category(found[0]) == "Cf":
                what += f" {unicodedata.name(found[0])}"
                raise BadValue(
                    f"has a character that turns the direction of writing, which nobody can see (character {at} is "
                    f"{what}). Please delete it, or type the text anew",
                    f"含有改变书写方向的不可见字符（第 {at} 个字符为 {what}），请删除或重新输入",
                )
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


def said(text: str) -> str:
    """The text without blanks around it; empty where there is nothing in it that anybody can see."""
    return "" if _UNSEEN.fullmatch(text) else text.strip()


def read_text(what: Text, text: str, *, longest: int, field: str = "") -> str:
    """What somebody says, without blanks around it; ``what`` names it for him, and ``field`` is its name in a form.

    Raises Refused(form_invalid).
    """
    fields = (field,) if field else ()
    try:
        require_readable(text)
    except BadValue as bad:
        raise Refused("form_invalid", f"{what.en} {bad}.", f"{what.zh}：{bad.chinese}。", fields=fields) from bad
    kept = said(text)
    if len(kept) > longest:
        raise Refused(
            "form_invalid",
            f"{what.en} is too long: {len(kept)} characters, at most {longest}.",
            f"{what.zh}：过长，共 {len(kept)} 个字符，最多 {longest} 个。",
            fields=fields,
        )
    return kept
