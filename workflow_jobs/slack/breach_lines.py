"""What the card of a watch rule's case says beyond the figures: why the rule fired, and what moved the figure. Pure.

A threshold says why with observed figure and limit already; a case from elsewhere has no such data and gives no block.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from ops_assets.watch_words import FigureForm, percent
from workflow_jobs.engine.state import CaseState
from workflow_jobs.slack.wording import CardContext, escaped, markdown, paragraph, shortened

MOST_CONTRIBUTORS: Final = 3
_LONGEST_LABEL: Final = 80
_LONGEST_SENTENCE: Final = 300
_DIMENSIONS: Final[Mapping[str, str]] = {
    "customer": "客户",
    "department": "部门",
    "item": "物料",
    "item_group": "物料类别",
    "kind": "类型",
    "line": "产线",
    "person": "人员",
    "project": "项目",
    "region": "区域",
    "role": "角色",
    "step": "步骤",
    "supplier": "供应商",
    "template": "流程",
    "warehouse": "仓库",
}


def dimension_words(name: str, *, chinese: bool) -> str:
    """The name of a dimension as people read it."""
    return _DIMENSIONS.get(name, name) if chinese else name.replace("_", " ")


def evidence(case: CaseState, context: CardContext) -> list[dict[str, Any]]:
    """One section with the sentence that the breach carried, one with the largest contributions, in the card's
    language.
    """
    return [*_why(case, context), *_contributors(case, context)]


def _why(case: CaseState, context: CardContext) -> list[dict[str, Any]]:
    if case.data.get("rule_kind") in (None, "threshold"):
        return []
    sentence = _words(case.data.get("why"), context)
    if not sentence:
        return []
    return [_section(f"*{context.word('why')}*\n{paragraph(sentence, 2000)}")]


def _contributors(case: CaseState, context: CardContext) -> list[dict[str, Any]]:
    found: Any = case.data.get("contributors")
    if not isinstance(found, Mapping):
        return []
    unknown = _words(found.get("unknown"), context)
    if unknown:
        return [_section(f"*{context.word('moved_by')}*\n{paragraph(unknown, _LONGEST_SENTENCE)}")]
    older, newer, top = found.get("from"), found.get("to"), found.get("top")
    if not (isinstance(older, Mapping) and isinstance(newer, Mapping) and isinstance(top, list)):
        return []
    form = FigureForm(str(found.get("unit", "")), int(found.get("decimals", 2)))
    points = context.word("points")
    moved = form.points(Fraction(str(found["movement_exact"])), points)
    periods = escaped(f"{older.get('period')} → {newer.get('period')}")
    lines = [f"*{context.word('moved_by')}*: {escaped(moved)} ({periods})"]
    lines += [_line(one, form, points, context) for one in top[:MOST_CONTRIBUTORS]]
    return [_section("\n".join(lines))]


def _line(one: Mapping[str, Any], form: FigureForm, points: str, context: CardContext) -> str:
    dimension = shortened(dimension_words(str(one["dimension"]), chinese=context.chinese), _LONGEST_LABEL)
    label = shortened(str(one["label"]), _LONGEST_LABEL)
    line = f"• {escaped(dimension)} {escaped(label)}: {form.points(Fraction(str(one['contribution_exact'])), points)}"
    share = one.get("share")
    return line if share is None else f"{line} ({context.word('share_of_it').format(percent(Fraction(str(share))))})"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": markdown(text, 2900)}


def _words(value: object, context: CardContext) -> str:
    if not isinstance(value, Mapping):
        return ""
    return str((value.get("zh") if context.chinese else "") or value.get("en") or "")
