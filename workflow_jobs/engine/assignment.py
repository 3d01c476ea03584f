"""Whom to ask: of those who hold the role and are there, one who is able, has room, and has the least open work.

Substitutes whom an absent person named come before managers; both go a bounded way. Those excluded (the requester, and
who must not decide because of what he decided before) are never asked. What a role is in a given case, who is excluded
and when somebody is asked, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

MAX_LEVELS: Final = 5
_WEIGHTS: Final[Mapping[str, float]] = {"urgent": 4.0, "high": 2.0, "normal": 1.0, "low": 0.5}
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """`reason` says in a few words why this person; `substitute_for` is the absent person he stands in for.

    `present` is False only where everybody was away, so that somebody absent had to be asked.
    """

    person_id: str
    reason: str
    substitute_for: str | None = None
    present: bool = True


def _nobody(_person: str) -> tuple[str, ...]:
    return ()


def _no_limit(_person: str) -> float | None:
    return None


def _no_skills(_person: str) -> frozenset[str]:
    return frozenset()


def _anybody(_person: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What is known of people at the moment of a choice.

    `work_day` is the day on which a person works next, by his own calendar; `away` whether he is absent on that day.
    `loads` is open weighted work, absent means none. `capacity_of` is the most that a person should have of it, None
    where nothing is stated. `may_stand_in` says who may be asked although he was only named as a substitute.
    """

    work_day: Callable[[str], date]
    away: Callable[[str], bool]
    manager_of: Callable[[str], str | None]
    substitutes_of: Callable[[str], tuple[str, ...]] = _nobody
    capacity_of: Callable[[str], float | None] = _no_limit
    skills_of: Callable[[str], frozenset[str]] = _no_skills
    may_stand_in: Callable[[str], bool] = _anybody
    loads: Mapping[str, float] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Need:
    """What a task asks of a person: its weight (see task_weight) and the skills that it takes."""

    weight: float = 1.0
    skills: frozenset[str] = frozenset()


def task_weight(priority: str) -> float:
    """How much open work a task of a case with this priority counts for its assignee."""
    return _WEIGHTS.get(priority, 1.0)


def turn_of(since: datetime, weight: float) -> datetime:
    """By what waiting tasks are handed out, the earliest first: since when one waits, less its head start.

    A task's weight is a head start of as many days: urgent goes first, and nothing starves. Which of two tasks goes
    first never changes while they wait, and behind a task go all that come later than its head start is behind theirs:
    3.5 days at most.
    """
    return since - weight * _DAY


def choose(candidates: Iterable[str], staff: Staff, need: Need | None = None) -> Choice | None:
    """Of the able candidates who are there first, one with room for the task, and of these who has the least open work.

    Equal work goes to the smallest id, so that it is repeatable. None where all are away, excluded or not able.
    """
    need = need or Need()
    here = [one for one in _able(candidates, staff, need.skills) if not staff.away(one)]
    if not here:
        return None
    first = min(map(staff.work_day, here))
    present = [one for one in here if staff.work_day(one) == first]
    roomy = [one for one in present if _has_room(one, staff, need)]
    person = min(roomy or present, key=lambda one: (staff.loads.get(one, 0.0), one))
    reason = f"least open work ({staff.loads.get(person, 0.0):g}) of {len(roomy or present)} present"
    if not roomy:
        reason += ", all at their capacity"
    elif len(roomy) < len(present):
        reason += f" and below their capacity ({len(present) - len(roomy)} at it)"
    if need.skills:
        reason += f" with {', '.join(sorted(need.skills))}"
    return Choice(person, reason)


def choose_named(candidates: Iterable[str], staff: Staff, need: Need | None = None) -> Choice | None:
    """The nearest present substitute whom an absent candidate named, or that one's substitute in turn."""
    for depth, named in enumerate(_named_by(candidates, staff), start=1):
        choice = choose((one for one in named if staff.may_stand_in(one)), staff, need)
        if choice is not None:
            absent = named[choice.person_id]
            how = f"named by {absent}, who is away" if depth == 1 else f"{depth} substitutes on from {absent}, away"
            return Choice(choice.person_id, how, absent)
    return None


