"""Words in the reader's language: the texts of all areas, and dictionary entries that carry both languages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Literal, Protocol, cast

from gateway import texts

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
Words = tuple[str, str]


class BothLanguages(Protocol):
    """A text that a dictionary entry gives in both languages."""

    @property
    def en(self) -> str: ...
    @property
    def zh(self) -> str: ...


def text(language: str, key: str, **values: object) -> str:
    """The words of a key, with ``{name}`` replaced by ``values``.

    A key without words is shown as itself: a test notices it, and a reader still gets the page.
    """
    words = all_texts().get(key)
    if words is None:
        return key
    chosen = words[LANGUAGES.index(cast(Language, language))]
    return chosen.format(**values) if values else chosen


def chosen(language: str, entry: BothLanguages) -> str:
    """A dictionary entry's text in ``language``; English where the other is empty."""
    return (entry.zh if language == "zh" else entry.en) or entry.en


@cache
def all_texts() -> Mapping[str, Words]:
    """Every text of every area, by key."""
    return {key: words for area in areas().values() for key, words in area.items()}


@cache
def areas() -> Mapping[str, Mapping[str, Words]]:
    """The texts of each area, by the name of its module."""
    names = sorted(module.name for module in pkgutil.iter_modules(texts.__path__))
    return {name: importlib.import_module(f"{texts.__name__}.{name}").TEXTS for name in names}
