"""What people decide and type. The same task gets the same answer in both arms. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from workflow_jobs.engine.parts import FormField, Outcome
from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.draws import Draws

EVIDENCE: Final = "evidence"
"""Stands for a file, until whoever keeps the case has one."""


def choose(
    assumed: Assumptions,
    draws: Draws,
    template_id: str,
    step_id: str,
    outcomes: tuple[Outcome, ...],
    visit: int,
    *key: object,
) -> str:
    """An outcome by the stated weights, else the primary one. The same for everybody who is asked in this visit."""
    returns = visit < assumed.people.sends_back_before_visit.value
    offered = [one for one in outcomes if returns or one.returns_to is None] or list(outcomes)
    stated = assumed.decisions.get(template_id, {}).get(step_id, {})
    weights = {one.id: stated[one.id] for one in offered if stated.get(one.id)}
    if weights:
        return draws.weighted(weights, "chooses", step_id, visit, *key)
    return next((one.id for one in offered if one.style == "primary"), offered[0].id)


def fill(
    assumed: Assumptions, draws: Draws, fields: tuple[FormField, ...], outcome: str, today: date, *key: object
) -> dict[str, Any]:
    """A form with every field that the outcome needs."""
    return {field.name: value_of(assumed, draws, field, today, *key) for field in fields if field.required_for(outcome)}


def value_of(assumed: Assumptions, draws: Draws, field: FormField, today: date, *key: object) -> Any:
    """A value for one field; amounts are lognormal, choices are all as likely."""
    match field.type:
        case "decimal":
            amount = assumed.amounts.get(field.name, assumed.amounts["default"])
            number = draws.lognormal(amount.median, amount.sigma, "amount", field.name, *key)
            low, high = float(field.min or 0), float(field.max if field.max is not None else 10**12)
            return f"{min(max(number, low), high):.{field.decimals}f}"
        case "integer":
            return int(field.min or 0) + 1 if field.max is None or field.max > (field.min or 0) else int(field.max)
        case "date":
            return (today + timedelta(days=assumed.people.dates_ahead.value)).isoformat()
        case "boolean":
            return draws.chance(assumed.people.says_yes.value, "boolean", field.name, *key)
        case "choice":
            return draws.pick(field.options, "choice", field.name, *key).value
        case "file":
            return [EVIDENCE]
        case "role":
            return "data_owner"
        case _:
            return "simulated"
