"""Which tier of an approval counts in a case, and which is the strictest where the case cannot tell.

Belongs here: reading the conditions of tiers. Who is asked in a tier is `whom`.
"""

from __future__ import annotations

from workflow_jobs.engine.conditions import ConditionError, case_variables, compile_condition
from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Tier
from workflow_jobs.engine.template import HumanStep, Step


def tier_of(flow: Flow, step: Step) -> tuple[int | None, str]:
    """Index of the first tier that holds, None where the step has no tiers, and why.

    Where a condition has no answer, its tier may be meant as well as the first one after it that holds. The strictest
    of these is taken, so that no approval ever falls to a lower tier by mistake.
    """
    if not isinstance(step, HumanStep) or not step.tiers:
        return None, ""
    variables = case_variables(flow.env.template, flow.state)
    meant: list[int] = []
    problem = ""
    for index, tier in enumerate(step.tiers):
        try:
            holds = tier.when is None or compile_condition(tier.when).holds(variables)
        except ConditionError as error:
            problem = problem or str(error)
            meant.append(index)
            continue
        if holds:
            meant.append(index)
            break
    if not problem:
        index = meant[0] if meant else len(step.tiers) - 1
        return index, f"tier {index + 1}: {step.tiers[index].when or 'default'}"
    index = strictest(step.tiers, meant, flow.env.directory)
    return index, f"tier {index + 1}, the strictest that may be meant, because {problem}"


def strictest(tiers: tuple[Tier, ...], meant: list[int], people: PeopleView) -> int:
    """The tier, of those meant, whose accountable role stands highest; among equals the responsible role counts, then
    the later tier.

    A role stands as high as the lowest of its holders, by how many managers are above him. One that nobody holds stands
    lowest: nobody there could approve.
    """

    return min(meant, key=lambda index: (*_height(tiers[index], people), -index))


def stands_higher(tier: Tier, other: Tier, people: PeopleView) -> bool:
    """Whether who approves in `tier` stands above who does in `other`, as `strictest` compares them."""
    return _height(tier, people) < _height(other, people)


def _height(tier: Tier, people: PeopleView) -> tuple[float, float]:
    return _above(tier.accountable or tier.responsible, people), _above(tier.responsible, people)


def _above(role: str, people: PeopleView) -> float:
    return max((_managers(holder, people) for holder in people.candidates(role)), default=float("inf"))


def _managers(person_id: str, people: PeopleView) -> int:
    above: set[str] = set()
    manager = people.manager_of(person_id)
    while manager is not None and manager not in above and manager != person_id:
        above.add(manager)
        manager = people.manager_of(manager)
    return len(above)
