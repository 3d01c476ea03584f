"""Why a watch rule opened a case, and what moved the figure, as the case's page shows it. Pure: data in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gateway.words import Language, text
from ops_assets.watch_words import FigureForm, percent
from workflow_jobs.slack.breach_lines import dimension_words

SHOWN_HERE = frozenset({"rule_kind", "why", "evidence", "contributors"})
"""Entries of a case's data that are shown as words, not as given values."""


@dataclass(frozen=True)
class Contribution:
    """One member of a dimension and its part of the movement."""

    dimension: str
    label: str
    part: str
    share: str


@dataclass(frozen=True)
class BreachWords:
    """``why`` is the rule's sentence. ``moved`` says how far the figure moved between which periods, or why nobody can
    say what moved it; empty where nothing is known.
    """

    why: str = ""
    moved: str = ""
    contributions: tuple[Contribution, ...] = ()


def breach_words(data: Mapping[str, Any], language: Language) -> BreachWords:
    """The words of what the case was opened with; ``data`` as its reader may see it."""
    why = _chosen(data.get("why"), language)
    found = data.get("contributors")
    if not isinstance(found, Mapping):
        return BreachWords(why)
    if unknown := _chosen(found.get("unknown"), language):
        return BreachWords(why, unknown)
    if "movement_exact" not in found:
        return BreachWords(why)
    form = FigureForm(str(found.get("unit", "")), int(found.get("decimals", 2)))
    points = text(language, "case_points")
    moved = text(
        language,
        "case_moved_by",
        moved=form.points(Fraction(str(found["movement_exact"])), points),
        older=str(found["from"]["period"]),
        newer=str(found["to"]["period"]),
    )
    return BreachWords(
        why,
        moved,
        tuple(
            Contribution(
                dimension=dimension_words(str(one["dimension"]), chinese=language == "zh"),
                label=str(one["label"]),
                part=form.points(Fraction(str(one["contribution_exact"])), points),
                share="" if one.get("share") is None else percent(Fraction(str(one["share"]))),
            )
            for one in found.get("top", [])
        ),
    )


def _chosen(value: object, language: Language) -> str:
    return str(value.get(language) or value.get("en") or "") if isinstance(value, Mapping) else ""
