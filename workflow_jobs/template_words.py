"""What a template's parts say in a few words, for lists, drawings and assets: roles, times, votes, outcomes. Pure."""

from __future__ import annotations

from workflow_jobs.engine.parts import Outcome, RoleRef, Rung, Vote
from workflow_jobs.engine.template import HumanStep, ProcessStep, Rule, ServiceStep, Step, Template, WaitStep


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


def rule_words(rule: Rule, language: str) -> str:
    """A line of a decision table: its title, else its id as words."""
    return rule.id.replace("_", " ") if rule.title is None else rule.title.get(language)


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


def rung_words(rung: Rung) -> str:
    """A rung: `80 % remind assignee`."""
    taken = f" {rung.outcome}" if rung.outcome is not None else ""
    return f"{rung.at} % {rung.action}{taken} {rung.to}"


def case_facts(template: Template) -> dict[str, str]:
    """What holds for a whole case: who opens it and takes it back, its time, what it learns and moves."""
    facts = {
        "opened_by": ", ".join(template.opened_by),
        "requesters": ", ".join(template.requesters) or ("anybody" if "people" in template.opened_by else ""),
        "withdrawn_by": ", ".join(template.withdrawn_by) if template.closes == "after_last_step" else "",
        "closes": template.closes.replace("_", " "),
        "sla": str(template.sla or ""),
        "case_ladder": ", ".join(map(rung_words, template.case_ladder)),
        "ladder": ", ".join(map(rung_words, template.ladder)),
    }
    if template.effect is not None:
        facts["effect"] = f"after {template.effect.window}: {template.effect.rule}; else {template.effect.on_failure}"
    if template.learning is not None:
        asked = (template.learning.cause, template.learning.remedy, "rated" if template.learning.rating else None)
        facts["learning"] = ", ".join(word for word in asked if word)
    return {name: words for name, words in facts.items() if words}


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
