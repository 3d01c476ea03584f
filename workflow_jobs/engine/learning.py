"""What a case taught: the cause and the remedy that people stated, and how they rate the process.

Belongs here: the rules of rating, and where cause and remedy stand. Shares and averages are metrics of the warehouse.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from workflow_jobs.engine import commands as c
from workflow_jobs.engine import events as e
from workflow_jobs.engine.conditions import declared_fields
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Text
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.texts import read_text
from workflow_jobs.engine.values import Plain

LOWEST: Final = 1
HIGHEST: Final = 5
LONGEST_COMMENT: Final = 1000
_COMMENT: Final = Text(en="Comment", zh="备注")


class Learnt(NamedTuple):
    """Cause and remedy as they stand in the case's data (of a choice: its value); None where nobody stated it."""

    cause: Plain
    remedy: Plain


def learnt(template: Template, state: CaseState) -> Learnt:
    """What the case says about its cause and its remedy; (None, None) where the template does not ask."""
    asked = template.learning
    if asked is None or asked.cause is None or asked.remedy is None:
        return Learnt(None, None)
    return Learnt(state.data.get(asked.cause), state.data.get(asked.remedy))


def learnt_in_words(template: Template, state: CaseState, language: str) -> tuple[str, str]:
    """Cause and remedy for people to read; "" for what nobody stated."""
    asked, found = template.learning, learnt(template, state)
    if asked is None or asked.cause is None or asked.remedy is None:
        return "", ""
    return stated(template, asked.cause, found.cause, language), stated(template, asked.remedy, found.remedy, language)


def stated(template: Template, name: str, value: Plain, language: str) -> str:
    """A value of a field for people to read: the title of a choice, else the value itself, "" for none."""
    if value is None:
        return ""
    field = next((field for _, field in declared_fields(template) if field.name == name), None)
    options = {option.value: option.title for option in field.options} if field is not None else {}
    title = options.get(str(value))
    return title.get(language) if title is not None else str(value)


def took_part(state: CaseState) -> tuple[str, ...]:
    """Ids of who asked for the case, decided, voted, advised or answered in it, in that order."""
    people: list[str | None] = [state.requested_by]
    for task in state.tasks.values():
        people += [task.decided_by, *task.advisers, *(answer.person_id for answer in task.answers)]
    return tuple(dict.fromkeys(person for person in people if person))


def asks_for_ratings(template: Template) -> bool:
    """Whether those who took part are asked to rate the process."""
    return template.learning is not None and template.learning.rating


def rate(flow: Flow, command: c.RateCase) -> None:
    """Keep a rating of the process; the same person's last one counts."""
    if not asks_for_ratings(flow.env.template):
        raise Refused("action_not_offered", "This process does not ask for ratings.", "该流程不征集评价。")
    if flow.state.is_open:
        raise Refused(
            "rating_invalid",
            f"The case {flow.case_id} is still open; rate it when it is over.",
            f"事件单 {flow.case_id} 尚未结束，请在结束后评价。",
        )
    if command.person_id not in took_part(flow.state):
        name = flow.env.directory.name(command.person_id)
        raise Refused(
            "not_allowed",
            f"{name} took no part in this case; who did may rate it.",
            f"{name} 未参与该事件单，仅参与者可以评价。",
        )
    if isinstance(command.score, bool) or not LOWEST <= command.score <= HIGHEST:
        raise Refused(
            "rating_invalid",
            f"A rating is a whole number from {LOWEST} to {HIGHEST}.",
            f"评分须为 {LOWEST} 至 {HIGHEST} 的整数。",
        )
    comment = read_text(_COMMENT, command.comment, longest=LONGEST_COMMENT, field="comment")
    before = flow.state.ratings.get(command.person_id)
    if before is not None and (before.score, before.comment) == (command.score, comment):
        return
    flow.emit(e.CaseRated, person_id=command.person_id, score=command.score, comment=comment)
