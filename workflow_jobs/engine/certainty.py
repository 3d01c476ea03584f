"""What is certain at a place of a template before any case runs: steps that are done by then, fields that are filled.

Belongs here: facts that follow from the blocks. What is wrong with a template because of them is the linter's business.

A branch of a join that does not wait for all may have been withdrawn, and of a decision's rules only some hold. A field
is certain behind such a block where so many branches fill it that any choice of those that surely ran includes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from workflow_jobs.engine.layout import Layout, Place, branches_of, layout_of, node_of
from workflow_jobs.engine.parts import FormField, Outcome
from workflow_jobs.engine.template import (
    Block,
    Decision,
    Fork,
    HumanStep,
    Node,
    ProcessStep,
    Step,
    Template,
    WaitStep,
)


@dataclass(frozen=True, slots=True)
class Known:
    """Ids of steps that are done, and names of fields that are filled."""

    steps: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    def __or__(self, other: Known) -> Known:
        return Known(self.steps | other.steps, self.fields | other.fields)


def known_at(template: Template, place: Place) -> Known:
    """What is certain when the place is entered."""
    layout = layout_of(template)
    known = Known(fields=frozenset(field.name for field in template.inputs if field.required is True))
    while True:
        known |= _after(place.sequence[: place.position])
        if place.parent is None:
            return known
        place = layout.places[place.parent[0]]


def settling(step: HumanStep) -> tuple[Outcome, ...]:
    """The outcomes with which the step can be done: of a counted vote only the two that it is settled with."""
    if step.vote is None or step.vote.needed == "any":
        return step.outcomes
    counted = (step.vote.approves, step.vote.rejects)
    return tuple(outcome for outcome in step.outcomes if outcome.id in counted)


def going_on(step: HumanStep) -> tuple[Outcome, ...]:
    """The outcomes that lead to what follows: neither the end of the case nor a return."""
    return tuple(one for one in settling(step) if one.ends_case is None and one.returns_to is None)


def _after(entries: Sequence[Node]) -> Known:
    known = Known()
    for entry in entries:
        known |= _of(entry)
    return known


def _of(entry: Node) -> Known:
    node = node_of(entry)
    own = Known(frozenset({node.id}))
    if isinstance(node, HumanStep):
        on = [outcome.id for outcome in going_on(node)]
        return own | Known(fields=frozenset(f.name for f in node.form if all(f.required_for(o) for o in on)))
    if isinstance(node, Fork):
        return own | _shared([_after(branch) for branch in node.branches], ran=min(node.needed, len(node.branches)))
    if isinstance(node, Decision):
        sets = [frozenset(rule.set) for rule in node.rules]
        if node.policy == "collect":  # every name of the table is set, to an empty list where no rule says anything
            own |= Known(fields=frozenset().union(*sets))
        return own | _shared([_after(rule.steps) | Known(fields=frozenset(rule.set)) for rule in node.rules], ran=1)
    return own  # a wait may end without its signal, another case without the fields that it may bring


def _shared(branches: Sequence[Known], *, ran: int) -> Known:
    """What is certain where `ran` of the branches were done, whichever."""
    return Known(
        _held_by_enough([branch.steps for branch in branches], ran),
        _held_by_enough([branch.fields for branch in branches], ran),
    )


def _held_by_enough(sets: Sequence[frozenset[str]], ran: int) -> frozenset[str]:
    enough = len(sets) - ran + 1
    return frozenset(name for name in frozenset().union(*sets) if sum(name in one for one in sets) >= enough)


Order = Literal["before", "after", "apart", "parallel", "same"]


def order_of(layout: Layout, first: str, second: str) -> Order:
    """How two nodes stand to one another: the first always comes before or after the second, the two are never both
    under way (`apart`: other rules of a decision), or may be at the same time. A block holds what is inside it.
    """
    if first == second:
        return "same"
    above, below = _way(layout, first), _way(layout, second)
    for (block, branch, position), (_, other_branch, other_position) in zip(above, below, strict=False):
        if branch != other_branch:
            node = layout.places[block].node if block else None
            exclusive = isinstance(node, Decision) and _never_both(node, branch, other_branch)
            return "apart" if exclusive else "parallel"
        if position != other_position:
            return "before" if position < other_position else "after"
    return "same"  # one of them lies inside the other


def _never_both(decision: Decision, one: int, other: int) -> bool:
    """Whether two rules never hold together: the default holds where none of the others does."""
    return decision.policy == "first" or decision.rules[one].default or decision.rules[other].default


def one_alone(layout: Layout, first: str, second: str) -> bool:
    """Whether of two nodes that may be under way at once, what fills data last is the only one that counts: the first
    branch to be done ends their fork, and one of them ends its branch.
    """
    ways = zip(_way(layout, first), _way(layout, second), strict=False)
    fork = next((one[0] for one, other in ways if one[1] != other[1]), "")
    node = layout.places[fork].node if fork else None
    single = isinstance(node, Fork) and node.needed == 1
    return single and any(_ends_branch(layout, step, fork) for step in (first, second))


def _ends_branch(layout: Layout, step: str, fork: str) -> bool:
    """Whether the step's data comes with the end of its branch of the fork, never before."""
    node = layout.places[step].node
    if isinstance(node, Decision) and any(rule.steps for rule in node.rules):
        return False  # what it sets is there before its steps are done
    if isinstance(node, HumanStep) and any(outcome.returns_to is not None for outcome in node.outcomes):
        return False  # what was typed with a return stays
    while layout.places[step].following is None:
        parent = layout.places[step].parent
        if parent is None or parent[0] == fork:
            return parent is not None
        step = parent[0]
        if not _ends_with_one(layout.places[step].node):
            return False
    return False


