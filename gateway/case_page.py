"""The page ``/cases/{id}``: one case whole, for people: its process drawn, what happened, decisions, clocks, effect.

Reads the log as its reader may see it; the same facts for programs are at ``/api/v1/cases/{id}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from zlib import crc32

from fastapi import APIRouter, Path, Query, Request, Response

from gateway.case_breach import SHOWN_HERE, breach_words
from gateway.case_drawing import drawing
from gateway.case_similar import Likeness, ranked
from gateway.case_timeline import Event, Story
from gateway.case_words import CaseWords
from gateway.context import GatewayContext, context_of, reader_of
from gateway.governed_cases import GovernedCases
from gateway.pages import language_of, page
from workflow_jobs.case_board import CaseMessage
from workflow_jobs.cases import CaseSummary, UnknownCase
from workflow_jobs.engine.conditions import declared_fields
from workflow_jobs.engine.events import to_json
from workflow_jobs.engine.learning import learnt_in_words
from workflow_jobs.engine.signals import awaited, roles_who_may, wait_step
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.evidence import EvidenceFile
from workflow_jobs.sla_clock import light_of, used_share
from workflow_jobs.slack.card_blocks import OPENED_IN_SLACK

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Waiting:
    """A person who must act now; ``used`` in percent of the agreed working time, ``confirmed``: ``due`` is certain."""

    step: str
    person: str
    role: str
    due: datetime
    confirmed: bool
    light: str
    used: int
    paused_until: datetime | None


@dataclass(frozen=True)
class Awaited:
    """Something that somebody says when it has happened; ``who`` are the roles that may."""

    step: str
    who: str
    until: datetime | None
    confirmed: bool


@dataclass(frozen=True)
class Similar:
    """An earlier case and how it ended. ``alike`` says in words what both have in common; cause and remedy what was
    stated, empty where nobody did or the reader may not see it.
    """

    case_id: str
    subject: str
    opened_at: datetime
    closed_at: datetime | None
    status: str
    outcome: str
    effective: bool | None
    lasted: str
    alike: tuple[str, ...] = ()
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Message:
    """A message of the case. ``text`` is None where the reader may not see all that it may say."""

    to: str
    kind: str
    text: str | None
    status: str
    at: datetime


@router.get("/cases/{case_id}")
def case_page(
    request: Request,
    case_id: Annotated[str, Path(max_length=64)],
    seen: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One case; 204 where ``seen`` is still what it would show; 404 in words for one that does not exist."""
    reader = reader_of(request)
    context, now = context_of(request), context_of(request).clock.now()
    governed = GovernedCases(context, reader)
    service = context.service
    try:
        state = service.case(case_id)
    except UnknownCase:
        return page(request, "case_unknown.html", status=404, case_id=case_id)
    sees_files = governed.sees_messages(state)
    files = service.files(case_id) if sees_files else []
    messages = _messages(context, governed, state)
    mark = _mark(state, files, messages, now)
    if seen == mark:
        return Response(status_code=204)
    template = service.template_of(state)
    words = CaseWords(context, governed, language_of(request))
    words.files = {one.file_id: one.name for one in files}
    log = governed.events(state, [to_json(event) for event in service.events(case_id)])
    story = Story(state, template, log, words, now)
    similar = _similar_cases(words, governed, context, state, template)
    judged = [one for one in similar if one.effective is not None]
    return page(
        request,
        "case.html",
        state=state,
        mark=mark,
        process=template,
        subject=words.subject(state),
        metric_label=words.metric(state.metric) if state.metric else "",
        owner=words.role(template.owner_role),
        requested_by=words.person(state.requested_by),
        by_rule=state.requested_by is None or not state.rule_id.startswith(OPENED_IN_SLACK),
        outcome=words.ending(state.outcome, template),
        given=_given(words, template, log[0].get("data") or {}),
        breach=breach_words(log[0].get("data") or {}, language_of(request)),
        waiting=_waiting(words, state, template, now),
        awaited=_awaited(words, context, state, template),
        graph=drawing(state, template, words, now),
        timeline=story.timeline(),
        decisions=story.decisions(),
        clocks=story.clocks(),
        pauses=story.pauses(),
        files=[(one, words.person(one.uploaded_by)) for one in files],
        sees_files=sees_files,
        ratings=_ratings(words, governed, state),
        learnt=_learnt(words, governed, state, template),
        sees_entries=governed.sees_entries(state),
        figures=_figures(words, governed, state, log),
        effect=_effect(words, state, template, log),
        held=_held(governed, state),
        taken_in=[_similar(words, governed, one) for one in service.taken_in(state)]
        if template.closes == "on_resolution"
        else [],
        last_seen=service.last_seen([case_id]).get(case_id),
        similar=similar,
        similar_sum=(sum(one.effective is True for one in judged), len(judged)),
        messages=messages,
    )


