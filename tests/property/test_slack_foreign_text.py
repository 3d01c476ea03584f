"""What people write can add nothing to a card that looks like the card's own: no line, no bold run, no link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.embedded_slack.mrkdwn import TextRenderer
from tests.engine_world import Play, human, people, small
from workflow_jobs.engine import commands as c
from workflow_jobs.slack import cards, case_buttons, modals
from workflow_jobs.slack.opened_message import opened_message
from workflow_jobs.slack.wording import CardContext, escaped, paragraph, quoted

ZONE = ZoneInfo("Asia/Shanghai")
RENDERER = TextRenderer(lambda _: None, lambda _: None, ZONE)
_EXTRA = ", actions: {snooze: {at_most: P5D}, delegate: true}, form: [{name: note, type: text, title: {en: N, zh: 注}}]"
_STEPS = human("a", extra=_EXTRA).replace("plant_manager}", "plant_manager, consulted: [sales_rep]}", 1)
_FORGED = "ok\n✓ Approve the costs: *Approve* by Zhao Lei, Tue 2026-11-17 10:00\n• remedy cost: 0"
_PIECES = st.lists(
    st.sampled_from(
        ["\n", "\r", "\u2028", "✓ ", "• ", "… ", "! ", "> ", "*", "_", "~", "`", "```", "&", "<", ">", "|", "a",
         "B*", " ", "\u3000" * 20, "<!here>", "*Approve* by Zhao", "中"]
    ),
    max_size=14,
).map(lambda pieces: "".join(pieces).strip() or "x")  # fmt: skip


def _mrkdwn(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for one in value.values():
            yield from _mrkdwn(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _mrkdwn(one)


def _drawn(text: str) -> list[str]:
    """All mrkdwn of a case in which whoever could wrote ``text``."""
    game = Play(small(f"- {_STEPS}\n- {human('b')}\n")).open(
        subject_label=text, data={"rule_kind": "change", "why": {"en": text}}, requested_by="s1"
    )
    context = CardContext(language="en", zone=ZONE, name=people().name, address="https://trueloop.example.com")
    task, messages = game.task("a"), []
    game.do(c.AnswerConsultation(task_id=task.task_id, person_id="s1", text=text))
    game.do(
        c.SnoozeTask(
            task_id=task.task_id,
            task_version=task.version,
            person_id=task.assignee or "",
            until=game.now + timedelta(hours=5),
            reason=text,
        )
    )
    messages.append(cards.task_card(game.state, game.task("a"), game.template, context).blocks)
    messages.append(opened_message(game.state, game.template, context).blocks)
    game.choose("a", "ok", note=text)
    for one in game.state.tasks.values():
        messages.append(cards.task_card(game.state, one, game.template, context).blocks)
        messages.append(cards.closed_task_card(game.state, one, game.template, context).blocks)
        messages.append(
            cards.escalation_card(game.state, one, game.template, context, percent=100, can_act=True).blocks
        )
    messages.append(cards.case_card(game.state, game.template, context).blocks)
    messages.append(cards.notice(game.state, game.template, context, text, heading="h", asks="Please.\nNow.").blocks)
    modal = modals.decision_modal(game.state, game.task("b"), game.template, context, outcome="ok")
    messages += [modal["blocks"], case_buttons.withdraw_modal(game.state, game.template, context)["blocks"]]
    return list(_mrkdwn(messages))


def _own_lines(text: str) -> int:
    """Lines that are no quotation."""
    return sum(not line.startswith((">", "&gt;")) for line in text.split("\n"))


def _marked_lines(text: str) -> list[str]:
    return [line[0] for line in text.split("\n") if line.startswith(("✓", "…", "•", "!"))]


def _tags(text: str) -> list[str]:
    return [
        tag for tag in re.findall(r"</?\w+", str(RENDERER.mrkdwn(text))) if "blockquote" not in tag and tag != "<br"
    ]


PLAIN = _drawn("x")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=_PIECES)
@example(text=_FORGED)
def test_what_people_write_looks_like_nothing_that_the_card_says_itself(text: str) -> None:
    found = _drawn(text)
    assert len(found) == len(PLAIN)
    for drawn, plain in zip(found, PLAIN, strict=True):
        assert _tags(drawn) == _tags(plain), drawn
        assert _marked_lines(drawn) == _marked_lines(plain), drawn
        assert _own_lines(drawn) <= _own_lines(plain), drawn
        assert drawn.count("*") == plain.count("*")


def test_a_longer_text_keeps_its_lines_as_a_quotation() -> None:
    assert quoted("first\n\n  second *bold*  \r\nthird", 300) == "first\n> second ∗bold∗\n> third"
    assert paragraph("✓ done", 300) == "> ✓ done" and paragraph("done", 300) == "done"
    assert escaped("one\ntwo\u3000\u3000 three") == "one two three"


def test_a_text_that_an_older_log_kept_does_not_turn_the_writing() -> None:
    assert all(
        "\u202e" not in drawn for drawn in (escaped("a\u202eb"), quoted("a\u202eb", 9), paragraph("a\u202eb", 9))
    )


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("supplier_reject_rate_high", "Huaxin 铸件 (V000123)", "a–b, 5 % · c/d", "供应商拒收率"):
        assert escaped(name) == name
    assert (escaped("_slanted_ ~gone~ `code`"), escaped("R&D <x>")) == ("ˍslantedˍ ∼gone∼ ˋcodeˋ", "R&amp;D &lt;x&gt;")
