"""Names as SQL writes them. Pure text; values never come this way, they are bound."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
