"""Whether somebody is left to decide where the one who asked may not: nobody decides his own request.

Belongs here: this one question, of cases that nobody may take back. What the template itself says is that who decides
may also ask. How many people hold a role, and who is above them, is the directory's knowledge and changes with it: here
a role stands for one person without a manager, or for as many as the step asks of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from workflow_jobs.engine.layout import Place
from workflow_jobs.engine.lint_subject import Found, Subject
from workflow_jobs.engine.parts import RoleRef, Rung
from workflow_jobs.engine.template import HumanStep, Step, Template, WaitStep
from workflow_jobs.engine.yaml_lines import Path

# Where in the step, how many have to decide, and the roles that may be asked, each as often as there is a person of it.
_Asked = Iterator[tuple[Path, int, Counter[str]]]


def requester(subject: Subject) -> Found:
    """Findings about steps that nobody could decide where the only one who may has asked for the case himself."""
    template = subject.template
    if "people" not in template.opened_by or template.withdrawn_by or template.closes == "on_resolution":
        return
    for place in subject.layout.places.values():
        for path, needed, roles in _asked(template, place):
            if roles.keys() <= set(template.requesters) and roles.total() - 1 < needed:
                who = ", ".join(sorted(roles))
                says = (
                    f"all who may decide here ({who}) may ask for the case too, and nobody decides his own request: "
                    "where it needs him and nobody is above him, the case could never end. Make a role accountable "
                    "that does not ask, or say in `withdrawn_by` who takes such a case back"
                )
                yield (*place.path, *path), place.node.id, says


def _asked(template: Template, place: Place) -> _Asked:
    step = place.node
    if not isinstance(step, Step) or isinstance(step, WaitStep):
        return
    ladder = template.ladder if step.ladder is None else step.ladder
    if any(rung.action == "default" for rung in ladder):
        return  # the template itself decides in the end
    answering = [_role(step.raci.accountable), template.owner_role, *_handed_to(ladder)]
    if isinstance(step, HumanStep) and step.tiers:
        for number, tier in enumerate(step.tiers):  # nobody below the tier is asked: neither the owner nor others
            yield ("tiers", number), 1, Counter({tier.responsible, tier.accountable or tier.responsible})
    elif isinstance(step, HumanStep) and step.vote is not None:
        voters = [_role(one) for one in step.vote.voters]
        many = step.vote.needed if isinstance(step.vote.needed, int) else 1
        needed = len(voters) if voters and step.vote.needed == "all" else many
        voting = Counter(voters or [_role(step.raci.responsible or step.raci.accountable)] * many)
        yield ("vote",), needed, voting | Counter(set(answering))
    else:
        yield ("raci",), 1, Counter({_role(step.raci.responsible or step.raci.accountable), *answering})


def _handed_to(ladder: tuple[Rung, ...]) -> list[str]:
    named = [rung.to for rung in ladder if rung.action == "reassign"]
    return [to.removeprefix("role:") for to in named if to.startswith("role:")]


def _role(role: RoleRef) -> str:
    return role if isinstance(role, str) else role.default