def _ends_with_one(node: Step | Block) -> bool:
    """Whether a block is done as soon as one of its branches is."""
    return node.needed == 1 if isinstance(node, Fork) else isinstance(node, Decision) and node.policy == "first"


def _way(layout: Layout, step: str) -> list[tuple[str, int, int]]:
    """The way to a node from outside: (block, branch, position in it) ..."""
    way: list[tuple[str, int, int]] = []
    place = layout.places[step]
    while place.parent is not None:
        way.insert(0, (*place.parent, place.position))
        place = layout.places[place.parent[0]]
    return [("", 0, place.position), *way]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a name of the case's data comes from: an input (step ""), a form, a decision, another case.

    `field` is None where no type is declared there: what a decision sets, and what another case brings.
    """

    name: str
    step: str
    path: tuple[str | int, ...]
    field: FormField | None = None
    values: tuple[str | bool | int, ...] = ()
    collected: bool = False


def sources_of(template: Template) -> Iterator[Source]:
    """Everything that fills the data of a case, in the order of the file."""
    for number, field in enumerate(template.inputs):
        yield Source(field.name, "", ("inputs", number), field)
    for place in layout_of(template).places.values():
        node = place.node
        if isinstance(node, HumanStep | WaitStep):
            for number, field in enumerate(node.form):
                yield Source(field.name, node.id, (*place.path, "form", number), field)
        elif isinstance(node, ProcessStep):
            for name in node.brings:
                yield Source(name, node.id, (*place.path, "brings", name))
        elif isinstance(node, Decision):
            yield from _set_by(node, place)


def _set_by(decision: Decision, place: Place) -> Iterator[Source]:
    for number, rule in enumerate(decision.rules):
        for name, value in rule.set.items():
            path = (*place.path, "rules", number, "set", name)
            yield Source(name, decision.id, path, values=(value,), collected=decision.policy == "collect")


def ends(entries: Sequence[Node]) -> bool:
    """Whether the last of these can be done, so that what follows them is reached."""
    return all(_goes_on(entry) for entry in entries)


def _goes_on(entry: Node) -> bool:
    node = node_of(entry)
    if isinstance(node, HumanStep):
        return bool(going_on(node))
    if isinstance(node, Fork):
        return sum(ends(branch) for branch in node.branches) >= node.needed
    if isinstance(node, Decision):
        return any(ends(branch) for branch in branches_of(node))
    return True
