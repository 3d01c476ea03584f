"""Translates what people say in Slack about waits, that something has happened, into signals of the process.

As in gateway.slack nothing is decided here, and a signal is committed before its modal is acknowledged; where files
must be fetched first, the modal says so meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.slack_evidence import SlackEvidence, added
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view
from gateway.slack_talk import FileWords, SlackTalk
from gateway.words import Language, text
from resources.people import Person
from resources.slack import SlackClient
from workflow_jobs.cases import UnknownCase
from workflow_jobs.engine.refusal import Refused
from workflow_jobs.service import ProcessService
from workflow_jobs.slack import modals
from workflow_jobs.slack.wait_messages import WaitValue

_FILES = FileWords("slack_wait_nothing", "slack_wait_kept", "slack_wait_no_files")
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
            self._say_with_files(ack, body, value, person, language)
            return
        try:
            self._say(value, person, modals.form_from_view(view))
        except Refused as refused:
            self._answer_refusal(ack, body, value, person, refused, language)
        except UnknownCase:
            self._answer_unknown(ack, value, language)
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
        body: Mapping[str, Any],
        value: WaitValue,
        person: Person,
        refused: Refused,
        language: Language,
    ) -> None:
        if refused.code in _OVER and self._service.said_by(value.case_id, value.wait) == person.person_id:
            # The same person said the same twice: a double click, or Slack's retry.
            ack()
        else:
            said = self._sentence(refused, value, person, language)
            self._refuse(ack, body, refused, said=said, title=text(language, "slack_wait_nothing"))

    def _answer_unknown(self, ack: Acknowledge, value: WaitValue, language: Language) -> None:
        said = text(language, "slack_case_unknown", case=value.case_id)
        ack(response_action="update", view=_closing(said, language))

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
        self, ack: Acknowledge, body: Mapping[str, Any], value: WaitValue, person: Person, language: Language
    ) -> None:
        def allowed(form: Mapping[str, Any]) -> bool:
            try:
                self._service.require_sendable(
                    value.case_id, value.signal, form, person_id=person.person_id, wait=value.wait
                )
            except Refused as refused:
                self._answer_refusal(ack, body, value, person, refused, language)
            except UnknownCase:
                self._answer_unknown(ack, value, language)
            else:
                return True
            return False

        def act(typed: Mapping[str, Any]) -> str | None:
            try:
                files = self._files.take(body["view"], value.case_id, None, person.person_id)
                self._say(value, person, {**typed, **files})
            except Refused as refused:
                return self._sentence(refused, value, person, language)
            except UnknownCase:
                return text(language, "slack_case_unknown", case=value.case_id)
            return None

        self._submit_with_files(ack, body, self._files, allowed, act, _FILES)


def _closing(sentence: str, language: Language) -> dict[str, Any]:
    return closing_view(sentence, language, title=text(language, "slack_wait_nothing"))
