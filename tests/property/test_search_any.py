"""Search finds a metric by whatever part of its words people type: prefixes, slips, Chinese without spaces."""

from __future__ import annotations

import string

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ops_assets.search import Entry, Field, SearchIndex, cosine, slips, terms_of

_LATIN = st.text(alphabet=string.ascii_lowercase, min_size=4, max_size=14)
_HAN = st.text(alphabet="订单毛利率供应商拒收库存周转设备效率客户满意度准时交付返工", min_size=2, max_size=8)
_ANY = st.text(max_size=60)


def index(*labels: tuple[str, str]) -> SearchIndex:
    return SearchIndex([Entry(name, (Field("label", label),)) for name, label in labels])


def slipped(word: str, kind: str, place: int, letter: str) -> str:
    """The word with one slip of the keyboard at ``place``."""
    at = place % len(word)
    if kind == "insert":
        return word[:at] + letter + word[at:]
    if kind == "leave_out":
        return word[:at] + word[at + 1 :]
    if kind == "exchange":
        return word[:at] + letter + word[at + 1 :]
    at = place % (len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


@given(st.lists(_LATIN, min_size=2, max_size=6, unique=True), st.data())
@settings(max_examples=150, deadline=None)
def test_the_whole_word_finds_its_entry_first(words: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(words))
    found = index(*((word, word) for word in words)).search(wanted)
    assert found[0].name == wanted
    assert found[0].score == 1


@given(_LATIN, _LATIN, st.integers(min_value=1, max_value=14))
@settings(max_examples=150, deadline=None)
def test_every_beginning_finds_the_word(word: str, other: str, length: int) -> None:
    beginning = word[:length]
    found = index(("wanted", f"{other} {word}")).search(beginning)
    assert [one.name for one in found] == ["wanted"]
    assert found[0].score >= 0.8


@given(
    st.text(alphabet=string.ascii_lowercase, min_size=5, max_size=14),
    st.sampled_from(["insert", "leave_out", "exchange", "swap"]),
    st.integers(min_value=0, max_value=13),
    st.sampled_from(string.ascii_lowercase),
)
@settings(max_examples=300, deadline=None)
def test_one_slip_of_the_keyboard_still_finds_the_word(word: str, kind: str, place: int, letter: str) -> None:
    typed = slipped(word, kind, place, letter)
    assert slips(typed, word) <= 1
    found = index(("wanted", word)).search(typed)
    assert [one.name for one in found] == ["wanted"]
    assert found[0].score >= 0.6


@given(_HAN, st.data())
@settings(max_examples=150, deadline=None)
def test_any_run_of_chinese_finds_the_label_that_contains_it(label: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(min_value=0, max_value=len(label) - 1))
    last = data.draw(st.integers(min_value=first + 1, max_value=len(label)))
    found = index(("wanted", label)).search(label[first:last])
    assert [one.name for one in found] == ["wanted"]
    assert found[0].score >= 0.9


@given(_HAN, _LATIN)
@settings(max_examples=60, deadline=None)
def test_chinese_and_latin_need_no_space_between_them(han: str, latin: str) -> None:
    assert terms_of(f"{latin}{han}") == (latin, han)
    assert index(("wanted", f"{han} {latin}")).search(f"{latin}{han}")[0].score == 1


@given(st.lists(st.tuples(_ANY, _ANY), max_size=5), _ANY)
@settings(max_examples=200, deadline=None)
def test_whatever_is_typed_gives_an_ordered_answer(texts: list[tuple[str, str]], query: str) -> None:
    entries = [
        Entry(f"m{number}", (Field("label", label), Field("definition", definition)))
        for number, (label, definition) in enumerate(texts)
    ]
    found = SearchIndex(entries).search(query)
    scores = [round(one.score, 6) for one in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len({one.name for one in found}) == len(found)
    assert found == SearchIndex(entries).search(query)


@given(_ANY)
@settings(max_examples=100, deadline=None)
def test_width_and_case_make_no_difference(label: str) -> None:
    assume(terms_of(label))
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in label)
    assert terms_of(wide.upper() if label.isascii() else wide) == terms_of(label)


_VECTOR = st.lists(st.floats(min_value=-100, max_value=100), min_size=3, max_size=3)


@given(_VECTOR, _VECTOR)
def test_a_cosine_is_symmetric_and_bounded(one: list[float], other: list[float]) -> None:
    assert cosine(one, other) == cosine(other, one)
    assert abs(cosine(one, other)) <= 1 + 1e-9


@given(_LATIN, _LATIN)
@settings(max_examples=100, deadline=None)
def test_slips_count_symmetrically_and_only_between_unlike_words(one: str, other: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert (slips(one, other) == 0) == (one == other)
    assert slips(one, other) <= max(len(one), len(other))
