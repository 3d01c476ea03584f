"""Whom a voting step asks: for each voter one person, all of them different.

Belongs here: the choice of the people. What their decisions amount to is `votes`.
"""

from __future__ import annotations

from typing import NamedTuple

from workflow_jobs.engine import whom
from workflow_jobs.engine.assignment import Choice
from workflow_jobs.engine.flow import Flow
from workflow_jobs.engine.parts import Vote
from workflow_jobs.engine.separation import barred
from workflow_jobs.engine.template import HumanStep


class Voter(NamedTuple):
    """A voter by the role for which he is asked; `choice` is None where nobody is left to ask."""

    role: str
    choice: Choice | None


def voters(flow: Flow, step: HumanStep, vote: Vote) -> list[Voter]:
    """The voters in the order of the template; of a role all of whose holders vote, in the order of their ids.

    Where there are fewer holders than votes, those who answer for the step or own the process are asked for the rest,
    as long as there are different ones.
    """
    role, accountable = whom.roles_of(flow, step, None)
    if vote.voters:
        return _of_roles(flow, step, [whom.named(flow, one) for one in vote.voters], accountable)
    found = _all_holders(flow, step, role, accountable)
    least = vote.needed if isinstance(vote.needed, int) else 1
    while len(found) < least:
        taken = {one.choice.person_id for one in found if one.choice}
        found.append(Voter(role, whom.choice_for(flow, step, role, accountable, None, besides=taken)))
    return found


def _of_roles(flow: Flow, step: HumanStep, roles: list[str], accountable: str) -> list[Voter]:
    """One person of each role. The role with the fewest to choose from comes first, so that the others leave it one."""
    held = barred(flow.env.template, flow.state, step.id)
    able = {
        role: [one for one in flow.env.directory.candidates(role) if one not in held and not whom.is_away(flow, one)]
        for role in roles
    }
    taken: set[str] = set()
    found: dict[int, Voter] = {}
    for number in sorted(range(len(roles)), key=lambda one: (not able[roles[one]], len(able[roles[one]]), one)):
        choice = whom.choice_for(flow, step, roles[number], accountable, None, besides=taken)
        found[number] = Voter(roles[number], choice)
        if choice is not None:
            taken.add(choice.person_id)
    return [found[number] for number in range(len(roles))]


def _all_holders(flow: Flow, step: HumanStep, role: str, accountable: str) -> list[Voter]:
    """Every holder of the role; in the place of one who is away somebody else, if there is anybody."""
    held = barred(flow.env.template, flow.state, step.id)
    holders = [one for one in flow.env.directory.candidates(role) if one not in held]
    taken = set(holders)
    found: list[Voter] = []
    for person in holders:
        choice: Choice | None = Choice(person, f"{role}: each who holds it is asked")
        if whom.is_away(flow, person):
            other = whom.choice_for(
                flow, step, role, accountable, None, instead_of=person, besides=taken, only=(person,)
            )
            if other is not None and other.present:
                choice = Choice(other.person_id, other.reason, other.substitute_for or person)
                taken.add(other.person_id)
            else:
                choice = Choice(person, f"{role}: away, asked all the same", None, present=False)
        found.append(Voter(role, choice))
    return found
