"""Opening a case in Slack: the words after `/trueloop open`, the choice where they may mean several, the form.

Belongs here: translating what somebody types, presses and fills in. Does not belong here: which process words mean
(process_search), how choice and form look (workflow_jobs.slack), whether the case may be opened (the service).

A submitted form opens one case, however often Slack sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.context import GatewayContext
from gateway.process_search import described, named
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view
from gateway.slack_talk import SlackTalk
from gateway.words import Language, text
from resources.people import Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.cases import OpenRequest, may_open
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.engine.template import Template
from workflow_jobs.slack import modals, opening_modal
from workflow_jobs.slack.card_blocks import OPENED_IN_SLACK
from workflow_jobs.slack.message import Message
from workflow_jobs.slack.opening_choice import ChoiceValue, choice_message
from workflow_jobs.slack.wording import escaped
from workflow_jobs.wiring import library

_log = logging.getLogger(__name__)
Answer = str | Message
"""A sentence of :mod:`gateway.texts.slack`, or a message with buttons."""


class SlackOpening(SlackTalk):
    """Takes the words, the choice and the form of a new case. ``kick`` is called with whoever opened one."""

    def __init__(
        self,
        context: GatewayContext,
        people: SlackPeople,
        slack: SlackClient,
        kick: Callable[[str], None],
    ) -> None:
        super().__init__(people, slack, context.settings.language)
        self._context = context
        self._kick = kick

    def typed(self, body: Mapping[str, Any], person: Person, language: Language, words: str) -> Answer | None:
        """Open the form of the process that the words mean; what to answer where that cannot be, None where it was.

        ``body`` is that of the command.
        """
        known = self._in_force()
        openable = self._openable(person, known)
        if not openable:
            return text(language, "slack_open_none")
        if not words:
            return self._choice("slack_open_which", openable.values(), language)
        # Who names a process that he may not open means no other one.
        meant = named(known, words)
        if not meant.templates:
            meant = described(openable.values(), words)
        found = [one for one in meant.templates if one.id in openable]
        if not found:
            return self._choice("slack_open_unknown", openable.values(), language, word=words[:60])
        if len(found) > 1:
            return self._choice("slack_open_several", found, language, rest=meant.rest, word=words[:60])
        try:
            self._slack.open_view(str(body.get("trigger_id") or ""), self._form(found[0], language, meant.rest))
        except SlackError as error:
            _log.warning("opening the form of %s failed: %s", found[0].id, error)
            return text(language, "slack_open_late")
        return None

    def pressed(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """One of the processes that were offered: open its form."""
        pressed = self._pressed_by(ack, body, ChoiceValue.read, str(body["actions"][0].get("value") or ""))
        if pressed is None:
            return
        value, person = pressed
        ack()
        language = self._language(body)
        template = self._openable(person, self._in_force()).get(value.template_id)
        if template is None:
            self._explain(body, text(language, "slack_open_not_any_more"))
            return
        self._show(body, self._form(template, language, value.words), f"a new {template.id}")

    def submitted(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The form of a new case: open it as the person, or say beside which field what is wrong."""
        view, language = body["view"], self._language(body)
        try:
            person = self._people.person(str(body["user"]["id"]))
        except SlackError as error:
            _log.warning("asking Slack who sent the form of a new case failed: %s", error)
            ack(response_action="update", view=closing_view(text(language, "slack_try_again"), language))
            return
        if person is None:
            ack(response_action="update", view=closing_view(text(language, "slack_nobody_known"), language))
            return
        try:
            template = self._openable(person, self._in_force())[opening_modal.template_of_view(view)]
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
                rule_id=f"{OPENED_IN_SLACK}{view['id']}",
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
        sentence = text(language, "slack_opened", case=case_id, link="").strip()
        page = f"{self._context.settings.gateway_url}/cases/{case_id}"
        link = f"<{page}|{escaped(text(language, 'slack_case_page'))}>"
        opened = text(language, "slack_opened_title")
        ack(response_action="update", view=closing_view(sentence, language, title=opened, link=link))
        self._kick(person.person_id)

    def _choice(
        self, key: str, templates: Iterable[Template], language: Language, *, rest: str = "", **said: str
    ) -> Message:
        context = replace(self._context.service.card_context(), language=language)
        return choice_message(text(language, key, **said), list(templates), context, words=rest)

    def _form(self, template: Template, language: Language, words: str) -> dict[str, Any]:
        service = self._context.service
        context = replace(service.card_context(), language=language)
        roles = sorted(service.directory().roles)
        return opening_modal.opening_modal(template, context, roles=roles, words=words)

    def _in_force(self) -> list[Template]:
        """Every template in the version with which its cases open now."""
        known = library(self._context.settings.templates_dir)
        return [self._context.service.template_in_force(template.id) for template in known]

    def _openable(self, person: Person, known: Iterable[Template]) -> dict[str, Template]:
        held = self._context.directory().roles_of(person.person_id)
        return {one.id: one for one in known if may_open(one, held)}
