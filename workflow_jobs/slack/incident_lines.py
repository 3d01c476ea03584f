"""What an incident's cards say beyond other cases': what failed, what is held back, what fails because of it.

Belongs here: rendering of an incident's evidence, as `workflow_jobs.incidents` writes it into the case's data. Does not
belong here: the rest of a card (cards). Pure; a case without such data gives no block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from workflow_jobs.engine.state import CaseState
from workflow_jobs.slack.wording import CardContext, escaped, markdown, quoted

MOST_CHECKS: Final = 5
MOST_METRICS: Final = 8
MOST_SYMPTOMS: Final = 8
COUNTED: Final = "seen-"
"""How sightings of the platform's own troubles begin: they count what was seen, where others name a snapshot."""


def is_incident(case: CaseState) -> bool:
    """Whether the case's data is an incident's evidence."""
    return isinstance(case.data.get("failed"), list)


def has_figures(case: CaseState) -> bool:
    """Whether a published snapshot stands behind the case: not where a run or a sensor is in trouble."""
    return bool(case.snapshot_id) and not case.snapshot_id.startswith(COUNTED)


def seen(case: CaseState, context: CardContext) -> str:
    """Since when, and how often it was recorded: a card is no place to count refreshes that found nothing new.

    Runs and sensors count how often they failed.
    """
    since = f"{context.word('since')} {context.instant(case.opened_at)}"
    if case.snapshot_id.startswith(COUNTED):
        line = f"{case.breaches} {context.word('times')}, {since}"
    else:
        line = f"{since}; {context.word('recorded').format(case.breaches)}" if case.breaches > 1 else since
    return f"{line}; {context.word('came_back')} {case.reopened} {context.word('times')}" if case.reopened else line


def evidence(case: CaseState, context: CardContext) -> list[dict[str, Any]]:
    """One section: the failing checks with what they observed, the metrics held back, the symptoms."""
    if not is_incident(case):
        return []
    lines: list[str] = []
    failed = _maps(case.data.get("failed"))
    if failed:
        lines.append(f"*{context.word('what_failed')}*")
        lines += [_failure(one) for one in failed[:MOST_CHECKS]]
        lines += _more(len(failed) - MOST_CHECKS, context)
    held = _maps(case.data.get("held"))
    if held:
        lines.append(f"*{context.word('held')}* ({len(held)})")
        lines += [f"• {_metric(one, context)}" for one in held[:MOST_METRICS]]
        lines += _more(len(held) - MOST_METRICS, context)
    symptoms = _texts(case.data.get("symptoms"))
    if symptoms:
        names = ", ".join(symptoms[:MOST_SYMPTOMS])
        rest = "".join(_more(len(symptoms) - MOST_SYMPTOMS, context))
        lines.append(f"*{context.word('symptoms')}* ({len(symptoms)})\n{escaped(names)}{rest}")
    return [{"type": "section", "text": markdown("\n".join(lines))}] if lines else []


def _failure(one: Mapping[str, Any]) -> str:
    return f"• {escaped(one.get('check', ''))}: {quoted(one.get('sentence', ''), 300)}"


def _metric(one: Mapping[str, Any], context: CardContext) -> str:
    label = str((one.get("zh") if context.chinese else "") or one.get("en") or one.get("metric", ""))
    as_of = one.get("as_of")
    good = f"{context.word('last_good')} {as_of}" if as_of else context.word("none_good")
    return f"{escaped(label)} ({escaped(good)})"


def _more(count: int, context: CardContext) -> list[str]:
    return [f" … +{count}"] if count > 0 else []


def _maps(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