def stand_ins(candidates: Iterable[str], staff: Staff) -> dict[str, str]:
    """Every present person whom an absent candidate named, or whom such a one named who is away too; each with the
    candidate in whose place he is.
    """
    levels = _named_by(candidates, staff)
    here = (one for named in levels for one in named.items() if staff.may_stand_in(one[0]) and not staff.away(one[0]))
    return {person: absent for person, absent in here if person not in staff.exclude}


def _named_by(candidates: Iterable[str], staff: Staff) -> Iterator[dict[str, str]]:
    """Level by level whom the absent candidates named, then whom those of these named who are away, each once and with
    the candidate at the beginning. At most MAX_LEVELS levels.
    """
    known = {person: person for person in sorted(set(candidates)) if staff.away(person)}
    level = dict(known)
    for _ in range(MAX_LEVELS):
        following: dict[str, str] = {}
        for person, stands_for in level.items():
            for named in staff.substitutes_of(person):
                if named not in known and named not in following:
                    following[named] = stands_for
        yield following
        known |= following
        level = {person: stands_for for person, stands_for in following.items() if staff.away(person)}


def choose_substitute(candidates: Iterable[str], staff: Staff, need: Need | None = None) -> Choice | None:
    """The nearest manager who is present, when no candidate may be asked. At most MAX_LEVELS levels up, no circles."""
    stands_for = {person: person for person in sorted(set(candidates))}
    level = dict(stands_for)
    for depth in range(1, MAX_LEVELS + 1):
        above: dict[str, str] = {}
        for person, origin in level.items():
            manager = staff.manager_of(person)
            if manager is not None and manager not in stands_for and manager not in above:
                above[manager] = origin
        choice = choose(above, staff, need)
        if choice is not None:
            origin = above[choice.person_id]
            return Choice(choice.person_id, f"manager, {depth} level(s) above {origin} who cannot be asked", origin)
        stands_for |= above
        level = above
    return None


def assign(
    groups: Iterable[tuple[str, Collection[str]]], staff: Staff, need: Need | None = None, instead_of: str | None = None
) -> Choice | None:
    """Whom to ask, from (role, holders) groups in order of preference.

    Where somebody's task is handed on because he is away (`instead_of`), whom he named comes before all. Then somebody
    of the first group, then whom its absent holders named, then a manager of its holders, then the next group likewise.
    Where nobody there has the skills, somebody without them is asked; if everybody is away, the least loaded absent
    holder: so the task never hangs in the air. None if there is nobody at all besides those excluded.
    """
    need = need or Need()
    asked = [(role, tuple(holders)) for role, holders in groups]
    for wanted in (need, Need(need.weight)) if need.skills else (need,):
        lacking = "" if wanted is need else f"; nobody there has {', '.join(sorted(need.skills))}"
        if instead_of is not None:
            named = choose_named((instead_of,), staff, wanted)
            if named is not None:
                return Choice(named.person_id, named.reason + lacking, named.substitute_for)
        for role, holders in asked:
            found = (
                choose(holders, staff, wanted)
                or choose_named(holders, staff, wanted)
                or choose_substitute(holders, staff, wanted)
            )
            if found is not None:
                return Choice(found.person_id, f"{role}: {found.reason}{lacking}", found.substitute_for)
    for role, holders in asked:
        able = _able(holders, staff, need.skills) or _able(holders, staff, frozenset())
        if able:
            person = min(able, key=lambda one: (staff.loads.get(one, 0.0), one))
            return Choice(person, f"{role}: everybody is away, asked all the same", None, present=False)
    return None


def _able(candidates: Iterable[str], staff: Staff, skills: frozenset[str]) -> list[str]:
    return sorted({one for one in candidates if one not in staff.exclude and skills <= staff.skills_of(one)})


def _has_room(person: str, staff: Staff, need: Need) -> bool:
    limit = staff.capacity_of(person)
    return limit is None or staff.loads.get(person, 0.0) + need.weight <= limit
