"""Every message, modal and Home tab that we draw is what Slack's own TypeScript types say: `tsc` with `@slack/types`.

The payloads are those of whole cases, with texts that are long, odd and of several scripts, and of every template.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.engine_world import JOBS, MONDAY, ROLES, Play, people, shipped
from tests.process_world import REGULAR
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.parts import Pause, Text
from workflow_jobs.engine.question import question_of
from workflow_jobs.engine.signals import awaited
from workflow_jobs.slack import cards, case_buttons, ladders, modals, opening_modal, task_buttons, wait_messages
from workflow_jobs.slack.button_seal import seal_of
from workflow_jobs.slack.home_tab import MOST_WAITS, HomeCase, HomeContent, HomeTask, HomeWait, home_view
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.opened_message import opened_message
from workflow_jobs.slack.opening_choice import choice_message
from workflow_jobs.slack.wording import CardContext, MetricFigure
from workflow_jobs.template_library import load_library

ROOT = Path(__file__).resolve().parents[2]
TSC = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
STEPS = ("judge", "supplier", "protect", "assess", "promise")
ODD_TEXTS = ("", "<!channel> & *bold* ` \ufffd 🏭" + "漢" * 700)
IMAGE = {"type": "image", "slack_file": {"id": "F123"}, "alt_text": "The last months"}


class Drawn:
    """What was drawn, each payload once."""

    def __init__(self) -> None:
        self.messages: dict[str, Sequence[Any]] = {}
        self.views: dict[str, Any] = {}

    def message(self, message: Message) -> None:
        blocks = list(message.blocks)
        if message.picture is not None:
            blocks.insert(int(message.picture["after"]) + 1, IMAGE)
        self.messages[json.dumps(blocks)] = blocks

    def view(self, view: dict[str, Any]) -> None:
        self.views[json.dumps(view)] = view


def context(language: str, label: str) -> CardContext:
    return CardContext(
        language=language,
        zone=ZoneInfo("Asia/Shanghai"),
        name=people().name,
        figure=MetricFigure(label or "m", label, "percent", 2, trust_en=label, trust_zh=label),
        address="http://127.0.0.1:8180",
        seal=seal_of(b"key"),
    )


def play(drawn: Drawn, language: str, label: str, note: str) -> None:
    """A supply exception to its end, everything drawn on the way."""
    game = Play(load_library(known_roles=ROLES, known_jobs=JOBS).get("supply_exception"))
    game.open(subject_label=label, requested_by="ceo", data={"as_of": "2026-11-15", "why": {"en": note, "zh": note}})
    say = context(language, label)
    for step in STEPS:
        draw_case(drawn, game, say, note)
        game.wait(days=5)
        game.do(c.FireRungs())
        rungs = [event for event in game.log if isinstance(event, e.RungFired)]
        for task_id in {rung.task_id for rung in rungs}:
            climbed = [rung for rung in rungs if rung.task_id == task_id]
            drawn.message(ladders.ladder_message(game.state, game.template, say, climbed, asks=note[:200]))
        if step == "assess":
            game.do(c.CompleteService(step_id="replan", run_id="r", result={"summary": note}))
        outcome, form = REGULAR[step]
        game.choose(step, outcome, **{name: note if name == "supplier_measure" else v for name, v in form.items()})
    draw_case(drawn, game, say, note)


def draw_case(drawn: Drawn, game: Play, say: CardContext, note: str) -> None:
    case, template = game.state, game.template
    for task in case.tasks.values():
        drawn.message(cards.task_card(case, task, template, say, notes=["80 %", note[:200]]))
        drawn.message(cards.closed_task_card(case, task, template, say))
        drawn.message(cards.moved_card(case, task, template, say))
        drawn.message(cards.escalation_card(case, task, template, say, percent=100, can_act=True))
        for choice in question_of(template, task).outcomes:
            drawn.view(modals.decision_modal(case, task, template, say, outcome=choice.id))
        drawn.view(task_buttons.snooze_modal(task, say, [MONDAY + timedelta(hours=n) for n in (1, 4)]))
        drawn.view(task_buttons.assign_modal(task, say, ["q1", "q2"]))
        drawn.view(task_buttons.release_modal(task, say))
        drawn.view(task_buttons.answer_modal(task, say))
        drawn.view(task_buttons.ask_modal(task, say, task_buttons.DELEGATE, None))
        drawn.view(task_buttons.ask_modal(task, say, task_buttons.ADD_APPROVER, ["f1"]))
        pause = Pause(id="supplier", title=Text(en=note[:60], zh="供应商"), at_most="P2D")
        drawn.view(task_buttons.pause_modal(task, say, [pause]))
    for message in (
        cards.case_card(case, template, say),
        cards.told_card(case, template, say),
        cards.notice(case, template, say, note, heading="h", asks=note[:300]),
        case_buttons.rating_message(case, template, say),
        opened_message(case, template, say),
        choice_message(note, [template] * 12, say, words=note),
    ):
        drawn.message(message)
    drawn.view(case_buttons.withdraw_modal(case, template, say))
    work = [HomeTask(case, task, template, light) for task in case.open_tasks for light in ("green", "paused")]
    drawn.view(
        home_view(HomeContent("ceo", game.now, say.address, work, 9, [HomeCase(case, template)], 9, work, 9), say)
    )
    drawn.view(home_view(HomeContent("q1", game.now, say.address, [], 0, [], 0, None, 0), say))


def waits(drawn: Drawn, language: str, label: str) -> None:
    """A wait that people end: its message, form, every way in which it ends, and the Home tab."""
    game, say = Play(shipped("after_sales")), context(language, label)
    data = {"order_no": "SO-1", "request_kind": "return", "claim_amount": "500"}
    game.open(subject_label=label, requested_by="s1", data=data)
    game.choose("authorise", "authorised")
    (step,) = awaited(game.state)
    drawn.message(wait_messages.wait_message(game.state, step, game.template, say))
    drawn.view(wait_messages.wait_modal(game.state, step, game.template, say))
    for how in ("signalled", "elapsed", "cancelled"):
        for person in ("lm", None):
            end = wait_messages.WaitEnd(how, game.now, person, "token:7")
            drawn.message(wait_messages.ended_message(game.state, step, game.template, say, end))
    many = [HomeWait(game.state, step, game.template)] * MOST_WAITS
    content = HomeContent("lm", game.now, say.address, [], 0, [], 0, None, 0, many, more_waits=True)
    drawn.view(home_view(content, say))


def other_templates(drawn: Drawn) -> None:
    """The first cards, forms and opening modals of every shipped template."""
    for template in load_library(known_jobs=None):
        for language in ("en", "zh"):
            say = context(language, template.id)
            drawn.view(opening_modal.opening_modal(template, say, roles=["buyer"], words="words"))
            for step in _human(template.steps):
                game = Play(template)
                assert game.env.template.id == template.id
                for field in step.form:
                    drawn.view(_one_field(modals.input_block(field, step.outcomes[0].id, say, ["buyer"])))


def _human(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        if getattr(node, "kind", "") == "human":
            yield node
        for branch in getattr(getattr(node, "fork", None), "branches", ()):
            yield from _human(branch)
        for rule in getattr(getattr(node, "decision", None), "rules", ()):
            yield from _human(rule.steps)


def _one_field(block: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "plain_text", "text": "Form"}
    return {"type": "modal", "title": text, "submit": text, "blocks": [block]}


def test_everything_that_is_drawn_has_slacks_types(tmp_path: Path) -> None:
    drawn = Drawn()

    for text in ODD_TEXTS:
        play(drawn, "zh", text, text.strip() or "–")
        waits(drawn, "en", text)
        waits(drawn, "zh", text)
    play(drawn, "en", "Huaxin Castings", "Two lorries more")
    play(drawn, "zh", "华鑫铸造", "增加两辆货车")
    other_templates(drawn)
    assert len(drawn.messages) > 100 and len(drawn.views) > 100
    lines = ['import type { KnownBlock, View } from "@slack/types";']
    lines += [f"export const m{n}: KnownBlock[] = {json.dumps(one)};" for n, one in enumerate(drawn.messages.values())]
    lines += [f"export const v{n}: View = {json.dumps(one)};" for n, one in enumerate(drawn.views.values())]
    # The check itself is checked: what Slack does not know must be an error, or tsc complains of these lines.
    wrong = {"type": "button", "action_id": "a", "text": {"type": "mrkdwn", "text": "no markdown on a button"}}
    lines += [
        "// @ts-expect-error",
        f"export const w0: KnownBlock[] = {json.dumps([{'type': 'actions', 'elements': [wrong]}])};",
    ]
    lines += ["// @ts-expect-error", 'export const w1: View = {"type": "modal", "blocks": []};']
    lines += ["// @ts-expect-error", 'export const w2: KnownBlock[] = [{"type": "section", "txt": "?"}];']
    (tmp_path / "drawn.ts").write_text("\n".join(lines), encoding="utf-8")
    options = {
        "strict": True, "noEmit": True, "skipLibCheck": True, "module": "nodenext", "moduleResolution": "nodenext",
        "types": [], "paths": {"@slack/types": [str(ROOT / "node_modules/@slack/types/dist/index.d.ts")]},
    }  # fmt: skip
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["drawn.ts"]}))
    node = shutil.which("node", path=f"{ROOT / '.venv/bin'}:/usr/local/bin:/usr/bin:/bin") or "node"
    done = subprocess.run([node, TSC, "-p", tmp_path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[:4000] + done.stderr[:1000]
    print(f"{len(drawn.messages)} messages and {len(drawn.views)} views have Slack's types")
