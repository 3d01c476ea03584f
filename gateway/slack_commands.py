"""The slash command `/trueloop`: figures, cases and one's own tasks looked up, and cases opened, from any channel.

Belongs here: what the words after the command mean, and the ephemeral answers. Does not belong here: figures
(slack_metric), the form of a new case (workflow_jobs.slack.opening_modal), whether it may be opened (the engine).

A command is acknowledged at once and answered through its response address, so that a slow look-up never meets Slack's
three seconds. Opening a case is safe to repeat: a submitted modal opens one case, however often Slack sends it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.case_words import CaseWords
from gateway.context import GatewayContext
from gateway.governed_cases import GovernedCases
from gateway.slack_metric import metric_answer
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view
from gateway.words import Language, text
from ops_assets.access import AccessRefused, Reader
from resources.people import Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.cases import OpenRequest, UnknownCase, may_open
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import modals, opening_modal
from workflow_jobs.slack.wording import escaped, markdown
from workflow_jobs.wiring import library

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
Block = dict[str, Any]
Answer = tuple[str, list[Block]]


def slack_reader(context: GatewayContext, person: Person | None) -> Reader:
    """Whoever looks something up in Slack: the role of the settings, and his own department."""
    departments = frozenset({person.department_id}) if person is not None and person.department_id else frozenset()
    name = person.person_id if person is not None else "slack"
    return Reader(name=name, role=context.settings.slack_reader_role, departments=departments)


class SlackCommands:
    """Answers `/trueloop` and takes the form of a new case. ``kick`` is called with whoever opened one."""

    def __init__(
        self,
        context: GatewayContext,
        people: SlackPeople,
        slack: SlackClient,
        kick: Callable[[str], None],
        templates: Callable[[], Iterable[Template]] | None = None,
    ) -> None:
        self._context = context
        self._people = people
        self._slack = slack
        self._kick = kick
        self._templates = templates or self._in_force

    def _in_force(self) -> list[Template]:
        """Every template in the version with which its cases open now."""
        return [self._context.service.template_in_force(template.id) for template in library()]

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
            self._open(body, person, language, rest.strip())
            return
        try:
            self._say(body, self._answer(word, first, rest.strip(), person, language))
        except AccessRefused as refused:
            self._say(body, _plain(escaped(refused)))

    def submitted(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The form of a new case: open it as the person, or say beside which field what is wrong."""
        view, user = body["view"], str(body["user"]["id"])
        language = self._language(user)
        opened = text(language, "slack_opened_title")
        try:
            person = self._people.person(user)
        except SlackError:
            ack(response_action="update", view=closing_view(text(language, "slack_try_again"), language))
            return
        if person is None:
            ack(response_action="update", view=closing_view(text(language, "slack_nobody_known"), language))
            return
        try:
            template = self._openable(person)[opening_modal.template_of_view(view)]
        except (KeyError, ValueError):
            ack(response_action="update", view=closing_view(text(language, "slack_open_none"), language))
            return
        typed = modals.form_from_view(view)
        errors = opening_modal.input_errors(template, typed, language)
        if errors:
            ack(response_action="errors", errors=errors)
            return
        snapshot = self._context.snapshots.current()
        try:
            request = OpenRequest(
                template_id=template.id,
                # One modal is one case: Slack's retries and a double click name the same view.
                rule_id=f"opened_in_slack:{view['id']}",
                subject_label=opening_modal.subject_of(template, typed),
                snapshot_id=snapshot.id if snapshot is not None else "",
                as_of=snapshot.as_of if snapshot is not None else None,
                requested_by=person.person_id,
                priority=opening_modal.priority_of_view(view),
                data=typed,
            )
            case_id = self._context.service.open_by_person(request, via="slack").case_id
        except Refused as refused:
            ack(response_action="update", view=closing_view(refused.said(language), language))
            return
        sentence = text(language, "slack_opened", case=case_id, link="")
        link = f"<{self._case_address(case_id)}|{escaped(text(language, 'slack_case_page'))}>"
        view = closing_view(sentence.strip(), language, title=opened, link=link)
        ack(response_action="update", view=view)
        self._kick(person.person_id)

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
            waits = text(language, "slack_case_waits", who=who, due=say.instant(task.due_at))
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
        heading = text(language, "slack_mine", count=len(tasks))
        lines = [heading]
        for task in tasks[:_MOST_TASKS]:
            case = states[task.case_id]
            at = say.instant(task.due_at)
            due = text(language, "slack_late_by" if task.due_at < now else "slack_due", at=at)
            title = say.step(service.template_of(case), task.step_id)
            link = f"<{self._case_address(task.case_id)}|{task.case_id}>"
            lines.append(f"• {link} {escaped(title)}: {escaped(say.subject(case))}, {escaped(due)}")
        if len(tasks) > _MOST_TASKS:
            lines.append(text(language, "slack_mine_more", count=len(tasks) - _MOST_TASKS))
        board = f"{self._context.settings.gateway_url}/cases?person={person.person_id}"
        lines.append(f"<{board}|{escaped(text(language, 'slack_board_page'))}>")
        return heading, _plain("\n".join(lines))[1]

    def _open(self, body: Mapping[str, Any], person: Person, language: Language, words: str) -> None:
        openable = self._openable(person)
        name, _, rest = words.partition(" ")
        template = openable.get(name)
        if template is None:
            if not openable:
                answer = text(language, "slack_open_none")
            else:
                key = "slack_open_unknown" if name else "slack_open_which"
                listed = [
                    f"• `{COMMAND} open {one.id}` {escaped(one.title.get(language))}" for one in openable.values()
                ]
                answer = "\n".join([text(language, key, **({"word": escaped(name[:60])} if name else {})), *listed])
            self._say(body, _plain(answer))
            return
        service = self._context.service
        context = replace(service.card_context(), language=language)
        roles = sorted(service.directory().roles)
        view = opening_modal.opening_modal(template, context, roles=roles, words=rest)
        try:
            self._slack.open_view(str(body.get("trigger_id") or ""), view)
        except SlackError as error:
            _log.warning("opening the form of %s failed: %s", template.id, error)
            self._say(body, _plain(text(language, "slack_open_late")))

    def _openable(self, person: Person) -> dict[str, Template]:
        held = self._context.directory().roles_of(person.person_id)
        return {one.id: one for one in self._templates() if may_open(one, held)}

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
