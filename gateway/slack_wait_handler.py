"""Translates what people say in Slack about waits, that something has happened, into signals of the process.

As in gateway.slack nothing is decided here, and a signal is committed before its modal is acknowledged; where files
must be fetched first, the modal says so meanwhile.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.slack_evidence import SlackEvidence, added
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view, field_errors
from gateway.slack_talk import SlackTalk
from gateway.words import Language, text
from resources.people import Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.evidence_kinds import EvidenceRefused
from workflow_jobs.service import ProcessService
from workflow_jobs.slack import modals
from workflow_jobs.slack.wait_messages import WaitValue

_log = logging.getLogger(__name__)
_FIELD_PROBLEMS = frozenset({"form_incomplete", "form_invalid", "unknown_field"})
_OVER = frozenset({"stale_wait", "signal_not_awaited", "case_closed"})


class SlackWaitHandler(SlackTalk):
    """Handles the button and the modal of waits. ``kick`` is called with the person after what he changed."""

    def __init__(
        self,
        service: ProcessService,
        people: SlackPeople,
        slack: SlackClient,
        kick: Callable[[str], None],
        files: SlackEvidence,
        language: Language,
    ) -> None:
        super().__init__(people, slack, language)
        self._service = service
        self._kick = kick
        self._files = files

    def pressed(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The button: open the modal, or say why it does not open."""
        read = partial(WaitValue.read, seal=self._service.seal)
        pressed = self._pressed_by(ack, body, read, str(body["actions"][0].get("value") or ""))
        if pressed is None:
            return
        value, person = pressed
        ack()
        language = self._language(body)
        try:
            view = self._service.wait_modal(value.case_id, value.signal, value.wait, person.person_id, language)
        except Refused as refused:
            self._explain(body, self._sentence(refused, value, person, language))
        except UnknownCase:
            self._explain(body, text(language, "slack_case_unknown", case=value.case_id))
        else:
            self._show(body, view, value.case_id)

    def submitted(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The submitted modal: send the signal, or say beside which field what is missing."""
        view, language = body["view"], self._language(body)
        try:
            value = WaitValue.read(str(view.get("private_metadata") or ""), self._service.seal)
        except ValueError:
            ack(response_action="update", view=_closing(text(language, "slack_old_card"), language))
            return
        person, refusal = self._person(body)
        if person is None:
            ack(response_action="update", view=_closing(refusal, language))
            return
        if added(view):
            self._say_with_files(ack, view, value, person, language)
            return
        try:
            self._say(value, person, modals.form_from_view(view))
        except Refused as refused:
            self._answer_refusal(ack, view, value, person, refused, language)
        except UnknownCase:
            said = text(language, "slack_case_unknown", case=value.case_id)
            ack(response_action="update", view=_closing(said, language))
        else:
            ack()

    def _say(self, value: WaitValue, person: Person, data: Mapping[str, Any]) -> None:
        self._service.send_signal(
            value.case_id, value.signal, data, person_id=person.person_id, wait=value.wait, via="slack"
        )
        self._kick(person.person_id)

    def _answer_refusal(
        self,
        ack: Acknowledge,
        view: Mapping[str, Any],
        value: WaitValue,
        person: Person,
        refused: Refused,
        language: Language,
    ) -> None:
        errors = field_errors(view, refused, language) if refused.code in _FIELD_PROBLEMS else {}
        if errors:
            ack(response_action="errors", errors=errors)
        elif refused.code in _OVER and self._service.said_by(value.case_id, value.wait) == person.person_id:
            # The same person said the same twice: a double click, or Slack's retry.
            ack()
        else:
            ack(response_action="update", view=_closing(self._sentence(refused, value, person, language), language))

    def _sentence(self, refused: Refused, value: WaitValue, person: Person, language: Language) -> str:
        """Why it was refused; where somebody was first, who."""
        said_by = self._service.said_by(value.case_id, value.wait) if refused.code in _OVER else None
        if said_by is None:
            return refused.said(language)
        if said_by == person.person_id:
            return text(language, "slack_wait_said_by_you")
        who = self._service.directory().name(said_by) if said_by else text(language, "slack_wait_program")
        return text(language, "slack_wait_said_by", who=who)

    def _say_with_files(
        self, ack: Acknowledge, view: Mapping[str, Any], value: WaitValue, person: Person, language: Language
    ) -> None:
        """Nothing is taken in for a signal that is not to be had; the names stand for the files meanwhile."""
        errors = self._files.problems(view, language)
        if errors:
            ack(response_action="errors", errors=errors)
            return
        named = {field: [str(file.get("id")) for file in files] for field, files in added(view).items()}
        data = modals.form_from_view(view)
        try:
            self._service.require_sendable(
                value.case_id, value.signal, data | named, person_id=person.person_id, wait=value.wait
            )
        except Refused as refused:
            self._answer_refusal(ack, view, value, person, refused, language)
            return
        except UnknownCase:
            said = text(language, "slack_case_unknown", case=value.case_id)
            ack(response_action="update", view=_closing(said, language))
            return
        waiting = f"files-{secrets.token_hex(8)}"
        moment = closing_view(text(language, "slack_wait_files"), language, title=text(language, "slack_wait_moment"))
        ack(response_action="update", view=moment | {"external_id": waiting})
        title, said = text(language, "slack_wait_nothing"), ""
        try:
            self._say(value, person, data | self._files.take(view, value.case_id, None, person.person_id))
            title, said = text(language, "slack_wait_done"), text(language, "slack_wait_kept")
        except Refused as refused:
            said = self._sentence(refused, value, person, language)
        except EvidenceRefused as refused:
            said = refused.said(language)
        except UnknownCase:
            said = text(language, "slack_case_unknown", case=value.case_id)
        except SlackError as error:
            _log.warning("fetching the files of %s failed: %s", value.case_id, error)
            said = text(language, "slack_wait_no_files")
        self._replace(waiting, closing_view(said, language, title=title))


def _closing(sentence: str, language: Language) -> dict[str, Any]:
    return closing_view(sentence, language, title=text(language, "slack_wait_nothing"))
