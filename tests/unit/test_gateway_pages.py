"""Words of the gateway's own pages."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gateway import home
from gateway.pages import prose
from gateway.words import LANGUAGES, all_texts, areas, text

TEMPLATES = Path(home.__file__).parent / "templates"
PAGES = sorted(TEMPLATES.glob("*.html"))


def test_every_text_stands_in_both_languages() -> None:
    assert all(text(language, key).strip() for key in all_texts() for language in LANGUAGES)


def test_both_languages_take_the_same_values() -> None:
    differing = [
        key
        for key, words in all_texts().items()
        if Counter(re.findall(r"\{(\w+)\}", words[0])) != Counter(re.findall(r"\{(\w+)\}", words[1]))
    ]
    assert differing == []


def test_a_key_belongs_to_one_area() -> None:
    found = Counter(key for area in areas().values() for key in area)
    assert [key for key, count in found.items() if count > 1] == []


@pytest.mark.parametrize("template", PAGES, ids=lambda path: path.name)
def test_every_text_that_a_page_asks_for_exists(template: Path) -> None:
    asked = set(re.findall(r"""\bt\(["'](\w+)["'][,)]""", template.read_text(encoding="utf-8")))
    assert asked - set(all_texts()) == set()


def test_states_and_domains_have_words() -> None:
    asked = {f"state_{state}" for state in ("published", "warning", "held", "none_good", "unavailable")}
    domains = ("profit", "delivery", "quality", "production", "supply", "people", "process")
    assert (asked | {f"domain_{domain}" for domain in domains}) - set(all_texts()) == set()


def test_no_page_carries_a_script_of_its_own() -> None:
    """The Content-Security-Policy would refuse it in the browser."""
    wrong = [
        path.name
        for path in PAGES
        if re.search(r"""<script(?![^>]*(?:src=|type="application/json"))|\son\w+=["']""", path.read_text("utf-8"))
    ]
    assert wrong == []


def test_descriptions_are_escaped_before_code_is_marked() -> None:
    assert prose("`a<b>` & <i>") == "<code>a&lt;b&gt;</code> &amp; &lt;i&gt;"
