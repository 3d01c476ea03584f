"""Whoever reads what: a message to a person says everything in his language, one to a channel in the installation's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import log_plays
from tests.engine_world import STAFF, Play, calendar, human, people, service, shipped, small
from workflow_jobs import outgoing
from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.parts import Text
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.outgoing_message import STEP_COMPLETED, Outgoing
from workflow_jobs.outgoing_waits import card_prefix
from workflow_jobs.outgoing_writer import Telling
from workflow_jobs.slack.card_words import WORDS
from workflow_jobs.slack.role_words import ROLE_WORDS
from workflow_jobs.slack.wording import CardContext, MetricFigure

# What is said in one language carries its mark, wherever it comes from: the cards' words, roles, templates, figures.
MARKS: Mapping[str, str] = {"en": "①", "zh": "②"}
FIGURE = MetricFigure("①Rate", "②比率", "percent", 2, "①fine", "②可信")
INFORMED = "informed: [sales_rep, data_steward], informs_at: [asked, late, decided], accountable:"
WAIT = (
    "{id: goods, kind: wait, title: {en: Goods, zh: 货}, raci: {responsible: buyer, accountable: plant_manager}, "
    "until: {working: P5D}, signal: come}"
)
PROCESS = "{id: inner, kind: process, title: {en: Inner, zh: 内}, raci: {accountable: cfo}, template: other_process}"
LADDER = (
    "ladder: [{at: 50, action: remind, to: assignee}, {at: 100, action: escalate, to: manager}, "
    "{at: 110, action: escalate, to: department}]\nopened_by: [people]\n"
)


@dataclass(frozen=True)
class Moved:
    """One command of a play: the case before and after it, and what happened."""

    template: Template
    before: CaseState | None
    after: CaseState
    events: tuple[e.Event, ...]


def _voices() -> None:
    """Everybody is told everything of each kind of step; the task is late, handed on and decided."""
    told = human("look", extra=", actions: {assign: true}").replace("accountable:", f"consulted: [ceo], {INFORMED}", 1)
    others = (service("job", attempts=1), WAIT, PROCESS)
    steps = [told, *(one.replace("accountable:", INFORMED, 1) for one in others)]
    play = Play(small("".join(f"- {one}\n" for one in steps), LADDER))
    play.do(c.OpenCase(case_id="c6", rule_id="opened_in_slack:V1", requested_by="s1"))
    play.wait(hours=12).do(c.FireRungs())
    task = play.task("look")
    play.do(c.AssignTask(task_id=task.task_id, task_version=task.version, person_id="b1", to="b2", reason="yours"))
    play.choose("look", "ok", "b2")
    play.do(c.FailService(step_id="job", run_id="r1", error="no memory"))
    play.choose("job", "done_by_hand", "om", comment="Planned by hand")
    play.wait(hours=1).do(c.SendSignal(signal="come", person_id="b1"))
    play.do(c.RefuseChild(child_case_id=play.state.steps["inner"].child_case_id or "", reason="Nobody knows it."))
    play.choose("inner", "retry")
    play.do(c.EndChild(child_case_id=play.state.steps["inner"].child_case_id or "", outcome="completed", data={}))


def _incident() -> None:
    """An incident that concerns the sales people, who are told how it stands."""
    data = {"owner_role": "data_owner", "failed": [], "affected_roles": ["sales_rep", "buyer"]}
    play = Play(shipped("data_incident")).open(data=data)
    play.wait(hours=9).do(c.FireRungs())
    play.do(c.ResolveIncident(snapshot_id="s2"))


@pytest.fixture(scope="module")
def moves() -> Iterator[list[Moved]]:
    """Every command of plays that between them make every event that there is."""
    kept: list[Moved] = []
    do = Play.do

    def recorded(play: Play, command: c.Command) -> tuple[e.Event, ...]:
        before = play.current
        events = do(play, command)
        if events:
            kept.append(Moved(play.template, before, play.state, events))
        return events

    get = Text.get
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Play, "do", recorded)
        log_plays.plays()
        _voices()
        _incident()
        patch.setattr(Text, "get", lambda text, language: MARKS[language] + get(text, language))
        for words in (WORDS, ROLE_WORDS):
            for key, (english, chinese) in words.items():
                patch.setitem(words, key, (MARKS["en"] + english, MARKS["zh"] + chinese))
        yield kept


def _sent(moves: list[Moved], languages: Mapping[str, str], usual: str) -> Iterator[tuple[str | None, Outgoing]]:
    """Every message of every command, with the person whom it reaches; None for a channel."""
    readers: dict[str, str | None] = {}
    fired: dict[str, list[e.RungFired | e.CaseRungFired]] = {}
    for move in moves:
        case = move.after
        prefixes = {one: outgoing.notice_prefix(one) for one in case.tasks}
        prefixes |= {case.case_id: outgoing.told_prefix(case.case_id)}
        for of in (*case.tasks, case.case_id):
            prefixes |= {name: name for name in (outgoing.ladder_prefix(of), outgoing.notice_prefix(of))}
        waits = [step for step in case.steps.values() if step.kind == "wait"]
        prefixes |= {
            (name := card_prefix(case.case_id, f"{step.step_id}.{visit}")): name
            for step in waits
            for visit in range(1, step.visit + 1)
        }
        cards = {of: [key for key in readers if key.startswith(prefix)] for of, prefix in prefixes.items()}
        directory = people()
        telling = Telling(
            template=move.template,
            people=directory,
            context=CardContext(usual, calendar().time_zone, directory.name, FIGURE, "https://trueloop.example.com"),
            address=lambda person: f"{person}@small.example",
            channel="ops",
            today=date(2026, 11, 16),
            working_minutes=lambda _task: None,
            via="slack",
            language_of=lambda person: languages.get(person, ""),
        )
        before = fired.setdefault(case.case_id, [])
        for one in outgoing.messages(move.before, case, move.events, telling, cards, before):
            if one.kind == STEP_COMPLETED:
                continue
            to = one.payload.get("to")
            if to is not None and one.card_key is not None:
                readers.setdefault(one.card_key, to.get("person"))
            yield (to.get("person") if to is not None else readers[one.card_key or ""]), one
        before += [event for event in move.events if isinstance(event, (e.RungFired, e.CaseRungFired))]


@settings(max_examples=5, deadline=None)
@given(
    languages=st.dictionaries(st.sampled_from(sorted(STAFF)), st.sampled_from(["en", "zh"]), min_size=8),
    usual=st.sampled_from(["en", "zh"]),
)
def test_a_message_holds_no_word_of_another_language_than_its_readers(
    moves: list[Moved], languages: dict[str, str], usual: str
) -> None:
    for person, message in _sent(moves, languages, usual):
        read = usual if person is None else languages.get(person, usual)
        said = json.dumps({**message.payload, "to": None}, ensure_ascii=False)
        assert {name for name, mark in MARKS.items() if mark in said} == {read}, (person, message.dedupe_key, said)


def test_the_plays_reach_persons_and_channels_with_every_kind_of_message(moves: list[Moved]) -> None:
    sent = list(_sent(moves, {}, "en"))
    to_people = {(one.card_key or "").partition(":")[0] for person, one in sent if person is not None}
    assert {"task", "notice", "told", "ladder", "person", "rate", "wait"} == to_people
    to_channels = {(one.card_key or "").partition(":")[0] for person, one in sent if person is None}
    assert {"case", "ladder", "task"} <= to_channels
