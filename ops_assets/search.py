"""Finding metrics by words: dictionary texts in both languages, character n-grams, and optionally meaning. Pure.

How results are ranked (docs/pages.md says the same in more words):

1. The query is folded (width, case, accents) and cut into terms: Latin words, and runs of Chinese, which need no
   spaces.
2. A term is compared with every word of a field: equal 1; the start of the word 0.8 to 1, the more of it the better;
   one slip of the keyboard in 4 to 7 letters, or two in 8 and more, 0.75; inside the word 0.65; else the share of
   common bigrams (Dice), if half or more, times 0.6. A Chinese run counts 0.9 to 1 where it stands in the field, else
   0.8 times the share of its bigrams that do, if half or more.
3. A term's score is its best over the fields, each times its weight; the metric's is the mean over the terms, weighed
   by their length. Less than a third, or less than half the best metric's, is no result. Equal scores go by the share
   of the best field that the query covers, then by name.
4. With an embedder, the cosine of query and metric, if the embedder counts it as similar, times 0.8 is taken where it
   is higher: a metric that says the word stays ahead of one that means it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Protocol

Kind = Literal["label", "synonym", "name", "definition", "domain", "owner", "dimension", "meaning"]
WEIGHTS: Mapping[Kind, float] = {
    "label": 1.0,
    "synonym": 0.97,
    "name": 0.85,
    "owner": 0.6,
    "dimension": 0.6,
    "domain": 0.55,
    "definition": 0.5,
}
_LEAST = 1 / 3
_OF_THE_BEST = 0.5
_BY_MEANING = 0.8
_LONGEST_QUERY = 200
# The ranges of Chinese characters, to be put into brackets of a regular expression.
HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TERM = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+")


class Embedder(Protocol):
    """Turns texts into vectors of one length, so that texts of like meaning point the same way.

    ``least_similarity`` is the cosine from which this embedder's vectors count as similar; models differ in it.
    """

    @property
    def least_similarity(self) -> float: ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in order."""
        ...


@dataclass(frozen=True)
class Field:
    """One text by which an entry can be found."""

    kind: Kind
    text: str

    @cached_property
    def terms(self) -> tuple[str, ...]:
        return terms_of(self.text)

    @cached_property
    def length(self) -> int:
        return sum(map(len, self.terms)) or 1


