"""Who could be asked by a template at all, so that only their open work is counted, and only where it matters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from workflow_jobs.engine.environment import PeopleView
from workflow_jobs.engine.layout import layout_of
from workflow_jobs.engine.parts import RoleRef
from workflow_jobs.engine.template import HumanStep, Template


class OpenWork(Mapping[str, float]):
    """Open weighted work by person, counted by ``count`` when somebody looks: most commands choose nobody."""

    def __init__(self, count: Callable[[], Mapping[str, float]]) -> None:
        self._count = count

    @cached_property
    def _counted(self) -> Mapping[str, float]:
        return self._count()

    def __getitem__(self, person_id: str) -> float:
        return self._counted[person_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counted)

    def __len__(self) -> int:
        return len(self._counted)


def askable(template: Template, data: Mapping[str, Any], people: PeopleView) -> frozenset[str]:
    """Holders of every role that may be asked in a case with this data, and their managers, who may stand in."""
    holders = {person for role in _roles(template, data) for person in people.candidates(role)}
    managers = {people.manager_of(person) for person in holders}
    return frozenset(holders | {manager for manager in managers if manager is not None})


def _roles(template: Template, data: Mapping[str, Any]) -> set[str]:
    roles = {template.owner_role}
    for step in layout_of(template).steps():
        for reference in (step.raci.responsible, step.raci.accountable):
            if reference is not None:
                roles |= _meant(reference, data)
        if isinstance(step, HumanStep):
            for voter in step.vote.voters if step.vote is not None else ():
                roles |= _meant(voter, data)
            for tier in step.tiers:
                roles |= {tier.responsible, tier.accountable or tier.responsible}
    return roles


def _meant(reference: RoleRef, data: Mapping[str, Any]) -> set[str]:
    if isinstance(reference, str):
        return {reference}
    return {reference.default, str(data.get(reference.input) or reference.default)}
