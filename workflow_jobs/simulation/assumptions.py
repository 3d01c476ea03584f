"""What the simulation assumes: one YAML file, every number with its unit and its source.

Belongs here: the file as typed, frozen models, and changing a value for one run. Does not belong here: what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FILE: Final = Path(__file__).with_name("assumptions.yaml")
_Said = Annotated[str, StringConstraints(min_length=3)]


class AssumptionError(ValueError):
    """An assumption that there is not, or that cannot have this value."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Assumption(_Model):
    """One number, never below 0, with its unit and where it comes from ("assumed" where nobody measured it)."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: _Said
    source: _Said


class HourOfDay(Assumption):
    """A whole hour of a day."""

    value: Annotated[float, Field(ge=0, le=23, multiple_of=1)]


class Company(_Model):
    """What happens to the company, beyond what its own generator says."""

    start: Assumption
    scale: Assumption
    late_line_is_exception: Assumption
    orders_held_up: Assumption
    slack_days: Assumption
    complaint_up_to_score: Assumption
    pays_after_settlement_days: Assumption
    seen_at_hour: HourOfDay
    figure_limit: Assumption
    figure_wrong: Assumption
    figure_right: Assumption
    effect_holds: Assumption


class People(_Model):
    """What a person does, in both arms."""

    looks_every: Assumption
    forgets: Assumption
    effort: Assumption
    effort_sigma: Assumption
    pace_sigma: Assumption
    sends_back_before_visit: Assumption
    says_yes: Assumption
    dates_ahead: Assumption
    wait_share: Assumption
    wait_sigma: Assumption


class Chat(_Model):
    """How a group chat works."""

    messages_an_hour: Assumption
    reads_at_once: Assumption
    gives_up_above: Assumption
    names_somebody: Assumption
    asks_wrong_person: Assumption
    wrong_person_passes_on: Assumption
    wrong_person_answers: Assumption
    takes_unnamed: Assumption
    forgets_to_hand_on: Assumption
    patience: Assumption
    patience_sigma: Assumption
    asks_at_most: Assumption
    goes_on_without: Assumption


class Platform(_Model):
    """How the platform works, as far as it is no code that runs here."""

    timer_every: Assumption
    job_minutes: Assumption


class ConsistencyOfClaims(_Model):
    """How departments' figures come apart and are compared."""

    rows: Assumption
    disagree_at_start: Assumption
    drift_a_week: Assumption
    rows_low: Assumption
    rows_high: Assumption
    gap_median: Assumption
    gap_sigma: Assumption
    gap_most: Assumption
    meeting_weeks: Assumption
    noticed_from: Assumption
    raised: Assumption
    compared_daily: Assumption


class Amount(_Model):
    """A lognormal amount of money in CNY."""

    median: Annotated[float, Field(gt=0)]
    sigma: Annotated[float, Field(ge=0)]


class BeforeAfter(_Model):
    """The published case's figure before and after."""

    before: float
    after: float


class Assumptions(_Model):
    """The whole file."""

    company: Company
    people: People
    chat: Chat
    platform: Platform
    consistency: ConsistencyOfClaims
    claims: Mapping[str, tuple[str, ...]]
    decisions: Mapping[str, Mapping[str, Mapping[str, float]]]
    approvals: Mapping[str, tuple[str, ...]]
    approved_by: Mapping[str, tuple[str, ...]]
    released_by: Mapping[str, tuple[str, ...]]
    amounts: Mapping[str, Amount]
    published: Mapping[str, BeforeAfter]

    def is_approval(self, template_id: str, step_id: str) -> bool:
        """Whether the step is an approval."""
        return step_id in self.approvals.get(template_id, ())

    def numbers(self) -> dict[str, Assumption]:
        """Every number by its name, such as ``chat.patience``, in the order of the file."""
        return {
            f"{group}.{name}": getattr(getattr(self, group), name)
            for group in GROUPS
            for name in type(getattr(self, group)).model_fields
        }

    def changed(self, changes: Mapping[str, float]) -> Assumptions:
        """The same with other values, by names such as ``chat.patience``. Raises AssumptionError."""
        body = self.model_dump()
        for name, value in changes.items():
            if name not in self.numbers():
                raise AssumptionError(
                    f"There is no assumption {name!r}; {FILE.name} lists them, such as chat.patience."
                )
            group, _, own = name.partition(".")
            body[group][own] |= {"value": value, "source": "set for this run"}
        try:
            return Assumptions.model_validate(body)
        except ValueError as error:
            raise AssumptionError(f"{', '.join(changes)}: {error}") from error


GROUPS: Final = ("company", "people", "chat", "platform", "consistency")


@cache
def assumptions() -> Assumptions:
    """The shipped file. Raises pydantic.ValidationError where a number lacks its unit or source."""
    return Assumptions.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