@dataclass(frozen=True)
class Entry:
    """What can be found: an id and its texts, in any language."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Found:
    """A result. ``score`` is above 0 and at most 1; ``by`` is the field that matched best."""

    name: str
    score: float
    by: Field


def folded(text: str) -> str:
    """Text without differences of width, case and accents."""
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


def terms_of(text: str) -> tuple[str, ...]:
    """The terms of a text: Latin words and numbers, and whole runs of Chinese, folded, in order."""
    return tuple(_TERM.findall(folded(text)))


class SearchIndex:
    """Entries made ready for searching. Vectors of the entries are computed once, at the first search."""

    def __init__(self, entries: Sequence[Entry], embedder: Embedder | None = None) -> None:
        self._entries = tuple(entries)
        self._embedder = embedder

    def search(self, query: str) -> list[Found]:
        """The entries that ``query`` finds, best first; an empty query, or one without a letter, finds nothing.

        Only the first 200 characters count. Raises what the embedder raises.
        """
        terms = terms_of(query[:_LONGEST_QUERY])
        if not terms:
            return []
        found = [one for one in (self._by_words(entry, terms) for entry in self._entries) if one is not None]
        best = max((one[0].score for one in found), default=0.0)
        kept = {one.name: (one, cover) for one, cover in found if one.score >= max(_LEAST, _OF_THE_BEST * best)}
        for name, similarity in self._by_meaning(query).items():
            score = _BY_MEANING * similarity
            if name not in kept or kept[name][0].score < score:
                kept[name] = (Found(name, score, Field("meaning", "")), 0.0)
        ranked = sorted(kept.values(), key=lambda one: (-round(one[0].score, 6), -one[1], one[0].name))
        return [one for one, _ in ranked]

    def _by_words(self, entry: Entry, terms: Sequence[str]) -> tuple[Found, float] | None:
        """The entry with its score by words, and the share of its best field that the query covers."""
        total, weight, best = 0.0, 0, (0.0, 0.0, entry.fields[0])
        by_field = [0.0] * len(entry.fields)
        for term in terms:
            scores = [WEIGHTS[field.kind] * _in_field(term, field) for field in entry.fields]
            by_field = [sum_ + score * len(term) for sum_, score in zip(by_field, scores, strict=True)]
            total += max(scores) * len(term)
            weight += len(term)
        for field, score in zip(entry.fields, by_field, strict=True):
            best = max(best, (score / weight, min(1.0, weight / field.length), field), key=lambda one: one[:2])
        return (Found(entry.name, total / weight, best[2]), best[1]) if total else None

    def _by_meaning(self, query: str) -> dict[str, float]:
        """Cosine of query and entry, where the embedder counts it as similar."""
        if self._embedder is None or not self._entries:
            return {}
        (asked,) = self._embedder.embed([query[:_LONGEST_QUERY]])
        least = self._embedder.least_similarity
        near = {entry.name: cosine(asked, vector) for entry, vector in zip(self._entries, self._vectors, strict=True)}
        return {name: min(1.0, similarity) for name, similarity in near.items() if similarity >= least}

    @cached_property
    def _vectors(self) -> Sequence[Sequence[float]]:
        assert self._embedder is not None, "asked for only with an embedder"
        return self._embedder.embed([_whole_text(entry) for entry in self._entries])


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine of the angle between two vectors; 0 where one is all zero. Raises ValueError for unlike lengths."""
    lengths = math.sqrt(math.fsum(x * x for x in one)) * math.sqrt(math.fsum(y * y for y in other))
    return math.fsum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0


def slips(one: str, other: str) -> int:
    """Letters inserted, left out, exchanged or swapped with their neighbour between two words.

    The optimal string alignment distance: E. Ukkonen, Algorithms for approximate string matching (1985), with swaps.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, match in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != match))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == match:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _in_field(term: str, field: Field) -> float:
    """How well one term of a query fits one field, 0 to 1."""
    if _is_han(term):
        return _han_fit(term, [word for word in field.terms if _is_han(word)])
    return max((_word_fit(term, word) for word in field.terms if not _is_han(word)), default=0.0)


def _word_fit(term: str, word: str) -> float:
    if term == word:
        return 1.0
    if word.startswith(term):
        return 0.8 + 0.2 * len(term) / len(word)
    allowed = 0 if len(term) < 4 else 1 if len(term) < 8 else 2
    if abs(len(term) - len(word)) <= allowed and slips(term, word) <= allowed:
        return 0.75
    if len(term) >= 3 and term in word:
        return 0.65
    mine, theirs = _bigrams(f"^{term}"), _bigrams(f"^{word}")
    dice = 2 * len(mine & theirs) / (len(mine) + len(theirs))
    return 0.6 * dice if dice >= 0.5 else 0.0


def _han_fit(term: str, runs: Sequence[str]) -> float:
    whole = [0.9 + 0.1 * len(term) / len(run) for run in runs if term in run]
    if whole:
        return max(whole)
    if len(term) < 2:
        return 0.0
    mine = _bigrams(term)
    share = max((len(mine & _bigrams(run)) / len(mine) for run in runs), default=0.0)
    return 0.8 * share if share >= 0.5 else 0.0


def _bigrams(word: str) -> frozenset[str]:
    return frozenset(word[at : at + 2] for at in range(len(word) - 1))


def _is_han(term: str) -> bool:
    return re.match(f"[{HAN}]", term) is not None


def _whole_text(entry: Entry) -> str:
    return ". ".join(field.text for field in entry.fields if field.kind in {"label", "synonym", "definition"})
