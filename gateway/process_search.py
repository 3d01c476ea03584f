"""Which process somebody means who types words instead of a template's id: its title or words of it, in any language.

Belongs here: reading the words. Does not belong here: who may open what (workflow_jobs.cases) and the answer
(slack_opening). Pure. How single words are compared is ops_assets.search.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from ops_assets.search import HAN, Entry, Field, SearchIndex
from workflow_jobs.engine.template import Template

_HAN: Final = re.compile(f"[{HAN}]")
_MOST_WORDS: Final = 12
# They name no process: many descriptions have the small ones, and every process is one.
_SAYS_NOTHING: Final = frozenset({"the", "for", "and", "case", "process", "请", "一个", "事件单", "流程"})
_SHORTEST: Final = 3
_NAMES: Final = frozenset({"label", "name"})


@dataclass(frozen=True, slots=True)
class Meant:
    """The templates that the words may mean, best first, and the words that do not name them but what it is about."""

    templates: tuple[Template, ...]
    rest: str = ""


def named(templates: Collection[Template], words: str) -> Meant:
    """The template whose id or title the words begin with; of several the one with the longest name."""
    said = " ".join(words.split())
    found = [(len(name), one) for one in templates for name in _names(one) if _begins(said, name)]
    longest = max((length for length, _ in found), default=0)
    # Two may have one title.
    best = {one.id: one for length, one in found if length == longest}
    return Meant(tuple(best.values()), said[longest:].lstrip(" :：,，-–").strip() if best else "")


def described(templates: Collection[Template], words: str) -> Meant:
    """The templates whose titles or descriptions have the first words, as many of them as one template has together;
    where none has the first, those that have most of the words. Titles count before descriptions.
    """
    index = SearchIndex([_entry(one) for one in templates])
    by_id = {one.id: one for one in templates}
    typed = words.split()
    telling = [(at, word) for at, word in enumerate(typed[:_MOST_WORDS], start=1) if not _says_nothing(word)]
    having = [(at, word, {one.name for one in index.search(word)}) for at, word in telling]
    left, taken = set(by_id), 0
    for at, _, names in having:
        if not left & names:
            break
        left, taken = left & names, at
    if not taken:
        counted = Counter(name for _, _, names in having for name in names)
        left = {name for name, count in counted.items() if count == max(counted.values())}
    found = index.search(" ".join(word for at, word, names in having if (at <= taken if taken else names & left)))
    ranked = [one for one in found if one.name in left]
    by_title = [one for one in ranked if one.by.kind in _NAMES]
    return Meant(tuple(by_id[one.name] for one in by_title or ranked), " ".join(typed[taken:]) if ranked else "")


def _names(template: Template) -> Iterator[str]:
    yield template.id
    yield template.id.replace("_", " ")
    yield template.title.en
    yield template.title.zh


def _begins(said: str, name: str) -> bool:
    """Whether the words begin with the whole name: Chinese needs no blank behind it."""
    if not name or said[: len(name)].casefold() != name.casefold():
        return False
    behind = said[len(name) : len(name) + 1]
    return bool(_HAN.match(name[-1])) or not (behind.isalnum() or behind == "_")


def _entry(template: Template) -> Entry:
    fields = [Field("label", template.title.en), Field("label", template.title.zh)]
    fields.append(Field("name", template.id.replace("_", " ")))
    fields += [Field("definition", template.description.en), Field("definition", template.description.zh)]
    return Entry(template.id, tuple(field for field in fields if field.text.strip()))


def _says_nothing(word: str) -> bool:
    return word.casefold() in _SAYS_NOTHING or (len(word) < _SHORTEST and not _HAN.search(word))
