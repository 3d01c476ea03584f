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

from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.values import Plain

_UNREADABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def require_readable(value: object) -> None:
    """Raises ValueError, whose text continues a sentence that begins with the field, where a text in ``value`` (also
    in its lists and maps, and their keys) has a character that no text has.
    """
    if isinstance(value, str):
        found = _UNREADABLE.search(value)
        if found is not None:
            where = f"character {found.start() + 1} is U+{ord(found[0]):04X}"
            raise ValueError(
                f"has a control character, which nobody can see ({where}). Please delete it, or type the text anew"
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


def read_text(what: str, text: str, *, longest: int) -> str:
    """What somebody says, without blanks around it; ``what`` names it for him. Raises Refused(form_invalid)."""
    try:
        require_readable(text)
    except ValueError as error:
        raise Refused("form_invalid", f"{what} {error}.") from error
    said = text.strip()
    if len(said) > longest:
        raise Refused("form_invalid", f"{what} is too long: {len(said)} characters, at most {longest}.")
    return said
