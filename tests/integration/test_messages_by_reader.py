"""A company that reads two languages, on both databases: each reads every message of a case in his own, also later."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from resources.clock import FixedClock
from tests.engine_world import MONDAY, people
from tests.gateway_stack import running_stack, wait_until
from tests.process_world import World
from tests.slack_desk import PAGE, act, asked, modal
from tests.slack_server import SlackServer
from workflow_jobs.delivery.outbox import deliver_due
from workflow_jobs.engine.parts import Model, Text
from workflow_jobs.slack.card_words import WORDS

READ = {"q1": "zh", "qm": "zh", "b1": "zh", "bm": "en", "b2": "en", "q2": "en", "s1": "zh", "lm": "en", "o1": "zh"}
# Names, ids and what people typed are all in Latin letters here.
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


@pytest.fixture
def world(ops_engine: Engine, slack: SlackServer) -> World:
    usual = "en" if ops_engine.dialect.name == "sqlite" else "zh"
    world = World(ops_engine, directory=replace(people(), languages=READ), language=usual)
    slack.knows(world.directory)
    return world


def deliver(world: World, slack: SlackServer) -> None:
    done = deliver_due(world.engine, clock=world.clock, slack=slack.client(), report=lambda _steps: None, limit=300)
    assert done.dead == 0


def said(message: dict[str, Any]) -> str:
    """What the message shows: its texts without what its buttons carry."""
    found: list[str] = [message["text"]]

    def look(part: Any) -> None:
        if isinstance(part, dict):
            found.extend(part[name] for name in ("text", "alt_text") if isinstance(part.get(name), str))
            for name, inner in part.items():
                if name != "value":
                    look(inner)
        elif isinstance(part, list):
            for one in part:
                look(one)

    look(message["blocks"] if not isinstance(message["blocks"], str) else json.loads(message["blocks"]))
    return "\n".join(found)


def test_everybody_reads_a_case_in_his_language_and_the_channel_in_the_installations(
    world: World, slack: SlackServer
) -> None:
    case_id = world.open(subject_label="Huaxin").case_id
    assert world.task(case_id, "judge").assignee == "q1"
    deliver(world, slack)
    # Late: the assignee is reminded, his manager and then others are escalated to.
    for _ in range(4):
        world.clock.advance(timedelta(hours=8))
        world.service.fire_due_rungs()
    deliver(world, slack)
    world.decide(case_id, "judge")
    task = world.task(case_id, "supplier")
    assert task.assignee == "b1"
    deliver(world, slack)
    world.service.assign(task.task_id, task.version, "b1", "b2", "He knows them")
    deliver(world, slack)
    world.decide(case_id, "supplier", person="b2")
    world.decide(case_id, "protect")
    world.serve(case_id)
    world.decide(case_id, "assess")
    world.decide(case_id, "promise")
    deliver(world, slack)

    by_reader: dict[str, list[dict[str, Any]]] = defaultdict(list)
    persons = {f"DU{i.upper()}": i for i in world.directory.people}
    for message in slack.messages:
        by_reader[persons.get(message["channel"], "")].append(message)
    assert {"", "q1", "qm", "b1", "b2", "bm", "pm"} <= set(by_reader)
    english = _english(world.service.template_of(world.service.case(case_id)))
    for person, messages in by_reader.items():
        language = READ.get(person, world.language)
        for message in messages:
            text = said(message)
            assert bool(CHINESE.search(text)) == (language == "zh"), (person, text)
            assert bool(english.search(text)) == (language == "en"), (person, english.search(text), text)
    # Cards that were brought up to date, after a decision, an escalation and a hand-over.
    assert [m["text"] for m in by_reader["b1"] if m.get("edits")] == ["与供应商协调: 现处理人: Wu Two"]
    for person in ("q1", "qm"):
        (card,) = [m for m in by_reader[person] if m.get("edits")]
        assert card["text"].startswith("质量判定: 确认异常 由 Wang One")
    (card,) = [m for m in by_reader["b2"] if m.get("edits")]
    assert card["text"].startswith("Work with the supplier: Agreed with supplier by Wu Two")


def _english(template: Any) -> re.Pattern[str]:
    """Matches any English word or text that the cards and the template have in both languages."""
    own = {part.strip() for words, _ in WORDS.values() for part in re.split(r"\{\w*\}", words)}
    texts = {one for one in own | set(_texts(template)) if re.search("[A-Za-z]{2}", one)}
    return re.compile(rf"(?<![A-Za-z_])(?:{'|'.join(map(re.escape, sorted(texts)))})(?![A-Za-z_])")


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Text):
        yield part.en
    elif isinstance(part, (list, tuple)):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, Model):
        for name in part.model_fields_set:
            yield from _texts(getattr(part, name))


def test_what_the_directory_states_goes_before_the_language_of_the_slack_client(tmp_path: Path) -> None:
    people_file = tmp_path / "people.toml"
    people_file.write_text('[people.E003]\nlanguage = "zh"\n[departments.Sal]\nlanguage = "zh"\n', encoding="utf-8")
    with running_stack(tmp_path / "home", FixedClock(MONDAY), people_file=people_file) as stack:
        stack.workspace.locales |= {stack.user("E003"): "en-GB", stack.user("E005"): "zh-CN"}
        stack.open_case()
        card = next(one for one in stack.cards("E003") if one["blocks"])
        assert card["text"].startswith("质量判定: Huaxin Castings")
        where = {"channel": stack.dm("E003"), "ts": card["ts"]}
        assert act(stack, "E003", "decide:confirm", card["blocks"], **where) == ""
        assert modal(stack, "E003").body["submit"]["text"] == "提交"
        stack.http.post("/embedded-slack/opened", data={"as": stack.user("E003")}, headers=PAGE)
        wait_until(lambda: stack.workspace.views.home(stack.user("E003")))
        assert "我的任务" in str(stack.workspace.views.home(stack.user("E003")))
        # Of whom the directory states nothing, what he is answered is in the language of his Slack client.
        read = {one: "等待您处理" in asked(stack, one, "/trueloop mine") for one in ("E003", "E005", "E009", "E007")}
        assert read == {"E003": True, "E005": True, "E009": True, "E007": False}
