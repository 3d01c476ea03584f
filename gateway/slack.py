"""Translates what Slack sends into commands of the process, and refusals into words for the person who clicked.

No decision is taken here and no card is drawn here: the engine decides, slack.cards draws. A decision is committed
before the click is acknowledged, so an acknowledged click is never lost; repeating it changes nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from gateway.slack_case_handler import SlackCaseHandler
from gateway.slack_commands import COMMAND, SlackCommands
from gateway.slack_evidence import SlackEvidence, added
from gateway.slack_home import HomeTabs
from gateway.slack_opening import SlackOpening
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view
from gateway.slack_talk import FileWords, SlackTalk
from gateway.slack_wait_handler import SlackWaitHandler
from gateway.words import Language, text
from resources.people import Person
from resources.slack import SlackClient, SlackError
from workflow_jobs.cases import UnknownTask
from workflow_jobs.engine.refusal import FORM_PROBLEMS, Refused
from workflow_jobs.service import ProcessService
from workflow_jobs.slack import case_buttons, modals, opening_choice, opening_modal, task_buttons, wait_messages
from workflow_jobs.slack.decision_buttons import ACTION_PREFIX, ButtonValue

_log = logging.getLogger(__name__)
_FILES = FileWords("", "slack_kept", "slack_no_files")
_ACTION_PROBLEMS = FORM_PROBLEMS | {"pause_invalid", "transfer_invalid", "claim_invalid"}


class SlackHandler(SlackTalk):
    """Handles clicks and submitted modals. ``kick`` is called with the person after everything that he changed."""

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
        """A button of a card: decide at once, or open the modal where the step asks for more."""
        action = body["actions"][0]
        if str(action.get("action_id") or "").startswith(task_buttons.ACTION_PREFIX):
            self._acted(ack, body, str(action.get("value") or ""))
            return
        pressed = self._pressed_by(
            ack, body, partial(ButtonValue.read, seal=self._service.seal), str(action.get("value") or "")
        )
        if pressed is None:
            return
        button, person = pressed
        if button.form:
            ack()
            self._open_modal(body, button, person)
            return
        sentence = self._decide(body, person, button, {})
        ack()
        if sentence is not None:
            self._explain(body, sentence)

    def submitted(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """A submitted modal: decide, close it, or say beside which field what is missing."""
        view = body["view"]
        if view.get("callback_id") == task_buttons.CALLBACK_ID:
            self._acted_with_words(ack, body)
            return
        try:
            button = modals.button_of_view(view, self._service.seal)
        except ValueError:
            self._close(ack, body, "slack_old_card")
            return
        person, refusal = self._person(body)
        if person is None:
            ack(response_action="update", view=closing_view(refusal, self._language(body)))
            return
        if added(view):
            self._decide_with_files(ack, body, button, person)
            return
        try:
            self._service.decide_task(
                button.task_id,
                button.version,
                person.person_id,
                button.outcome,
                modals.form_from_view(view),
                "slack",
            )
        except Refused as refused:
            self._answer_refusal(ack, body, button, person, refused)
            return
        except UnknownTask:
            self._close(ack, body, "slack_no_task")
            return
        ack()
        self._kick(person.person_id)

    def _answer_refusal(
        self, ack: Acknowledge, body: Mapping[str, Any], button: ButtonValue, person: Person, refused: Refused
    ) -> None:
        """Say why nothing was decided, unless the same person decided the same before."""
        if self._is_repetition(refused, button, person):
            ack()
        else:
            self._refuse(ack, body, refused)

    def _close(self, ack: Acknowledge, body: Mapping[str, Any], key: str) -> None:
        """Answer a submitted modal with a sentence of :mod:`gateway.texts.slack` instead."""
        language = self._language(body)
        ack(response_action="update", view=closing_view(text(language, key), language))

    def _acted(self, ack: Acknowledge, body: Mapping[str, Any], carried: str) -> None:
        """A button that does something else with the task than deciding it."""
        pressed = self._pressed_by(ack, body, partial(task_buttons.ActionValue.read, seal=self._service.seal), carried)
        if pressed is None:
            return
        value, person = pressed
        try:
            if value.action in task_buttons.WITH_MODAL:
                ack()
                language = self._language(body)
                view = self._service.action_modal(
                    value.task_id, value.version, value.action, language, person.person_id
                )
                self._show(body, view, value.task_id)
                return
            if value.action == task_buttons.WAKE:
                self._service.wake(value.task_id, person.person_id, "slack")
            elif value.action == task_buttons.CLAIM:
                self._service.claim(value.task_id, value.version, person.person_id, "slack")
            else:
                self._service.acknowledge(value.task_id, person.person_id, "slack")
        except Refused as refused:
            ack()
            self._explain(body, refused.said(self._language(body)))
            return
        except UnknownTask:
            ack()
            self._explain(body, text(self._language(body), "slack_no_task"))
            return
        ack()
        self._kick(person.person_id)

    def _acted_with_words(self, ack: Acknowledge, body: Mapping[str, Any]) -> None:
        """The submitted modal of such a button."""
        view = body["view"]
        typed = {name: str(value) for name, value in modals.form_from_view(view).items()}
        try:
            value = task_buttons.ActionValue.read(str(view.get("private_metadata") or ""), self._service.seal)
            act = self._with_words(value, typed)
        except (KeyError, ValueError):
            self._close(ack, body, "slack_old_card")
            return
        person, refusal = self._person(body)
        if person is None:
            ack(response_action="update", view=closing_view(refusal, self._language(body)))
            return
        try:
            act(person.person_id)
        except Refused as refused:
            self._refuse(ack, body, refused, beside=_ACTION_PROBLEMS)
            return
        except UnknownTask:
            self._close(ack, body, "slack_no_task")
            return
        ack()
        self._kick(person.person_id)

    def _with_words(self, value: task_buttons.ActionValue, typed: Mapping[str, str]) -> Callable[[str], object]:
        """What a submitted modal asks of the service, for whoever submitted it. Raises KeyError for a field that is
        not there, ValueError for one that cannot be read.
        """
        service, task, version = self._service, value.task_id, value.version
        reason = typed.get("reason", "")
        match value.action:
            case task_buttons.SNOOZE:
                until = datetime.fromisoformat(typed["until"])
                return lambda who: service.snooze(task, version, who, until, reason, "slack")
            case task_buttons.ASSIGN:
                return lambda who: service.assign(task, version, who, typed.get("to", ""), reason, "slack")
            case task_buttons.RELEASE:
                return lambda who: service.release(task, version, who, reason, "slack")
            case task_buttons.DELEGATE:
                return lambda who: service.delegate(task, version, who, self._chosen(typed), reason, "slack")
            case task_buttons.ADD_APPROVER:
                return lambda who: service.add_approver(task, version, who, self._chosen(typed), reason, "slack")
            case task_buttons.PAUSE:
                stated, comment = typed["reason_id"], typed.get("comment", "")
                return lambda who: service.pause(task, version, who, stated, comment=comment, via="slack")
            case task_buttons.ANSWER:
                return lambda who: service.answer_consultation(task, who, typed.get("text", ""), "slack")
        raise ValueError(f"{value.action} has no modal")

    def _chosen(self, typed: Mapping[str, str]) -> str:
        """The person whom a modal names, by his id or as a Slack user. Raises Refused for one whom nobody knows."""
        if "to_user" not in typed:
            return typed.get("to", "")
        try:
            person = self._people.person(typed["to_user"])
        except SlackError as error:
            _log.warning("asking Slack who %s is failed: %s", typed["to_user"], error)
            raise Refused(
                "transfer_invalid",
                "Slack did not say who that is. Please try again in a minute.",
                "暂时无法确认所选人员的身份，请一分钟后重试。",
                fields=("to_user",),
            ) from error
        if person is None:
            raise Refused(
                "transfer_invalid",
                "The people directory does not know this Slack user.",
                "人员目录中没有该 Slack 用户。",
                fields=("to_user",),
            )
        return person.person_id

    def _decide(
        self, body: Mapping[str, Any], person: Person, button: ButtonValue, form: Mapping[str, Any]
    ) -> str | None:
        """Take the decision; a sentence for the person where it was refused."""
        try:
            self._service.decide_task(
                button.task_id, button.version, person.person_id, button.outcome, dict(form), "slack"
            )
        except Refused as refused:
            # A repeated click of the same person with the same answer is a success that was said twice.
            return None if self._is_repetition(refused, button, person) else refused.said(self._language(body))
        except UnknownTask:
            return text(self._language(body), "slack_no_task")
        self._kick(person.person_id)
        return None

    def _decide_with_files(
        self, ack: Acknowledge, body: Mapping[str, Any], button: ButtonValue, person: Person
    ) -> None:
        def allowed(form: Mapping[str, Any]) -> bool:
            try:
                self._service.require_decidable(button.task_id, button.version, person.person_id, button.outcome, form)
            except Refused as refused:
                self._answer_refusal(ack, body, button, person, refused)
            except UnknownTask:
                self._close(ack, body, "slack_no_task")
            else:
                return True
            return False

        def act(typed: Mapping[str, Any]) -> str | None:
            try:
                case_id = self._service.task(button.task_id).case_id
            except UnknownTask:
                return text(self._language(body), "slack_no_task")
            files = self._files.take(body["view"], case_id, button.task_id, person.person_id)
            return self._decide(body, person, button, {**typed, **files})

        self._submit_with_files(ack, body, self._files, allowed, act, _FILES)

    def _is_repetition(self, refused: Refused, button: ButtonValue, person: Person) -> bool:
        if refused.code != "already_decided":
            return False
        task = self._service.task(button.task_id)
        return task.decided_by == person.person_id and task.outcome == button.outcome

    def _open_modal(self, body: Mapping[str, Any], button: ButtonValue, person: Person) -> None:
        try:
            view = self._service.decision_modal(
                button.task_id, button.version, button.outcome, self._language(body), person.person_id
            )
        except Refused as refused:
            self._explain(body, refused.said(self._language(body)))
            return
        except UnknownTask:
            self._explain(body, text(self._language(body), "slack_no_task"))
            return
        self._show(body, view, button.task_id)


def build_bolt(
    handler: SlackHandler,
    commands: SlackCommands,
    opening: SlackOpening,
    homes: HomeTabs,
    cases: SlackCaseHandler,
    waits: SlackWaitHandler,
    *,
    client: WebClient,
    signing_secret: str,
) -> App:
    """The Bolt application: it checks signatures, routes to the handler and answers 404 to what nobody asked for."""
    app = App(client=client, signing_secret=signing_secret, token_verification_enabled=False, name="trueloop")

    pressed = {
        ACTION_PREFIX: handler.pressed,
        task_buttons.ACTION_PREFIX: handler.pressed,
        opening_choice.ACTION_PREFIX: opening.pressed,
        case_buttons.ACTION_PREFIX: cases.pressed,
        wait_messages.ACTION_PREFIX: waits.pressed,
    }
    submitted = {
        modals.CALLBACK_ID: handler.submitted,
        task_buttons.CALLBACK_ID: handler.submitted,
        opening_modal.CALLBACK_ID: opening.submitted,
        case_buttons.CALLBACK_ID: cases.submitted,
        wait_messages.CALLBACK_ID: waits.submitted,
    }
    for prefix, press in pressed.items():
        app.action(re.compile(f"^{re.escape(prefix)}"))(press)
    for callback, submit in submitted.items():
        app.view(callback)(submit)
    app.command(COMMAND)(commands.typed)
    app.event("app_home_opened")(homes.opened)
    return app