def _mark(state: CaseState, files: Sequence[EvidenceFile], messages: Sequence[Message], now: datetime) -> str:
    """What an open page has seen: the log, files, what became of messages, and the minute while a clock runs.

    What the clock alone changes, lights and shares of time used, is so shown a minute late at most.
    """
    late = sum(task.due_at < now for task in state.open_tasks)
    minute = int(now.timestamp()) // 60 if state.is_open else 0
    sent = crc32(" ".join(one.status for one in messages).encode())
    return f"{state.seq}-{late}-{minute}-{len(files)}-{sent:x}"


def _waiting(words: CaseWords, state: CaseState, template: Template, now: datetime) -> list[Waiting]:
    found = []
    for task in state.open_tasks:
        share = used_share(task, now, words.calendar_of(task))
        found.append(
            Waiting(
                step=words.step(template, task.step_id),
                person=words.person(task.assignee),
                role=words.role(task.role),
                due=task.due_at,
                confirmed=task.calendar_confirmed,
                light=light_of(share, overdue=task.due_at < now),
                used=int(share * 100),
                paused_until=task.paused_until,
            )
        )
    return found


def _awaited(words: CaseWords, context: GatewayContext, state: CaseState, template: Template) -> list[Awaited]:
    found, people = [], context.service.directory()
    for one in awaited(state):
        step = wait_step(template, one.step_id)
        if step is not None:
            roles = roles_who_may(template, state, people, step)
            who = ", ".join(words.role(role) for role in roles)
            found.append(Awaited(words.step(template, step.id), who, one.wake_at, one.calendar_confirmed))
    return found


