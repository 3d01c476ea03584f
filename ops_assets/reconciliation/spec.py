"""What is compared with what: two sides, their inputs and rules, as plain values. Made from a metric and its claims.

A *side* is a relation with keys, a date, numerator, denominator and inputs. Ours and a claim, or two claims, are the
same thing here, so one code explains any pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ops_assets.dictionary.base import Text
from ops_assets.dictionary.claim_spec import ClaimInput, ClaimSpec, FigureRule
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import OURS
from ops_assets.reconciliation.rules import Rule

NUMERATOR, DENOMINATOR = "numerator", "denominator"
OURS_LABEL = Text(en="Governed figure", zh="治理口径")


class ComparisonError(ValueError):
    """Two figures that cannot be compared; the message says why and what to do."""


@dataclass(frozen=True)
class Input:
    """One input, its label, and which value a missing one counts as on each side."""

    name: str
    label: Text
    fill_ours: Fraction
    fill_theirs: Fraction


@dataclass(frozen=True)
class Side:
    """One side. ``columns`` maps inputs to columns, None where the side does not know the input.

    ``own_grain`` identifies a row; where it is finer than what is compared, rows are added up first. ``rules`` are
    those of numerator and denominator, None where unknown. ``monthly`` sides state their figures by the month.
    """

    name: str
    label: Text
    model: str
    own_grain: tuple[str, ...]
    columns: Mapping[str, str | None]
    rules: tuple[Rule, Rule] | None
    monthly: bool = False
    date_column: str = "event_date"


@dataclass(frozen=True)
class Comparison:
    """Two sides at one grain. ``ours`` is the side that the gap is measured from, also between two claims.

    ``reference`` are the rules of the governed figure, which stand in for those of a side that does not state its own.
    """

    metric: str
    ratio: bool
    grain: tuple[str, ...]
    inputs: tuple[Input, ...]
    ours: Side
    theirs: Side
    reference: tuple[Rule, Rule]

    def shared_inputs(self) -> tuple[Input, ...]:
        """The inputs that both sides know: those that can differ on a row."""
        return tuple(i for i in self.inputs if self.ours.columns[i.name] and self.theirs.columns[i.name])

    def adds_up(self, side: Side) -> bool:
        """Whether rows of ``side`` are added up to the compared grain first."""
        return set(side.own_grain) != set(self.grain)

    @property
    def monthly(self) -> bool:
        return self.ours.monthly or self.theirs.monthly

    def rules(self, figure: int) -> tuple[Rule, Rule]:
        """Our and their rule for the numerator (0) or the denominator (1), which only a ratio has."""
        if figure and not self.ratio:
            return Rule({}), Rule({})
        ours, theirs = self.ours.rules or self.reference, self.theirs.rules or self.reference
        return ours[figure], theirs[figure]


def compare_with_ours(metric: MetricDefinition, claim: ClaimSpec) -> Comparison:
    """A claim against the governed figure, at the claim's grain."""
    specs, rule = _inputs_of(claim)
    ours = Side(
        name=OURS,
        label=OURS_LABEL,
        model=metric.name,
        own_grain=metric.grain,
        columns={each.name: each.ours_column for each in specs},
        rules=rule.parsed(),
    )
    return _comparison(metric, claim.grain, ours, _claim_side(claim), specs, rule)


def compare_claims(metric: MetricDefinition, one: ClaimSpec, other: ClaimSpec) -> Comparison:
    """``other`` against ``one``, at the columns that both grains have. Raises ComparisonError."""
    grain = tuple(column for column in one.grain if column in other.grain)
    if not grain:
        raise ComparisonError(f"{one.model} and {other.model} share no key; they can only be compared with ours.")
    first, second = _claim_side(one), _claim_side(other)
    known = {each.name: each for each in (*_inputs_of(one)[0], *_inputs_of(other)[0])}
    sides = [
        Side(
            name=side.name,
            label=side.label,
            model=side.model,
            own_grain=side.own_grain,
            columns={name: side.columns.get(name) for name in known},
            rules=side.rules,
            monthly=side.monthly,
        )
        for side in (first, second)
    ]
    return _comparison(metric, grain, sides[0], sides[1], tuple(known.values()), _inputs_of(one)[1])


def claim_named(metric: MetricDefinition, name: str) -> ClaimSpec:
    """The claim of ``metric`` by its name, its model or its department. Raises ComparisonError with the known ones."""
    for claim in metric.claims:
        if name in {claim.name, claim.model}:
            return claim
    departments = [claim for claim in metric.claims if claim.department == name]
    if len(departments) == 1:
        return departments[0]
    known = ", ".join(claim.name for claim in metric.claims) or "none"
    raise ComparisonError(f"{metric.name} has no claim {name!r}. It has: {known}.")


def rows_view(metric: str, claim: str) -> str:
    """The view over the rows behind the parts of a claim's gap."""
    return f"claim_row_{metric.removeprefix('metric_')}__{claim}"


def _inputs_of(claim: ClaimSpec) -> tuple[tuple[ClaimInput, ...], FigureRule]:
    """The claim's inputs and our rule; where it declares none, the two figures themselves are the inputs."""
    if claim.ours is not None:
        return claim.inputs, claim.ours
    figures = (
        ClaimInput(name=NUMERATOR, label=Text(en="Numerator", zh="分子")),
        ClaimInput(name=DENOMINATOR, label=Text(en="Denominator", zh="分母")),
    )
    return figures, FigureRule(numerator=NUMERATOR, denominator=DENOMINATOR)


def _claim_side(claim: ClaimSpec) -> Side:
    specs, ours = _inputs_of(claim)
    rule = claim.theirs if claim.ours is not None else ours
    return Side(
        name=claim.name,
        label=claim.label,
        model=claim.model,
        own_grain=claim.grain,
        columns={each.name: each.theirs_column for each in specs},
        rules=None if rule is None else rule.parsed(),
        monthly=claim.dates == "month",
    )


def _comparison(
    metric: MetricDefinition,
    grain: tuple[str, ...],
    ours: Side,
    theirs: Side,
    specs: tuple[ClaimInput, ...],
    reference: FigureRule,
) -> Comparison:
    inputs = []
    for each in specs:
        missing = Fraction(each.missing)
        fills = [
            next((rule.fills[each.name] for rule in side.rules or () if each.name in rule.fills), missing)
            for side in (ours, theirs)
        ]
        inputs.append(Input(each.name, each.shown, fills[0], fills[1]))
    ratio = metric.aggregation == "ratio"
    return Comparison(metric.name, ratio, grain, tuple(inputs), ours, theirs, reference.parsed())
