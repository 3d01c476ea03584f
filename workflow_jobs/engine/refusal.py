"""What the engine says no with: a refusal (said to a person in his language), a value that a field does not take, and a
mistake of the program that calls it.

Nothing else belongs here. Sentences stand beside the rule that refuses, those of several rules in `shared_refusals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

REFUSAL_CODES: Final[frozenset[str]] = frozenset(
    {
        "action_not_offered",  # the task cannot be snoozed, assigned or acknowledged
        "already_decided",  # the task was decided before
        "case_closed",  # the case takes no more work
        "case_exists",  # OpenCase for a case that is there
        "claim_invalid",  # the task cannot be claimed, or given back
        "child_not_awaited",  # EndChild for a case that no step waits for
        "does_not_fit",  # the case cannot be moved to that version of its template
        "decided_before",  # nobody decides twice what is to be decided by different people
        "effect_not_due",  # JudgeEffect before the window is over, or for a case that watches nothing
        "form_incomplete",  # a required field is empty
        "form_invalid",  # a field has a value of the wrong type or out of range
        "has_a_voice",  # a voter does not decide another voter's task
        "input_invalid",  # a declared input of OpenCase has a value of the wrong type
        "no_such_case",  # a command for a case that was never opened
        "not_allowed",  # the person is neither the assignee nor holds a role of the step
        "not_resolvable",  # ResolveIncident on a template that closes after its last step
        "may_not_open",  # people do not open cases of this template, or not this person
        "not_withdrawable",  # a case of this template is not taken back
        "not_reopenable",  # ReopenIncident for a case that did not end lately by itself
        "own_request",  # nobody decides his own request
        "pause_invalid",  # the task rests already, or the time asked for is past, too long, or once too often
        "rating_invalid",  # a rating out of range, or of a case that is not over
        "signal_not_awaited",  # SendSignal for what no step waits for
        "stale_wait",  # SendSignal for a wait that is over, or for an earlier visit of the step
        "stale_task",  # the task moved on since the card was drawn
        "step_not_waiting",  # a service result for a step that waits for none
        "task_closed",  # the task was withdrawn with its case
        "transfer_invalid",  # the task cannot be handed to that person
        "unknown_field",  # the form has no such field
        "unknown_outcome",  # the step has no such outcome
        "unknown_step",
        "unknown_task",
    }
)

FORM_PROBLEMS: Final[frozenset[str]] = frozenset({"form_incomplete", "form_invalid", "unknown_field"})
"""Of these, the codes that say what is wrong with a form; such a refusal names the fields."""


class Refused(Exception):
    """A command that the state of the case does not allow. Nothing changes.

    `code` is one of REFUSAL_CODES, for programs. `sentence` is the English text, for the API, logs and the command
    line; `said` gives the person who asked his own language. Both state the same facts. `fields` names the fields of
    a form that it is about.
    """

    def __init__(self, code: str, sentence: str, chinese: str, *, fields: Sequence[str] = ()) -> None:
        if code not in REFUSAL_CODES:
            raise ValueError(f"unknown refusal code {code!r}: add it to REFUSAL_CODES")
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.chinese = chinese
        self.fields = tuple(fields)

    @classmethod
    def to_program(cls, code: str, sentence: str) -> Self:
        """A refusal of what only programs and the command line ask for: it is said in English to everybody."""
        return cls(code, sentence, sentence)

    def said(self, language: str) -> str:
        """The sentence in `zh`, else in English."""
        return self.chinese if language.startswith("zh") else self.sentence


class BadValue(ValueError):
    """A value that a field does not take. `str()` of it goes on with an English sentence that begins with the field;
    `chinese` stands after the field's Chinese title and a colon. Neither ends with a full stop.
    """

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.chinese = chinese


class EngineError(Exception):
    """The caller broke the engine's contract: naive time, another template's case, events out of order."""
