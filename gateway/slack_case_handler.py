"""Translates what people do with a whole case in Slack, withdraw or rate it, into commands of the process.

As in gateway.slack nothing is decided here, and a command is committed before its click is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view
from gateway.slack_talk import SlackTalk
from gateway.words import Language, text
from resources.slack import SlackClient
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.service import ProcessService
from workflow_jobs.slack import case_buttons, modals
from workflow_jobs.slack.case_buttons import RATE, CaseValue


class SlackCaseHandler(SlackTalk):
    """Handles the buttons and the modal about whole cases. ``kick`` is called with the person after what he changed."""

    def __init__(
        self,
        service: ProcessService,
        people: SlackPeople,
        slack: SlackClient,
        kick: Callable[[str], None],
        language: Language,
    ) -> None:
        super().__init__(people, slack, language)
        self._service = service
        self._kick = kick

    def pressed(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """A button of a case: rate at once, or open the modal that asks why it is withdrawn."""
        read = partial(CaseValue.read, seal=self._service.seal)
        pressed = self._pressed_by(ack, body, read, str(body["actions"][0].get("value") or ""))
        if pressed is None:
            return
        value, person = pressed
        language = self._language(body)
        try:
            if value.action == RATE:
                self._service.rate_case(value.case_id, person.person_id, value.score, via="slack")
                ack()
                self._kick(person.person_id)
                self._explain(body, text(language, "slack_rated", score=value.score, case=value.case_id))
                return
            ack()
            case = self._service.case(value.case_id)
            context = replace(self._service.card_context(), language=language)
            view = case_buttons.withdraw_modal(case, self._service.template_of(case), context)
            self._show(body, view, value.case_id)
        except Refused as refused:
            ack()
            self._explain(body, refused.said(language))
        except UnknownCase:
            ack()
            self._explain(body, text(language, "slack_case_unknown", case=value.case_id))

    def submitted(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The submitted modal: withdraw the case, or say why not."""
        view, language = body["view"], self._language(body)
        try:
            value = CaseValue.read(str(view.get("private_metadata") or ""), self._service.seal)
        except ValueError:
            ack(response_action="update", view=closing_view(text(language, "slack_old_card"), language))
            return
        person, refusal = self._person(body)
        if person is None:
            ack(response_action="update", view=closing_view(refusal, language))
            return
        reason = str(modals.form_from_view(view).get("reason", ""))
        try:
            self._service.withdraw_case(value.case_id, person.person_id, reason, "slack")
        except Refused as refused:
            self._refuse(ack, body, refused)
            return
        except UnknownCase:
            said = text(language, "slack_case_unknown", case=value.case_id)
            ack(response_action="update", view=closing_view(said, language))
            return
        ack()
        self._kick(person.person_id)
