"""Slack's text as HTML: the markup that it has, and nothing that it has not."""

from __future__ import annotations

from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded_slack.mrkdwn import TextRenderer

RENDERER = TextRenderer({"U1": "Li Na"}.get, {"C1": "supply"}.get, ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("*bold* and _slanted_ and ~struck~", "<strong>bold</strong> and <em>slanted</em> and <s>struck</s>"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("*not closed", "*not closed"),
        ("`*code*`", "<code>*code*</code>"),
        ("```a\n*b*```", "<pre>a\n*b*</pre>"),
        ("one\ntwo", "one<br>two"),
        ("&gt; quoted\n> too\nafter", "<blockquote>quoted<br>too</blockquote>after"),
        ("Ask <@U1> in <#C1>", 'Ask <span class="mention">@Li Na</span> in <span class="mention">#supply</span>'),
        ("<@U9|somebody>", '<span class="mention">@somebody</span>'),
        ("<!here>", '<span class="mention">@here</span>'),
        ("<!date^1794792600^{date_num} {time}|x>", "<span>2026-11-16 09:30</span>"),
        ("<!date^soon^{date}|some day>", "<span>some day</span>"),
        ("&amp; &lt;b&gt;", "&amp; &lt;b&gt;"),
        (":white_check_mark: done :unknown_emoji:", "✅ done :unknown_emoji:"),
    ],
)
def test_markup(text: str, html: str) -> None:
    assert RENDERER.mrkdwn(text) == html


def test_a_link_opens_apart_and_keeps_its_text() -> None:
    html = RENDERER.mrkdwn("*<https://example.com/?a=1&amp;b=_c_|the _page_>*")
    assert html == (
        '<strong><a href="https://example.com/?a=1&amp;b=_c_" target="_blank" rel="noopener noreferrer">the _page_</a>'
        "</strong>"
    )


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_an_address_that_runs_code_is_no_link(address: str) -> None:
    assert "<a" not in RENDERER.mrkdwn(f"<{address}|press>")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))


_PIECES = st.sampled_from(
    ["<script>alert(1)</script>", "*", "_", "~", "`", "```", "<", ">", "|", "&", "&lt;", "\n", "> ", '"', "'", "<@U1>",
     "<https://e.com|x>", "<javascript:x|y>", "onload=", "a", " ", "<img src=x onerror=y>", "\ue0000\ue001"]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=25).map("".join))
def test_no_text_whatever_makes_other_tags_or_attributes(text: str) -> None:
    parser = _Tags()
    parser.feed(str(RENDERER.mrkdwn(text)))
    parser.close()
    allowed = {
        "strong": set(), "em": set(), "s": set(), "code": set(), "pre": set(), "br": set(), "blockquote": set(),
        "span": {"class"}, "a": {"href", "target", "rel"},
    }  # fmt: skip
    for tag, attributes in parser.seen:
        assert tag in allowed
        assert {name for name, _ in attributes} <= allowed[tag]
        assert all((value or "").startswith(("http", "mailto:", "/")) for name, value in attributes if name == "href")


@given(st.text(max_size=200))
def test_plain_text_makes_no_tags_but_breaks(text: str) -> None:
    parser = _Tags()
    parser.feed(str(RENDERER.plain(text)))
    assert {tag for tag, _ in parser.seen} <= {"br"}
