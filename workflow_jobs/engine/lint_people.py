"""Who is asked: RACI, tiers, votes, duties, actions, and the ladders that tell people.

Belongs here: rules about people and roles in a template. Which data a tier reads is `lint_data`.
"""

from __future__ import annotations

from typing import Final

from workflow_jobs.engine.certainty import order_of
from workflow_jobs.engine.layout import Place
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import Raci, Rung, Vote
from workflow_jobs.engine.template import Decision, Fork, HumanStep, ProcessStep, ServiceStep, Step, WaitStep
from workflow_jobs.engine.yaml_lines import Path

_NEEDS_A_TASK = ("assignee", "manager")
_NEEDED_FOR: Final = {
    "service": "is asked when the job fails",
    "wait": "sees to it that what is awaited happens",
    "process": "is asked when the other case cannot be opened",
}


def people(subject: Subject) -> Found:
    """Findings about whom the template asks and tells."""
    template = subject.template
    yield from subject.role(("owner_role",), "", template.owner_role)
    yield from subject.all_roles(("requesters",), "", template.requesters)
    yield from _ladder(subject, ("ladder",), None, template.ladder)
    yield from _case_ladder(subject)
    for place in subject.layout.places.values():
        node = place.node
        if isinstance(node, Decision):
            yield from subject.role((*place.path, "accountable"), node.id, node.accountable)
        elif not isinstance(node, Fork):
            yield from _raci(subject, (*place.path, "raci"), node.id, node.raci, asks=isinstance(node, HumanStep))
        if isinstance(node, HumanStep | ServiceStep) and node.ladder is not None:
            yield from _ladder(subject, (*place.path, "ladder"), node, node.ladder)
        if isinstance(node, ServiceStep | WaitStep | ProcessStep) and node.raci.responsible is None:
            yield (*place.path, "raci"), node.id, f"nobody is responsible: name the role that {_NEEDED_FOR[node.kind]}"
        if not isinstance(node, Fork | Decision):
            yield from _told_when_late(subject, place, node)
        if isinstance(node, HumanStep):
            yield from _responsible(place, node)
            yield from _tiers(subject, place, node)
            yield from _vote(subject, place, node)
            yield from _duties(subject, place, node)
            yield from _actions(subject, place, node)


def _raci(subject: Subject, path: Path, step: str, raci: Raci, *, asks: bool) -> Found:
    yield from subject.role((*path, "accountable"), step, raci.accountable)
    if raci.responsible is not None:
        yield from subject.role((*path, "responsible"), step, raci.responsible)
    yield from subject.all_roles((*path, "consulted"), step, raci.consulted)
    yield from subject.all_roles((*path, "informed"), step, raci.informed)
    if raci.consulted and not asks:
        says = "nobody decides this step, so nobody can be consulted: list them as `informed`, or in a human step"
        yield (*path, "consulted"), step, says


def _told_when_late(subject: Subject, place: Place, step: Step) -> Found:
    """Those informed hear that a task is late with a rung of its ladder, and of a wait that its signal did not come."""
    if not step.raci.informed or "late" not in step.raci.informs_at:
        return
    path: Path = (*place.path, "raci", "informs_at")
    if isinstance(step, HumanStep):
        own = step.ladder is not None
        ladder = step.ladder if step.ladder is not None else subject.template.ladder
        if not any(rung.at >= 100 for rung in ladder):
            whose = "the step's own ladder, which counts here," if own else "the template's ladder"
            says = f"informed when `late`, but {whose} has no rung from 100 on: add one, or they never hear of it"
            yield path, step.id, says
    elif isinstance(step, WaitStep) and step.signal is None:
        says = "informed when `late`, but no signal is awaited here that could be: name the `signal`, or remove `late`"
        yield path, step.id, says


def _responsible(place: Place, step: HumanStep) -> Found:
    raci: Path = (*place.path, "raci")
    named = step.raci.responsible is not None
    if step.tiers and named:
        yield (*raci, "responsible"), step.id, "the tiers say who is responsible: remove it here"
    if not step.tiers and not named and not (step.vote is not None and step.vote.voters):
        yield raci, step.id, "nobody is responsible: name a role, or give the step tiers or voters"


def _tiers(subject: Subject, place: Place, step: HumanStep) -> Found:
    if not step.tiers:
        return
    path: Path = (*place.path, "tiers")
    if not step.tiers[-1].default:
        yield (*path, len(step.tiers) - 1), step.id, "the last tier must be `default: true`, or no tier may fit"
    for number, tier in enumerate(step.tiers):
        here: Path = (*path, number)
        yield from subject.role((*here, "responsible"), step.id, tier.responsible)
        if tier.accountable is not None:
            yield from subject.role((*here, "accountable"), step.id, tier.accountable)
        if tier.default and number < len(step.tiers) - 1:
            yield here, step.id, "the default tier must be the last one: those after it can never be reached"


def _vote(subject: Subject, place: Place, step: HumanStep) -> Found:
    vote = step.vote
    if vote is None:
        return
    path: Path = (*place.path, "vote")
    for number, role in enumerate(vote.voters):
        yield from subject.role((*path, "voters", number), step.id, role)
    if step.tiers:
        yield path, step.id, "a vote has no tiers: let a decision lead to one vote or another"
    if step.pool:
        yield path, step.id, "a vote asks each voter by name: remove `pool`"
    for key, outcome in (("approves", vote.approves), ("rejects", vote.rejects)):
        if outcome is not None and step.outcome(outcome) is None:
            known = ", ".join(one.id for one in step.outcomes)
            yield (*path, key), step.id, f"{key} names the outcome {outcome!r}, which this step does not have ({known})"
    if vote.approves is not None and vote.approves == vote.rejects:
        yield (*path, "rejects"), step.id, "`approves` and `rejects` must be two outcomes"
    yield from _counted_alike(place, step, vote)
    if isinstance(vote.needed, int) and vote.voters and vote.needed > len(vote.voters):
        says = f"{vote.needed} approvals can never be had of {len(vote.voters)} voters: lower `needed`, or add voters"
        yield (*path, "needed"), step.id, says


