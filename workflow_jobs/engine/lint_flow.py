"""Whether every case can reach its end: blocks, joins, decisions, returns, waits, unreachable steps.

Belongs here: soundness. Because templates are blocks, it needs no search: a block can be done exactly if enough of its
branches can, a branch if each of its entries can, and a human step if one of its choices goes on. Only a person's
choice leads backwards, and every step that has such a choice has another one as well, so no case goes in circles for
ever unless people want it to.
"""

from __future__ import annotations

from collections.abc import Sequence

from workflow_jobs.engine.certainty import ends, order_of, settling
from workflow_jobs.engine.layout import Place, branches_of, node_of
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import Outcome
from workflow_jobs.engine.routing import reason_field
from workflow_jobs.engine.template import Decision, Fork, HumanStep, Node, ServiceStep, WaitStep
from workflow_jobs.engine.yaml_lines import Path


def flow(subject: Subject) -> Found:
    """Findings about the way through the template."""
    for step, path in subject.layout.repeated:
        yield path, step, f"the id {step!r} is used twice: give every step and fork its own id"
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, Fork):
            yield from _fork(place, node)
        elif isinstance(node, Decision):
            yield from _decision(place, node)
        elif isinstance(node, HumanStep):
            yield from _outcomes(subject, place, node)
        elif isinstance(node, ServiceStep):
            yield from _job(subject, place, node)
        elif isinstance(node, WaitStep):
            yield from _wait(subject, place, node)
        yield from _reached(subject, place)
    yield from _signals(subject)


def _fork(place: Place, fork: Fork) -> Found:
    count = len(fork.branches)
    if count < 2:
        yield place.path, fork.id, "a fork needs two branches at least: write its steps in the sequence itself"
    for number, branch in enumerate(fork.branches):
        if not branch:
            yield (*place.path, "branches", number), fork.id, f"branch {number + 1} has no step"
    if fork.needed > count:
        says = f"the join waits for {fork.needed} branches of {count} and could never be done: write at most {count}"
        yield (*place.path, "join"), fork.id, says
        return
    able = sum(ends(branch) for branch in fork.branches)
    if able < fork.needed:
        says = f"the join waits for {fork.needed} branches, but only {able} can reach it: let more of them go on"
        yield (*place.path, "join"), fork.id, says


def _decision(place: Place, decision: Decision) -> Found:
    rules: Path = (*place.path, "rules")
    if not any(rule.default for rule in decision.rules):
        says = "no rule is the default, so none may hold: end with `{id: otherwise, default: true}`"
        yield rules, decision.id, says
    elif len(decision.rules) == 1:
        yield rules, decision.id, "a decision needs a rule with a condition: write its steps in the sequence itself"
    seen: set[str] = set()
    for number, rule in enumerate(decision.rules):
        if rule.default and number < len(decision.rules) - 1:
            yield (*rules, number), decision.id, "the default rule must be the last one: those after it never hold"
        if rule.id in seen:
            yield (*rules, number), decision.id, f"the rule {rule.id!r} stands here twice: give each its own id"
        seen.add(rule.id)


def _outcomes(subject: Subject, place: Place, step: HumanStep) -> Found:
    path: Path = (*place.path, "outcomes")
    ids = [outcome.id for outcome in step.outcomes]
    for number, outcome in enumerate(step.outcomes):
        here: Path = (*path, number)
        if outcome.id in ids[:number]:
            yield here, step.id, f"the outcome {outcome.id!r} stands here twice"
        if outcome.ends_case is not None and subject.template.closes == "on_resolution":
            yield here, step.id, "a case that closes on resolution is not ended by a choice"
        if outcome.returns_to is not None:
            yield from _return(subject, here, place, step, outcome.id, outcome.returns_to)
    settled = _settled(step)
    if all(outcome.returns_to is not None for outcome in settled):
        says = f"{_every(step)} returns, so no case could ever end: "
        counted = len(settled) < len(step.outcomes)
        yield path, step.id, says + f"{'let one go on or end' if counted else 'add one that goes on or ends'} the case"


def _settled(step: HumanStep) -> Sequence[Outcome]:
    """The outcomes with which the step can be done; all, where a counted vote names none that there is."""
    return settling(step) or step.outcomes


def _every(step: HumanStep) -> str:
    counted = len(_settled(step)) < len(step.outcomes)
    return "every outcome that can settle the vote" if counted else "every outcome"


def _return(subject: Subject, path: Path, place: Place, step: HumanStep, outcome: str, target: str) -> Found:
    earlier = _earlier(subject, place)
    if target not in earlier:
        known = ", ".join(earlier) or "none, it is the first"
        says = f"{outcome!r} returns to {target!r}: name an earlier step of its own or an enclosing sequence ({known})"
        yield (*path, "returns_to"), step.id, says
    if reason_field(step.form, outcome) is None:
        says = f"a return needs a reason: add a text field with `required: [{outcome}]` to the form"
        yield (*path, "returns_to"), step.id, says


def _earlier(subject: Subject, place: Place) -> list[str]:
    """What may be returned to: the entries before this one in its sequence and in those around it."""
    found: list[str] = []
    while True:
        found = [node_of(entry).id for entry in place.sequence[: place.position]] + found
        if place.parent is None:
            return found
        place = subject.layout.places[place.parent[0]]


def _job(subject: Subject, place: Place, step: ServiceStep) -> Found:
    if subject.jobs is not None and step.job not in subject.jobs:
        known = ", ".join(sorted(subject.jobs)) or "none"
        yield (*place.path, "job"), step.id, f"there is no job {step.job!r} (known: {known})"


def _wait(subject: Subject, place: Place, step: WaitStep) -> Found:
    if step.form and step.signal is None:
        yield (*place.path, "form"), step.id, "only a signal brings fields: name the `signal`, or remove the form"
    if step.pauses_case and subject.template.sla is None:
        says = "the case has no clock to pause: state the template's `sla`, or remove `pauses_case`"
        yield (*place.path, "pauses_case"), step.id, says


def _signals(subject: Subject) -> Found:
    waits = [(p, p.node) for p in subject.layout.places.values() if isinstance(p.node, WaitStep) and p.node.signal]
    for number, (place, step) in enumerate(waits):
        for _, other in waits[:number]:
            together = order_of(subject.layout, other.id, step.id) == "parallel"
            if other.signal == step.signal and together:
                says = f"{other.id!r} may wait for {step.signal!r} at the same time: give each its own signal"
                yield (*place.path, "signal"), step.id, says


def _reached(subject: Subject, place: Place) -> Found:
    """What can never be reached, said at the entry that stops the way to it."""
    if ends([place.sequence[place.position]]):
        return
    after = place.following
    parent = subject.layout.places[place.parent[0]].node if place.parent is not None else None
    if after is not None:
        lost = node_of(after).id
    elif isinstance(parent, Fork) and parent.needed == len(parent.branches):
        lost = "the join"
    else:
        return  # the end of the template, a branch that nobody has to wait for, or a rule that ends the case
    node = place.node
    if isinstance(node, HumanStep):
        outcomes = _settled(node)
        stop = "returns" if all(o.returns_to for o in outcomes) else "ends the case or returns"
        stop = "ends the case" if all(o.ends_case for o in outcomes) else stop
        yield (*place.path, "outcomes"), node.id, f"{_every(node)} {stop}, so {lost} can never be reached"
    elif isinstance(node, Decision) and _has_steps(branches_of(node)):
        yield place.path, node.id, f"no rule goes on, so {lost} can never be reached: let one of them go on"


def _has_steps(branches: Sequence[Sequence[Node]]) -> bool:
    return any(branches)
