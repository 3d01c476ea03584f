"""What the engine itself writes into a case's log, in the reader's words: reasons that are no person's.

Belongs here: the engine's own sentences, which logs keep in English, and the figures behind one of them. Does not
belong here: what people wrote, which is shown as it is; words for events (gateway.case_timeline). Pure.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Final

from workflow_jobs.engine.state import CaseState
from workflow_jobs.engine.template import Template
from workflow_jobs.engine.tier_changes import asked_instead
from workflow_jobs.slack.wording import CardContext

_NO_ANSWER: Final = re.compile(r"no answer by (\d{4}-\d\d-\d\dT\S+)")
_FIXED: Final = {
    "its cause is back": "log_cause_back",
    "the job finished after all": "log_finished_after_all",
    "the working calendar changed": "log_calendar_changed",
}
# Why a task was withdrawn: what follows names steps or choices by their ids.
_WITHDRAWN: Final = {
    "the case closed: ": "log_case_closed",
    "the case returned to ": "log_case_returned",
    "the step is decided without it: ": "log_decided_without",
    "decided already: ": "log_decided_without",
}


def engine_words(written: str, context: CardContext) -> str:
    """A reason or an error as the reader should see it; unchanged where it is not one of the engine's sentences."""
    # In English the log's own sentence of a withdrawal stays, which names step or choice.
    return _said(written, context) or (_withdrawn(written, context) if context.chinese else "") or written


def why_withdrawn(written: str, context: CardContext) -> str:
    """Why a task was taken back, in the reader's words; empty where the log does not say it, or says it otherwise."""
    return _withdrawn(written, context) or _said(written, context)


def _said(written: str, context: CardContext) -> str:
    """A sentence that stands whole in the engine; empty for any other."""
    if written in _FIXED:
        return context.word(_FIXED[written])
    role = asked_instead(written)
    if role is not None:
        return context.word("log_other_tier").format(context.role(role))
    missed = _NO_ANSWER.fullmatch(written)
    if missed is not None:
        with suppress(ValueError):  # it only looks like an instant
            return context.word("log_no_answer").format(context.instant(datetime.fromisoformat(missed[1])))
    return ""


def _withdrawn(written: str, context: CardContext) -> str:
    known = next((word for begins, word in _WITHDRAWN.items() if written.startswith(begins)), "")
    if not known and written.endswith(" goes on without it"):
        known = "log_goes_on"
    return context.word(known) if known else ""


def missed_effect(case: CaseState, template: Template | None, observed: str | None, context: CardContext) -> str:
    """Why a case counts as not having worked: the figure after the effect window, at opening, and its limit."""
    shown = context.value(observed)
    said = shown
    if template is not None and template.effect is not None:
        window = context.span(template.effect.window.clock())
        said = context.word("log_effect_after").format(value=shown, window=window)
    parts = [said]
    if case.observed is not None:
        parts.append(context.word("log_effect_before").format(context.value(case.observed)))
    if case.threshold is not None:
        side = {"above": "at_most", "below": "at_least"}.get(case.direction)
        limit = " ".join(([context.word(side)] if side else []) + [context.value(case.threshold)])
        parts.append(f"{context.word('limit')}: {limit}")
    return ("；" if context.chinese else "; ").join(parts)