def _counted_alike(place: Place, step: HumanStep, vote: Vote) -> Found:
    """A choice that counts as a rejection may settle the vote, and must bring what a rejection brings."""
    if vote.rejects is None or step.outcome(vote.rejects) is None:
        return
    for number, outcome in enumerate(step.outcomes):
        if outcome.id in (vote.approves, vote.rejects):
            continue
        lacking = [one.name for one in step.form if one.required_for(vote.rejects) and not one.required_for(outcome.id)]
        if lacking:
            says = f"{outcome.id!r} counts as {vote.rejects!r} and may settle it: require {', '.join(lacking)} for it"
            yield (*place.path, "outcomes", number), step.id, says


def _duties(subject: Subject, place: Place, step: HumanStep) -> Found:
    for number, other in enumerate(step.separate_from):
        here: Path = (*place.path, "separate_from", number)
        known = subject.layout.places.get(other)
        if known is None or not isinstance(known.node, HumanStep):
            yield here, step.id, f"there is no human step {other!r}: name an earlier one"
        elif order_of(subject.layout, other, step.id) != "before":
            yield here, step.id, f"{other!r} does not come before this step: name an earlier one"
    if subject.skills is not None:
        for number, skill in enumerate(step.skills):
            if skill not in subject.skills:
                here = (*place.path, "skills", number)
                yield here, step.id, f"nobody has the skill {skill!r}: no such skill is known"


def _actions(subject: Subject, place: Place, step: HumanStep) -> Found:
    path: Path = (*place.path, "actions")
    for name in ("assign", "delegate", "add_approver"):
        yield from subject.all_roles((*path, name), step.id, getattr(step.actions, name))
    seen: set[str] = set()
    for number, pause in enumerate(step.actions.pauses):
        if pause.id in seen:
            yield (*path, "pauses", number), step.id, f"the reason {pause.id!r} stands here twice"
        seen.add(pause.id)


def _ladder(subject: Subject, path: Path, step: HumanStep | ServiceStep | None, ladder: tuple[Rung, ...]) -> Found:
    name = step.id if step is not None else ""
    yield from _ascending(path, name, ladder)
    for number, rung in enumerate(ladder):
        here: Path = (*path, number)
        if rung.unless is not None and not _acknowledges(subject, step):
            yield here, name, "nothing here can be acknowledged: offer it under `actions`"
        if rung.to.startswith("role:"):
            yield from subject.role((*here, "to"), name, rung.to.removeprefix("role:"))
        if rung.outcome is not None:
            problem = _default_taken(step, rung.outcome)
            if problem:
                yield (*here, "outcome"), name, problem
            if number < len(ladder) - 1:
                yield (*path, number + 1), name, f"at {rung.at} % the default ends the task: nothing fires after it"


def _default_taken(step: HumanStep | ServiceStep | None, outcome_id: str) -> str:
    """Why a ladder cannot take this outcome by itself; empty where it can."""
    if not isinstance(step, HumanStep):
        return "only the ladder of a human step takes a default: write it there"
    outcome = step.outcome(outcome_id)
    if outcome is None:
        return f"the default {outcome_id!r} is no outcome of this step ({', '.join(one.id for one in step.outcomes)})"
    if step.vote is not None:
        return "a vote is not ended by a ladder: remind or escalate instead"
    if outcome.returns_to is not None:
        return f"{outcome_id!r} returns to a step, which takes a person's reason: take another outcome"
    needed = [field.name for field in step.form if field.required_for(outcome_id)]
    if needed:
        return f"{outcome_id!r} needs {', '.join(needed)}, which nobody fills in: take another outcome"
    return ""


def _case_ladder(subject: Subject) -> Found:
    template, path = subject.template, ("case_ladder",)
    if template.case_ladder and template.sla is None:
        yield path, "", "the rungs are percentages of the case's time: state it as `sla`"
    yield from _ascending(path, "", template.case_ladder)
    for number, rung in enumerate(template.case_ladder):
        here: Path = (*path, number)
        if rung.action in ("reassign", "default"):
            yield (*here, "action"), "", f"a case has no task to {rung.action}: remind or escalate"
        if rung.to in _NEEDS_A_TASK:
            yield (*here, "to"), "", f"a case has no {rung.to}: tell accountable, requester, owner, or a role"
        if rung.unless is not None:
            yield (*here, "unless"), "", "a case is not acknowledged: remove `unless`"
        if rung.to.startswith("role:"):
            yield from subject.role((*here, "to"), "", rung.to.removeprefix("role:"))


def _ascending(path: Path, step: str, ladder: tuple[Rung, ...]) -> Found:
    for number, rung in enumerate(ladder):
        if number and rung.at <= ladder[number - 1].at:
            yield (*path, number), step, f"rungs must ascend: {rung.at} % comes after {ladder[number - 1].at} %"


def _acknowledges(subject: Subject, step: HumanStep | ServiceStep | None) -> bool:
    """Whether the step (any step, for the template's own ladder) offers to acknowledge its task."""
    asked = [one for one in subject.layout.steps() if step is None or one.id == step.id]
    return any(isinstance(one, HumanStep) and one.actions.acknowledge for one in asked)
