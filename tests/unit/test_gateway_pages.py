"""Words and figures of the gateway's own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import home
from gateway.pages import figure, prose
from gateway.texts import LANGUAGES, all_keys, text

TEMPLATES = Path(home.__file__).parent / "templates"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("3.1238", "percent", "3.1238 %"),
        ("18234551", "cny", "18,234,551 CNY"),
        ("-1554.10", "cny", "-1,554.10 CNY"),
        (None, "percent", "–"),
        ("0", "count", "0"),
    ],
)
def test_a_figure_is_grouped_and_has_its_unit(value: str | None, unit: str, shown: str) -> None:
    assert figure(value, unit) == shown


def test_every_text_stands_in_both_languages() -> None:
    assert all(text(language, key).strip() for key in all_keys() for language in LANGUAGES)


def test_every_text_that_the_home_page_asks_for_exists() -> None:
    asked = set(re.findall(r"""\bt\(["'](\w+)["']\)""", (TEMPLATES / "home.html").read_text(encoding="utf-8")))
    asked |= {f"state_{state}" for state in ("published", "warning", "held", "none_good", "unavailable")}
    domains = ("profit", "delivery", "quality", "production", "supply", "people", "process")
    asked |= {f"domain_{domain}" for domain in domains}
    assert asked - set(all_keys()) == set()


def test_descriptions_are_escaped_before_code_is_marked() -> None:
    assert prose("`a<b>` & <i>") == "<code>a&lt;b&gt;</code> &amp; &lt;i&gt;"
