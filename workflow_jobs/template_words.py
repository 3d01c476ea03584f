"""What a template's parts say in a few words, for lists, drawings and assets: roles, times, votes, outcomes. Pure."""

from __future__ import annotations

from workflow_jobs.engine.parts import Outcome, RoleRef, Vote
from workflow_jobs.engine.template import HumanStep, ProcessStep, ServiceStep, Step, WaitStep


def role_words(role: RoleRef | None) -> str:
    """A role reference as text: its id, or the input that names it with the role that stands in."""
    if role is None:
        return ""
    return role if isinstance(role, str) else f"{role.input} ({role.default})"


def sla_words(step: Step) -> str:
    """How long the step may take: working time, where nothing else is said."""
    match step:
        case HumanStep() | ServiceStep():
            return str(step.sla)
        case WaitStep():
            if step.until.date is not None:
                return f"until {step.until.date}"
            return str(step.until.working) if step.until.working is not None else f"{step.until.clock} (clock time)"
        case ProcessStep():
            return f"that of {step.template}"


def vote_words(vote: Vote) -> str:
    """How a vote is settled: `2 of buyer, quality_engineer, cfo`."""
    return f"{vote.needed} of {', '.join(map(role_words, vote.voters)) or 'all who hold the role'}"


def responsible_roles(step: Step) -> list[str]:
    """Who may be asked: the voters, the tiers' roles, or the responsible role."""
    if isinstance(step, HumanStep) and step.tiers:
        return list(dict.fromkeys(tier.responsible for tier in step.tiers))
    if isinstance(step, HumanStep) and step.vote is not None and step.vote.voters:
        return list(dict.fromkeys(map(role_words, step.vote.voters)))
    return [role_words(step.raci.responsible)] if step.raci.responsible is not None else []


def outcome_words(outcome: Outcome) -> str:
    """An outcome's id, with the step to which it returns: `rework -> judge`."""
    return f"{outcome.id} -> {outcome.returns_to}" if outcome.returns_to is not None else outcome.id


def outcomes_of(step: Step) -> list[str]:
    """What the step can end with, in words; of a service step its job, of another process its template."""
    match step:
        case HumanStep():
            return [outcome_words(outcome) for outcome in step.outcomes]
        case ServiceStep():
            return [step.job]
        case WaitStep():
            return ["elapsed", f"signalled ({step.signal})"] if step.signal is not None else ["elapsed"]
        case ProcessStep():
            return [step.template]
