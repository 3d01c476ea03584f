"""Whatever a case holds and however far it got, its cards are valid Block Kit in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine_world import Play, human, people, shipped, small
from tests.process_world import REGULAR
from workflow_jobs.engine import commands as c
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.texts import readable_text
from workflow_jobs.slack import cards, modals
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.opened_message import opened_message
from workflow_jobs.slack.wording import CardContext, MetricFigure

# What a case takes: other characters are refused, or made readable, where they come in.
ANY_TEXT = st.text(max_size=4000).map(readable_text)
STEPS = ["judge", "supplier", "protect", "assess", "promise"]


def _contributors(label: str, shares: list[Fraction], unit: str) -> dict[str, Any]:
    """As ops_assets.contributors writes them into the case."""
    top: list[dict[str, Any]] = [
        {"dimension": label, "member": label, "label": label, "contribution_exact": str(share), "share": float(share)}
        for share in shares
    ]
    periods: dict[str, Any] = {"from": {"period": "2026-09"}, "to": {"period": "2026-10"}}
    body: dict[str, Any] = {**periods, "movement_exact": str(sum(shares, Fraction(0))), "unit": unit, "decimals": 2}
    body |= {"top": top} if top else {}
    return {"contributors": body if top else {"unknown": {"en": label, "zh": label}}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    label=ANY_TEXT,
    subject=ANY_TEXT,
    note=st.text(min_size=1, max_size=2000).map(readable_text).filter(str.strip),
    observed=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6),
    language=st.sampled_from(["en", "zh"]),
    depth=st.integers(0, 5),
    unit=st.sampled_from(["percent", "days", "count", "cny", "ratio", "score", "hours"]),
    shares=st.lists(st.fractions(-100, 100, max_denominator=10**9), max_size=5),
)
def test_every_card_is_valid(
    label: str, subject: str, note: str, observed: Any, language: str, depth: int, unit: str, shares: list[Fraction]
) -> None:
    game = Play(shipped("supply_exception"))
    game.do(
        c.OpenCase(
            case_id="C-1",
            rule_id="r",
            subject_id=subject,
            subject_label=label,
            metric="m",
            direction="above",
            observed=observed,
            threshold=observed,
            snapshot_id="s",
            data={
                "as_of": "2026-11-15",
                "rule_kind": "change",
                "why": {"en": note},
                **_contributors(label, shares, unit),
            },
        )
    )
    context = CardContext(
        language=language,
        zone=ZoneInfo("Asia/Shanghai"),
        name=people().name,
        figure=MetricFigure(label or "m", note, unit, 2),
    )
    for step in STEPS[:depth]:
        if step == "assess":
            game.do(c.CompleteService(step_id="replan", run_id="r"))
        task = next(t for t in game.state.open_tasks if t.step_id == step)
        outcome, form = REGULAR[step]
        if step == "supplier":
            form = form | {"supplier_measure": note}
        game.do(
            c.DecideTask(
                task_id=task.task_id, task_version=1, person_id=task.assignee or "", outcome=outcome, form=form
            )
        )
    for task in game.state.tasks.values():
        # Constructing a message validates it; these must not raise.
        cards.task_card(game.state, task, game.template, context, notes=["80 %", note[:200]])
        cards.closed_task_card(game.state, task, game.template, context)
        cards.moved_card(game.state, task, game.template, context)
        cards.escalation_card(game.state, task, game.template, context, percent=100, can_act=True)
        for outcome_ in question_of(game.template, task).outcomes:
            modals.decision_modal(game.state, task, game.template, context, outcome=outcome_.id)
    cards.case_card(game.state, game.template, context)
    cards.notice(game.state, game.template, context, note, heading="h")


_BROKEN = re.compile(r"&(?!amp;|lt;|gt;)|<[^>]*\Z")
_FIELDS = ", ".join(f"{{name: t{number}, type: text, title: {{en: T{number}, zh: 文}}}}" for number in range(10))
_TALKATIVE = f", actions: {{acknowledge: true, add_approver: true, snooze: {{at_most: P5D}}}}, form: [{_FIELDS}]"


def _longest(piece: str, limit: int) -> str:
    """As many pieces as fit, with a letter at both ends so that nothing is stripped."""
    return "a" + piece * ((limit - 2) // len(piece)) + "z"


def _texts(blocks: Any) -> Iterator[str]:
    if isinstance(blocks, dict):
        if blocks.get("type") == "mrkdwn":
            yield blocks["text"]
        for one in blocks.values():
            yield from _texts(one)
    elif isinstance(blocks, (list, tuple)):
        for one in blocks:
            yield from _texts(one)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    piece=st.sampled_from(["&", "<", ">", "*", "`", "字", "😀", "x\n", "&amp;", "<!channel> ", " ", "a"]),
    fields=st.integers(0, 10),
    answers=st.integers(0, 6),
    snoozed=st.booleans(),
    added=st.booleans(),
    subject=st.sampled_from([1, 50, 200, 3000]),
    language=st.sampled_from(["en", "zh"]),
    address=st.sampled_from(["", "https://trueloop.example.com"]),
)
def test_no_text_is_too_long_to_be_decided_on(
    piece: str, fields: int, answers: int, snoozed: bool, added: bool, subject: int, language: str, address: str
) -> None:
    step = human("a", extra=_TALKATIVE).replace("plant_manager}", "plant_manager, consulted: [sales_rep]}", 1)
    game = Play(small(f"- {step}\n- {human('b')}\n"))
    game.open(
        subject_label=_longest(piece, subject), data={"rule_kind": "change", "why": {"en": _longest(piece, 3000)}}
    )
    first = game.task("a")
    for number in range(answers):
        answer = _longest(piece, 2990) + str(number)
        game.do(c.AnswerConsultation(task_id=first.task_id, person_id="s1", text=answer))
    if added:
        game.do(
            c.AddApprover(
                task_id=first.task_id,
                task_version=first.version,
                person_id=first.assignee or "",
                to="bm",
                reason=_longest(piece, 500),
            )
        )
    if snoozed:
        game.do(
            c.SnoozeTask(
                task_id=first.task_id,
                task_version=game.state.tasks[first.task_id].version,
                person_id=first.assignee or "",
                until=game.now + timedelta(hours=5),
                reason=_longest(piece, 500),
            )
        )
    context = CardContext(language=language, zone=ZoneInfo("Asia/Shanghai"), name=people().name, address=address)

    def drawn() -> Iterator[Message]:
        state, template = game.state, game.template
        for task in state.tasks.values():
            yield cards.task_card(state, task, template, context, notes=[_longest("n", 200)] * 3)
            yield cards.closed_task_card(state, task, template, context)
            yield cards.moved_card(state, task, template, context)
            yield cards.escalation_card(state, task, template, context, percent=100, can_act=True)
        yield cards.case_card(state, template, context)
        yield cards.told_card(state, template, context)
        yield cards.notice(state, template, context, _longest(piece, 3000), heading="h", asks=piece)
        yield opened_message(state, template, context)

    form = {f"t{number}": _longest(piece, 3000) for number in range(fields)}
    messages = list(drawn())
    while game.state.open_tasks:
        task = game.state.open_tasks[0]
        game.choose(task.step_id, "ok", **(form if task.step_id == "a" else {}))
        messages += drawn()
    for message in messages:
        for text in _texts(message.blocks):
            assert not _BROKEN.search(text), text
        assert not _BROKEN.search(message.text)


def test_a_card_says_where_the_rest_of_long_texts_stands() -> None:
    step = human("a", extra=_TALKATIVE)
    game = Play(small(f"- {step}\n- {human('b')}\n")).open(
        subject_label="S" * 300, data={"rule_kind": "change", "why": {"en": "w" * 3000}}
    )
    context = CardContext(language="en", zone=ZoneInfo("Asia/Shanghai"), name=people().name)
    said = context.word("more_on_page")
    assert said not in str(cards.task_card(game.state, game.task("a"), game.template, context).blocks)
    game.choose("a", "ok", **{f"t{number}": "&" * 3000 for number in range(10)})
    task = game.task("b")
    card = cards.task_card(game.state, task, game.template, context, notes=["n" * 2000] * 3)
    assert said in str(card.blocks[-2])
    assert [block["block_id"] for block in card.blocks if block["type"] == "actions"] == ["decision"]
