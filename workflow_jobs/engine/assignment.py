"""Whom to ask: of those who hold the role, present on the day, the one with the least open work.

Substitutes are managers, level by level, a bounded way up. The requester of a case is never asked. What a role is in
a given case, and when somebody is asked, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

MAX_LEVELS: Final = 5
_WEIGHTS: Final[Mapping[str, float]] = {"urgent": 4.0, "high": 2.0, "normal": 1.0, "low": 0.5}

Absent = Callable[[str, date], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """`reason` says in a few words why this person; `substitute_for` is the absent person he stands in for.

    `present` is False only where everybody was away, so that somebody absent had to be asked.
    """

    person_id: str
    reason: str
    substitute_for: str | None = None
    present: bool = True


def task_weight(priority: str) -> float:
    """How much open work a task of a case with this priority counts for its assignee."""
    return _WEIGHTS.get(priority, 1.0)


def choose(
    candidates: Iterable[str],
    on_date: date,
    loads: Mapping[str, float],
    absent: Absent,
    exclude: Collection[str] = (),
) -> Choice | None:
    """The present candidate with the least open work; equal work goes to the smallest id, so that it is repeatable."""
    able = sorted({person for person in candidates if person not in exclude})
    present = [person for person in able if not absent(person, on_date)]
    if not present:
        return None
    person = min(present, key=lambda one: (loads.get(one, 0.0), one))
    return Choice(person, f"least open work ({loads.get(person, 0.0):g}) of {len(present)} present")


def choose_substitute(
    candidates: Iterable[str],
    on_date: date,
    loads: Mapping[str, float],
    absent: Absent,
    manager_of: Callable[[str], str | None],
    exclude: Collection[str] = (),
) -> Choice | None:
    """The nearest manager who is present, when no candidate may be asked. At most MAX_LEVELS levels up, no circles."""
    stands_for = {person: person for person in sorted(set(candidates))}
    level = dict(stands_for)
    for depth in range(1, MAX_LEVELS + 1):
        above: dict[str, str] = {}
        for person, origin in level.items():
            manager = manager_of(person)
            if manager is not None and manager not in stands_for and manager not in above:
                above[manager] = origin
        choice = choose(above, on_date, loads, absent, exclude)
        if choice is not None:
            origin = above[choice.person_id]
            return Choice(choice.person_id, f"manager, {depth} level(s) above {origin} who cannot be asked", origin)
        stands_for |= above
        level = above
    return None


def assign(
    groups: Iterable[tuple[str, Collection[str]]],
    on_date: date,
    loads: Mapping[str, float],
    absent: Absent,
    manager_of: Callable[[str], str | None],
    exclude: Collection[str] = (),
) -> Choice | None:
    """Whom to ask, from (role, holders) groups in order of preference.

    First somebody present of the first group, then a manager of its holders, then the next group likewise. If everybody
    is away, the least loaded absent holder is asked, so that the task never hangs in the air. None if there is nobody
    at all besides those excluded.
    """
    asked = [(role, tuple(holders)) for role, holders in groups]
    for role, holders in asked:
        found = choose(holders, on_date, loads, absent, exclude) or choose_substitute(
            holders, on_date, loads, absent, manager_of, exclude
        )
        if found is not None:
            return Choice(found.person_id, f"{role}: {found.reason}", found.substitute_for)
    for role, holders in asked:
        found = choose(holders, on_date, loads, _nobody_absent, exclude)
        if found is not None:
            return Choice(found.person_id, f"{role}: everybody is away, asked all the same", None, present=False)
    return None


def _nobody_absent(_person: str, _day: date) -> bool:
    return False