def _given(words: CaseWords, template: Template, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the case was opened with, as far as it is single values; lists have parts of the page of their own."""
    single = {key: value for key, value in data.items() if key not in SHOWN_HERE and not isinstance(value, dict | list)}
    return words.entries(template, single)


def _figures(
    words: CaseWords, governed: GovernedCases, state: CaseState, log: Sequence[Event]
) -> dict[str, str] | None:
    """The metric's figures of the case, by what they are; None where the reader does not see them."""
    if not state.metric or not governed.sees_figures(state.metric):
        return None
    raw = {"observed": state.observed, "threshold": state.threshold}
    raw = {key: value for key, value in raw.items() if value is not None}
    if state.breaches > 1:
        raw["latest"] = state.latest_observed
    if state.effect_observed is not None:
        raw["after"] = state.effect_observed
    figures = {key: words.figure(state.metric, value) for key, value in raw.items()}
    as_of = next((event.get("as_of") for event in reversed(log) if event["type"] == "EffectJudged"), None)
    if as_of and "after" in figures:
        figures["after"] = words.t("case_after_as_of", figure=figures["after"], day=as_of)
    return figures


def _effect(words: CaseWords, state: CaseState, template: Template, log: Sequence[Event]) -> tuple[str, str]:
    """Whether what was done helped, in words, and "better", "worse" or "".

    A case that is open again says how it was judged before; one that is never judged does not promise it.
    """
    if state.status == "watching_effect" and state.effect_due_at is not None:
        return words.t("case_effect_due", at=words.instant(state.effect_due_at)), ""
    judged = next((event for event in reversed(log) if event["type"] == "EffectJudged"), None)
    if judged is None:
        coming = state.is_open and template.effect is not None
        return words.t("case_effect_none" if coming else "case_effect_never"), ""
    effective = judged.get("effective")
    if effective is None:
        said, verdict = words.t("case_effect_unknown"), ""
    else:
        said, verdict = words.t("case_effect_true" if effective else "case_effect_false"), _VERDICTS[bool(effective)]
    return words.t("case_effect_again", said=said) if state.is_open else said, verdict


_VERDICTS = {True: "better", False: "worse"}


def _held(governed: GovernedCases, state: CaseState) -> list[Mapping[str, Any]]:
    held = governed.entered(state, state.data).get("held")
    return [one for one in held if isinstance(one, dict) and one.get("metric")] if isinstance(held, list) else []


def _similar_cases(
    words: CaseWords, governed: GovernedCases, context: GatewayContext, state: CaseState, template: Template
) -> list[Similar]:
    """Ended cases of the same process, most alike first, as the reader may see them."""
    found = {one.case_id: one for one in context.service.similar_cases(state)}
    states = context.service.states(set(found))
    # Free text never repeats; what was chosen does.
    kinds = ("choice", "boolean", "role")
    inputs = [field.name for _, field in declared_fields(template) if field.type in kinds]
    similar = []
    for likeness in ranked(state, states.values(), inputs):
        other = states[likeness.case_id]
        cause, remedy = _learnt(words, governed, other, template)
        shown = _similar(words, governed, found[likeness.case_id])
        alike = tuple(_alike(words, governed, state, template, likeness))
        similar.append(replace(shown, alike=alike, cause=cause, remedy=remedy))
    return similar


def _alike(
    words: CaseWords, governed: GovernedCases, state: CaseState, template: Template, likeness: Likeness
) -> Iterator[str]:
    kind_words = words.kind(state.subject_kind) if state.subject_kind else ""
    sees = governed.sees_entries(state)
    titles = {field.name: words.say(field.title) for _, field in declared_fields(template)}
    for kind, what in likeness.reasons:
        if kind in ("contributor", "input") and not sees:
            continue
        named = {
            "subject": kind_words,
            "subject_kind": kind_words,
            "contributor": what,
            "input": titles.get(what, what),
        }
        yield words.t(f"case_alike_{kind}", what=named.get(kind, ""))


def _learnt(words: CaseWords, governed: GovernedCases, state: CaseState, template: Template) -> tuple[str, str]:
    """Cause and remedy in words, as far as the reader sees what was entered; "" where nobody stated them."""
    if not governed.sees_entries(state):
        return "", ""
    return learnt_in_words(template, state, words.language)


def _ratings(words: CaseWords, governed: GovernedCases, state: CaseState) -> dict[str, Any] | None:
    """The ratings and their average; None where nobody rated. What people wrote is shown to who sees people."""
    given = state.ratings
    if not given:
        return None
    return {
        "average": f"{sum(one.score for one in given.values()) / len(given):.1f}",
        "each": [
            (words.person(person), one.score, one.comment if governed.sees_people else "")
            for person, one in given.items()
        ],
    }


def _similar(words: CaseWords, governed: GovernedCases, one: CaseSummary) -> Similar:
    label = one.subject_label or one.subject_id
    return Similar(
        case_id=one.case_id,
        subject=(governed.subject(one.metric, one.subject_kind, label) or "") if label else "",
        opened_at=one.opened_at,
        closed_at=one.closed_at,
        status=one.status,
        outcome=words.ending(one.outcome),
        effective=one.effective,
        lasted=words.elapsed(one.closed_at - one.opened_at) if one.closed_at else "",
    )


def _messages(context: GatewayContext, governed: GovernedCases, state: CaseState) -> list[Message]:
    found: Sequence[CaseMessage] = context.service.messages(state.case_id)
    whole = governed.sees_messages(state)
    return [
        Message(
            to=one.to if one.to.startswith("#") else governed.named(one.to or None),
            kind=one.kind.removeprefix("slack."),
            text=one.text if whole else None,
            status=one.status,
            at=one.sent_at or one.created_at,
        )
        for one in found
    ]
