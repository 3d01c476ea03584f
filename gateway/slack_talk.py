"""What every handler of Slack's requests does: find out who acts, open a modal, say something to that person alone."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.slack_evidence import SlackEvidence, added
from gateway.slack_people import SlackPeople
from gateway.slack_replies import Acknowledge, closing_view, field_errors
from gateway.words import Language, text
from resources.people import Person
from resources.slack import SlackClient, SlackError, SlackRefused
from workflow_jobs.engine.refusal import FORM_PROBLEMS, Refused
from workflow_jobs.evidence_kinds import EvidenceRefused
from workflow_jobs.slack import modals

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")
_REPLACE_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True)
class FileWords:
    """Keys of :mod:`gateway.texts.slack`: what stands above a modal by which nothing was done (empty: its usual title),
    that it was done, and that Slack did not give the files.
    """

    undone: str
    kept: str
    lost: str


class SlackTalk:
    """The line to the person who acts, in his language; in ``usual`` where nobody tells which that is. ``slack``
    answers within the time that a click may take.
    """

    def __init__(self, people: SlackPeople, slack: SlackClient, usual: Language) -> None:
        self._people = people
        self._slack = slack
        self._usual = usual

    def _pressed_by(
        self, ack: Acknowledge, body: Mapping[str, Any], read: Callable[[str], _Value], carried: str
    ) -> tuple[_Value, Person] | None:
        """What a button carries and who pressed it; None where that cannot be told, which the person is told."""
        try:
            value = read(carried)
        except ValueError:
            ack()
            self._explain(body, text(self._language(body), "slack_old_card"))
            return None
        person, refusal = self._person(body)
        if person is None:
            ack()
            self._explain(body, refusal)
            return None
        return value, person

    def _show(self, body: Mapping[str, Any], view: Mapping[str, Any], task_id: str) -> None:
        try:
            self._slack.open_view(str(body["trigger_id"]), dict(view))
        except SlackError as error:
            _log.warning("opening the modal of %s failed: %s", task_id, error)
            self._explain(body, text(self._language(body), "slack_form_late"))

    def _replace(self, external_id: str, view: Mapping[str, Any]) -> None:
        """Replace a modal that an acknowledgement has just shown. Slack may still be taking that one in, and ours must
        not come before it: it is named by an id that only the new modal has.
        """
        for wait in (0.0, *_REPLACE_WAITS):
            time.sleep(wait)
            try:
                self._slack.update_view(dict(view), external_id=external_id)
            except SlackRefused as refused:
                if refused.code == "not_found":
                    continue
                _log.warning("the modal %s could not be replaced: %s", external_id, refused)
            except SlackError as error:
                _log.warning("the modal %s could not be replaced: %s", external_id, error)
            return
        # Whoever closed the modal meanwhile sees the decision on the card.
        _log.info("the modal %s is not open (any more)", external_id)

    def _submit_with_files(
        self,
        ack: Acknowledge,
        body: Mapping[str, Any],
        files: SlackEvidence,
        allowed: Callable[[Mapping[str, Any]], bool],
        act: Callable[[Mapping[str, Any]], str | None],
        words: FileWords,
    ) -> None:
        """Take a submitted modal with files. Fetching them may take longer than Slack waits: the modal says so
        meanwhile, and in the end how it went, whatever happens.

        ``allowed`` gets the form with Slack's names for the files and says whether it would be taken; where not, it has
        answered. ``act`` gets what was typed, takes the files in and acts; it returns why nothing was done, or None.
        """
        view, language = body["view"], self._language(body)
        errors = files.problems(view, language)
        if errors:
            ack(response_action="errors", errors=errors)
            return
        typed = modals.form_from_view(view)
        # Nothing is taken in for what is not to be had; the names stand for the files meanwhile.
        if not allowed(typed | {field: [str(one.get("id")) for one in found] for field, found in added(view).items()}):
            return
        waiting = f"files-{secrets.token_hex(8)}"
        moment = closing_view(text(language, "slack_wait_files"), language, title=text(language, "slack_wait_moment"))
        ack(response_action="update", view=moment | {"external_id": waiting})
        title = text(language, words.undone) if words.undone else ""
        try:
            said = act(typed)
            if said is None:
                title, said = text(language, "slack_wait_done"), text(language, words.kept)
        except EvidenceRefused as refused:
            said = refused.said(language)
        except SlackError as error:
            _log.warning("fetching files for the modal %s failed: %s", waiting, error)
            said = text(language, words.lost)
        except Exception:  # noqa: BLE001 - the modal must not say "one moment" for ever; the log has the rest
            _log.exception("a modal with files could not be taken to its end")
            title, said = text(language, "slack_failed_title"), text(language, "slack_failed")
        self._replace(waiting, closing_view(said, language, title=title))

    def _refuse(
        self,
        ack: Acknowledge,
        body: Mapping[str, Any],
        refused: Refused,
        *,
        beside: Collection[str] = FORM_PROBLEMS,
        said: str = "",
        title: str = "",
    ) -> None:
        """Answer a submitted modal: a refusal of one of the codes ``beside`` stands beside its field, another one, or
        ``said`` for it, instead of the modal.
        """
        language = self._language(body)
        errors = field_errors(body["view"], refused, language) if refused.code in beside else {}
        if errors:
            ack(response_action="errors", errors=errors)
        else:
            sentence = said or refused.said(language)
            ack(response_action="update", view=closing_view(sentence, language, title=title))

    def _language(self, body: Mapping[str, Any]) -> Language:
        return self._people.language(str(body["user"]["id"]), self._usual)

    def _person(self, body: Mapping[str, Any]) -> tuple[Person | None, str]:
        """Who acts, or None and a sentence that says why that cannot be told."""
        user_id = str(body["user"]["id"])
        try:
            person = self._people.person(user_id)
        except SlackError as error:
            _log.warning("asking Slack who %s is failed: %s", user_id, error)
            # Slack is not asked for his language either: it would take as long once more.
            return None, text(self._usual, "slack_who_are_you")
        if person is None:
            return None, text(self._language(body), "slack_nobody_decides")
        return person, ""

    def _explain(self, body: Mapping[str, Any], sentence: str) -> None:
        """Say something to the person who clicked alone, beside the card. A failure of that changes nothing else."""
        channel = str((body.get("channel") or {}).get("id") or "")
        user = str(body["user"]["id"])
        try:
            self._slack.post_ephemeral(channel or self._slack.open_dm(user), user, sentence)
        except SlackError as error:
            _log.warning("could not explain to %s (%s): %s", user, sentence, error)
