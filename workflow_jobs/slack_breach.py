"""What the card of a watch rule's case says beyond the figures: why the rule fired. Pure.

A threshold says it with observed figure and limit already; a case from elsewhere has no such data and gives no block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow_jobs.engine.state import CaseState
from workflow_jobs.slack_text import CardContext, escaped, markdown, shortened


def evidence(case: CaseState, context: CardContext) -> list[dict[str, Any]]:
    """One section with the sentence that the breach carried, in the card's language."""
    why = case.data.get("why")
    if case.data.get("rule_kind") in (None, "threshold") or not isinstance(why, Mapping):
        return []
    sentence = str((why.get("zh") if context.chinese else "") or why.get("en") or "")
    if not sentence:
        return []
    return [
        {"type": "section", "text": markdown(f"*{context.word('why')}*\n{escaped(shortened(sentence, 2000))}", 2900)}
    ]
