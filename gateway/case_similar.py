"""How alike two cases of one process are, and why: the ranking of "how similar cases ended". Pure.

Belongs here: comparing and the reasons. Words and what a reader may see are the page's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from workflow_jobs.engine.state import CaseState

# What each likeness counts. The same subject says most; a shared contributor or input as much as its share of all.
RULE: Final = 3.0
METRIC: Final = 2.0
SUBJECT: Final = 4.0
SUBJECT_KIND: Final = 1.0
CONTRIBUTORS: Final = 3.0
INPUTS: Final = 2.0
# Data that says when and how much, not what kind of case it is.
_NOT_COMPARED: Final = frozenset({"contributors", "seen", "snapshot_id", "cause", "held"})


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a case is to the one looked at. ``reasons`` are (kind, what is shared), strongest first.

    Kinds: subject, rule, metric, subject_kind, contributor (a dimension and its member), input (its name).
    """

    case_id: str
    score: float
    reasons: tuple[tuple[str, str], ...]


def ranked(
    state: CaseState, others: Iterable[CaseState], inputs: Iterable[str] = (), *, most: int = 10
) -> list[Likeness]:
    """The cases of the same template that are alike at all, most alike first, then newest; ``most`` of them.

    ``inputs`` are the names in the cases' data that say what kind of case it is.
    """
    names = tuple(inputs)
    found: list[tuple[Likeness, datetime]] = []
    for other in others:
        if other.template_id == state.template_id and other.case_id != state.case_id:
            likeness = compared(state, other, names)
            if likeness.reasons:
                found.append((likeness, other.opened_at))
    found.sort(key=lambda one: one[0].case_id)
    found.sort(key=lambda one: (one[0].score, one[1]), reverse=True)
    return [likeness for likeness, _ in found[:most]]


def compared(state: CaseState, other: CaseState, inputs: Iterable[str] = ()) -> Likeness:
    """How alike ``other`` is to ``state``; the same both ways."""
    told: list[tuple[float, str, str]] = []
    if state.subject_id and (state.subject_kind, state.subject_id) == (other.subject_kind, other.subject_id):
        told.append((SUBJECT, "subject", state.subject_id))
    elif state.subject_kind and state.subject_kind == other.subject_kind:
        told.append((SUBJECT_KIND, "subject_kind", state.subject_kind))
    if state.rule_id and state.rule_id == other.rule_id:
        told.append((RULE, "rule", state.rule_id))
    if state.metric and state.metric == other.metric:
        told.append((METRIC, "metric", state.metric))
    told += _contributors(contributors_of(state.data), contributors_of(other.data))
    told += _inputs(state.data, other.data, inputs)
    told.sort(key=lambda one: (-one[0], one[1], one[2]))
    return Likeness(other.case_id, sum(weight for weight, _, _ in told), tuple(one[1:] for one in told))


def contributors_of(data: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """(dimension, member) of what moved the figure that opened a case, as the case's data has it."""
    given = data.get("contributors")
    lines = given.get("top") if isinstance(given, Mapping) else None
    return frozenset(
        (str(one.get("dimension", "")), str(one.get("label") or one.get("id") or ""))
        for one in (lines if isinstance(lines, list) else ())
        if isinstance(one, Mapping)
    )


def _contributors(ours: frozenset[tuple[str, str]], theirs: frozenset[tuple[str, str]]) -> list[tuple[float, str, str]]:
    shared = ours & theirs
    each = CONTRIBUTORS / len(ours | theirs) if shared else 0.0
    return [(each, "contributor", " ".join(filter(None, one))) for one in sorted(shared)]


def _inputs(ours: Mapping[str, Any], theirs: Mapping[str, Any], names: Iterable[str]) -> list[tuple[float, str, str]]:
    known = [
        name
        for name in dict.fromkeys(names)
        if name not in _NOT_COMPARED and (ours.get(name) is not None or theirs.get(name) is not None)
    ]
    same = [name for name in known if ours.get(name) == theirs.get(name)]
    return [(INPUTS / len(known), "input", name) for name in same]
