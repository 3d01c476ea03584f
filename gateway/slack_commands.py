"""The slash command `/trueloop`: figures, cases and one's own tasks looked up, from any channel.

Belongs here: what the words after the command mean, and the ephemeral answers. Does not belong here: figures
(slack_metric), opening a case (slack_opening).

A command is acknowledged at once and answered through its response address, so that a slow look-up never meets Slack's
three seconds.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from gateway.case_words import CaseWords
from gateway.context import GatewayContext
from gateway.governed_cases import GovernedCases
from gateway.slack_metric import metric_answer
from gateway.slack_opening import SlackOpening
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge
from gateway.words import Language, text
from ops_assets.access import AccessRefused, Reader
from resources.people import Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.cases import UnknownCase
from workflow_jobs.slack.message import Block
from workflow_jobs.slack.wording import escaped, markdown

COMMAND = "/trueloop"
USAGE = ("help", "metric <name or words>", "open <process>", "case <number>", "mine")
_MOST_TASKS = 10
_WORDS: Mapping[str, str] = {
    "help": "help", "帮助": "help", "": "help", "?": "help",
    "metric": "metric", "指标": "metric",
    "open": "open", "发起": "open",
    "case": "case", "事件单": "case",
    "mine": "mine", "我的": "mine",
}  # fmt: skip
_CASE_NUMBER = re.compile(r"(?:C-?)?(\d{1,9})", re.IGNORECASE)
_log = logging.getLogger(__name__)
Answer = tuple[str, list[Block]]


def slack_reader(context: GatewayContext, person: Person | None) -> Reader:
    """Whoever looks something up in Slack: the reader role that his roles in the directory have, else that of the
    settings, and his own department.
    """
    departments = frozenset({person.department_id}) if person is not None and person.department_id else frozenset()
    name = person.person_id if person is not None else "slack"
    held = context.access.role_held_by(context.directory().roles_of(name)) if person is not None else None
    return Reader(name=name, role=held or context.settings.slack_reader_role, departments=departments)


class SlackCommands:
    """Answers `/trueloop`; what is typed behind `open` goes to ``opening``."""

    def __init__(self, context: GatewayContext, people: SlackPeople, slack: SlackClient, opening: SlackOpening) -> None:
        self._context = context
        self._people = people
        self._slack = slack
        self._opening = opening

    def typed(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """A typed command."""
        ack()
        user = str(body.get("user_id") or "")
        language = self._language(user)
        first, _, rest = str(body.get("text") or "").strip().partition(" ")
        word = _WORDS.get(first.casefold())
        try:
            person = self._people.person(user)
        except SlackError as error:
            _log.warning("asking Slack who %s is failed: %s", user, error)
            self._say(body, _plain(text(language, "slack_try_again")))
            return
        if person is None:
            self._say(body, _plain(text(language, "slack_nobody_known")))
            return
        if word == "open":
            answer = self._opening.typed(body, person, language, rest.strip())
            if isinstance(answer, str):
                self._say(body, _plain(escaped(answer)))
            elif answer is not None:
                self._say(body, (answer.text, list(answer.blocks)))
            return
        try:
            self._say(body, self._answer(word, first, rest.strip(), person, language))
        except AccessRefused as refused:
            self._say(body, _plain(escaped(refused)))

    def _answer(self, word: str | None, first: str, rest: str, person: Person, language: Language) -> Answer:
        reader = slack_reader(self._context, person)
        if word == "metric":
            return metric_answer(self._context, reader, language, rest)
        if word == "case":
            return self._case(reader, language, rest)
        if word == "mine":
            return self._mine(reader, language, person)
        return self._help(language, first if word is None else "")

    def _help(self, language: Language, unknown: str) -> Answer:
        lines = [text(language, "slack_unknown_command", word=escaped(unknown[:60]))] if unknown else []
        lines.append(text(language, "slack_help"))
        for name in ("metric", "open", "case", "mine", "help"):
            words = f" <{text(language, f'slack_help_{name}_words')}>" if name in ("metric", "open", "case") else ""
            lines.append(f"• `{COMMAND} {name}{escaped(words)}` {escaped(text(language, f'slack_help_{name}'))}")
        return _plain("\n".join(lines))

    def _case(self, reader: Reader, language: Language, words: str) -> Answer:
        found = _CASE_NUMBER.fullmatch(words.strip())
        if found is None:
            return _plain(text(language, "slack_case_which"))
        case_id = f"C-{int(found[1]):06d}"
        service = self._context.service
        try:
            case = service.case(case_id)
        except UnknownCase:
            return _plain(text(language, "slack_case_unknown", case=case_id))
        governed = GovernedCases(self._context, reader, language)
        say = CaseWords(self._context, governed, language)
        template = service.template_of(case)
        status = text(language, f"case_status_{case.status}")
        lines = [
            f"*{escaped(case_id)}* {escaped(say.say(template.title))}: {escaped(say.subject(case))}",
            f"{escaped(status)} · {escaped(text(language, 'slack_case_opened', at=say.instant(case.opened_at)))}",
        ]
        for task in case.open_tasks:
            who = say.person(task.assignee) or text(language, "slack_case_nobody")
            waits = text(language, "slack_case_waits", who=who, due=say.due(task))
            lines.append(f"• {escaped(say.step(template, task.step_id))}: {escaped(waits)}")
        lines.append(f"<{self._case_address(case_id)}|{escaped(text(language, 'slack_case_page'))}>")
        return f"{case_id}: {status}", _plain("\n".join(lines))[1]

    def _mine(self, reader: Reader, language: Language, person: Person) -> Answer:
        service, now = self._context.service, self._context.clock.now()
        tasks = service.tasks(assignee=person.person_id, limit=1000)
        if not tasks:
            return _plain(text(language, "slack_mine_none"))
        say = CaseWords(self._context, GovernedCases(self._context, reader, language), language)
        states = service.states({task.case_id for task in tasks[:_MOST_TASKS]})
        heading = text(language, "slack_mine_one" if len(tasks) == 1 else "slack_mine", count=len(tasks))
        lines = [heading]
        for task in tasks[:_MOST_TASKS]:
            case = states[task.case_id]
            if task.due_at < now:
                due = text(language, "slack_late_by", at=say.instant(task.due_at))
            else:
                due = text(language, "slack_due", at=say.due(case.tasks[task.task_id]))
            title = say.step(service.template_of(case), task.step_id)
            link = f"<{self._case_address(task.case_id)}|{task.case_id}>"
            lines.append(f"• {link} {escaped(title)}: {escaped(say.subject(case))}, {escaped(due)}")
        if len(tasks) > _MOST_TASKS:
            lines.append(text(language, "slack_mine_more", count=len(tasks) - _MOST_TASKS))
        board = f"{self._context.settings.gateway_url}/cases?person={person.person_id}"
        lines.append(f"<{board}|{escaped(text(language, 'slack_board_page'))}>")
        return heading, _plain("\n".join(lines))[1]

    def _language(self, user: str) -> Language:
        return self._people.language(user, self._context.settings.language)

    def _case_address(self, case_id: str) -> str:
        return f"{self._context.settings.gateway_url}/cases/{case_id}"

    def _say(self, body: Mapping[str, Any], answer: Answer) -> None:
        """Answer to the person alone. A failure changes nothing else."""
        said, blocks = answer
        try:
            self._slack.respond(str(body.get("response_url") or ""), said, blocks=blocks)
        except SlackError as error:
            _log.warning("could not answer the command of %s: %s", body.get("user_id"), error)


def _plain(sentence: str) -> Answer:
    """An answer of mrkdwn text; the caller escapes what comes from elsewhere."""
    return sentence[:3000], [{"type": "section", "text": markdown(sentence)}]
