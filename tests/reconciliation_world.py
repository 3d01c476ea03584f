"""Pairs of figures with planted differences, whose effect is known from how they were planted.

Belongs here: the pairs and what they must come apart into, by means of their own: rules are plain Python functions and
shares are means over all orders, so nothing of ops_assets.reconciliation's arithmetic is used. Does not belong here:
any comparison with what the platform says.

Each pair has two months of its own, so that many pairs stand in one relation and are told apart by month.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import permutations
from typing import Any

from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.dictionary.metric import MetricDefinition

Values = dict[str, Fraction]
PlantedKey = tuple[date, str, str, str]
"""(month, place, cause, input)."""


@dataclass(frozen=True)
class Scenario:
    """A kind of claim. ``figures(inputs, aspects)`` gives numerator and denominator; ``aspects`` are the points of the
    rule in which it is theirs and not ours.
    """

    name: str
    ratio: bool
    inputs: Mapping[str, int]
    figures: Callable[[Mapping[str, Fraction], frozenset[str]], tuple[Fraction, Fraction]]
    spec: Mapping[str, Any]
    aspects: frozenset[str] = frozenset()
    unknown_to_them: frozenset[str] = frozenset()
    rule_unknown: bool = False


def _margin(x: Mapping[str, Fraction], aspects: frozenset[str]) -> tuple[Fraction, Fraction]:
    freight = Fraction(0) if "freight" in aspects else x["freight"]
    rebate = Fraction(0) if "rebate" in aspects else x["rebate"]
    return x["revenue"] - x["cost"] - freight - rebate, x["revenue"]


def _amount(x: Mapping[str, Fraction], aspects: frozenset[str]) -> tuple[Fraction, Fraction]:
    rate = Fraction(1) if "rate" in aspects else x["rate"]
    return x["quantity"] * x["price"] * rate, Fraction(0)


def _unit_margin(x: Mapping[str, Fraction], aspects: frozenset[str]) -> tuple[Fraction, Fraction]:
    value = x["pieces"] * x["factor"] * x["price"]
    kept = value * (Fraction(9, 10) if "factor*pieces*price" in aspects else 1)
    return kept - x["pieces"] * x["cost"], value


_MARGIN = {"numerator": "revenue - cost - freight - rebate", "denominator": "revenue"}
_MARGIN_INPUTS = {"revenue": 2, "cost": 4, "freight": 2, "rebate": 2}
_AMOUNT_INPUTS = {"quantity": 1, "price": 2, "rate": 4}
_UNIT_INPUTS = {"pieces": 0, "factor": 2, "price": 2, "cost": 2}

SCENARIOS = (
    Scenario("margin", True, _MARGIN_INPUTS, _margin, {"ours": _MARGIN, "theirs": _MARGIN}),
    Scenario(
        "margin without freight and rebate",
        True,
        _MARGIN_INPUTS,
        _margin,
        {"ours": _MARGIN, "theirs": {"numerator": "revenue - cost", "denominator": "revenue"}},
        aspects=frozenset({"freight", "rebate"}),
        unknown_to_them=frozenset({"rebate"}),
    ),
    Scenario("margin by an unknown rule", True, _MARGIN_INPUTS, _margin, {"ours": _MARGIN}, rule_unknown=True),
    Scenario(
        "amount",
        False,
        _AMOUNT_INPUTS,
        _amount,
        {"ours": {"numerator": "quantity * price * rate"}, "theirs": {"numerator": "price * (rate * quantity)"}},
    ),
    Scenario(
        "amount not converted",
        False,
        _AMOUNT_INPUTS,
        _amount,
        {"ours": {"numerator": "quantity * price * rate"}, "theirs": {"numerator": "quantity * price"}},
        aspects=frozenset({"rate"}),
    ),
    Scenario(
        "margin by the piece",
        True,
        _UNIT_INPUTS,
        _unit_margin,
        {
            "ours": {
                "numerator": "pieces * factor * price - pieces * cost",
                "denominator": "pieces * factor * price",
            },
            "theirs": {
                "numerator": "0.9 * pieces * factor * price - pieces * cost",
                "denominator": "pieces * factor * price",
            },
        },
        aspects=frozenset({"factor*pieces*price"}),
    ),
)


@dataclass
class PlantedRow:
    """A row of one side as the relation holds it."""

    key: tuple[Any, ...]
    day: date
    numerator: Fraction
    denominator: Fraction
    inputs: dict[str, Fraction | None]


@dataclass
class Planted:
    """Pairs of one scenario: both relations, and what each month must come apart into."""

    scenario: Scenario
    ours: list[PlantedRow] = field(default_factory=list)
    theirs: list[PlantedRow] = field(default_factory=list)
    moved: dict[PlantedKey, list[Fraction]] = field(
        default_factory=lambda: defaultdict(lambda: [Fraction(0), Fraction(0)])
    )
    pairs: int = 0

    @property
    def parts(self) -> dict[PlantedKey, tuple[Fraction, Fraction]]:
        return {key: (n, d) for key, (n, d) in self.moved.items() if n or d}


def planted_pairs(scenario: Scenario, pairs: int, chance: random.Random) -> Planted:
    """``pairs`` pairs of a few rows each, with something planted on most of them."""
    planted = Planted(scenario)
    for number in range(pairs):
        months = (_month(2 * number), _month(2 * number + 1))
        for line in range(chance.randint(3, 7)):
            _plant(planted, (f"P{number:04}", line), months, chance)
        planted.pairs += 1
    chance.shuffle(planted.ours)
    chance.shuffle(planted.theirs)
    return planted


def metric_with(
    spec: Mapping[str, Any], scenario: Scenario, grain: Sequence[str] = ("pair", "line")
) -> MetricDefinition:
    """A metric as far as a comparison looks at it, with one claim."""
    inputs = [
        {"name": name, **({"theirs": None} if name in scenario.unknown_to_them else {})} for name in scenario.inputs
    ]
    claim = ClaimSpec.model_validate(
        {
            "name": "other",
            "model": "claim_other",
            "department": "other",
            "label": {"en": "Other", "zh": "他"},
            "grain": list(grain),
            "inputs": inputs,
            **spec,
        }
    )
    fields: dict[str, Any] = {
        "name": "metric_ours",
        "aggregation": "ratio" if scenario.ratio else "sum",
        "grain": tuple(grain),
        "claims": (claim,),
    }
    return MetricDefinition.model_construct(**fields)


def _plant(planted: Planted, key: tuple[Any, ...], months: tuple[date, date], chance: random.Random) -> None:
    scenario = planted.scenario
    inputs = {name: Fraction(chance.randint(1, 9999), 10**digits) for name, digits in scenario.inputs.items()}
    month, other = chance.sample(months, 2)
    day = month + timedelta(days=chance.randint(0, 27))
    ours = _row(scenario, key, day, inputs, theirs=False)
    theirs = _row(scenario, key, day, inputs, theirs=True)
    known = [name for name in scenario.inputs if name not in scenario.unknown_to_them]
    fate = chance.choice(
        ["same", "inputs", "inputs", "missing", "only_ours", "only_theirs", "twice_ours", "twice_theirs",
         "twice_changed", "moved", "moved_changed", "departs", "departs_changed"]
    )  # fmt: skip
    if fate in {"inputs", "moved_changed", "departs_changed"}:
        changed = dict(inputs)
        for name in chance.sample(known, chance.randint(1, len(known))):
            changed[name] += Fraction(chance.randint(-500, 500), 10 ** scenario.inputs[name])
        theirs = _row(scenario, key, day, changed, theirs=True)
    if fate == "missing":
        name = chance.choice(known)
        theirs = _row(scenario, key, day, {**inputs, name: Fraction(0)}, theirs=True)
        theirs.inputs[name] = None
    if fate in {"departs", "departs_changed"} or (scenario.rule_unknown and chance.random() < 0.5):
        theirs.numerator += Fraction(chance.randint(-300, 300), 100)
    if fate in {"moved", "moved_changed"}:
        theirs.day = other + timedelta(days=chance.randint(0, 27))
    if fate != "only_theirs":
        planted.ours.append(ours)
    if fate != "only_ours":
        planted.theirs.append(theirs)
    if fate == "twice_ours":
        planted.ours.append(ours)
        _move(planted, (month, "ours", "counted_twice", ""), -ours.numerator, -ours.denominator)
    if fate == "twice_theirs":
        planted.theirs.append(theirs)
        _move(planted, (month, "theirs", "counted_twice", ""), theirs.numerator, theirs.denominator)
    if fate == "twice_changed":
        # The occurrence with our inputs is the one that matches, wherever it stands.
        other_inputs = {**inputs, known[0]: inputs[known[0]] + 7}
        again = _row(scenario, key, day - timedelta(days=day.day - 1), other_inputs, theirs=True)
        planted.theirs.append(again)
        _move(planted, (month, "theirs", "counted_twice", ""), again.numerator, again.denominator)
    if fate == "only_ours":
        _move(planted, (month, "ours", "only_here", ""), -ours.numerator, -ours.denominator)
    elif fate == "only_theirs":
        _move(planted, (month, "theirs", "only_here", ""), theirs.numerator, theirs.denominator)
    elif theirs.day >= other and theirs.day < other + timedelta(days=28):
        _move(planted, (month, "ours", "other_period", ""), -ours.numerator, -ours.denominator)
        _move(planted, (other, "theirs", "other_period", ""), theirs.numerator, theirs.denominator)
    else:
        _plant_row(planted, month, ours, theirs)


def _plant_row(planted: Planted, month: date, ours: PlantedRow, theirs: PlantedRow) -> None:
    """What a row that both have in the same month moves: the mean over all orders of going over to their side."""
    scenario = planted.scenario
    mine = {name: value or Fraction(0) for name, value in ours.inputs.items()}
    yours = {name: theirs.inputs.get(name, mine[name]) or Fraction(0) for name in mine}
    players = [name for name in mine if mine[name] != yours[name]] + [f"*{each}" for each in sorted(scenario.aspects)]
    orders = list(permutations(players))
    for order in orders:
        inputs, aspects = dict(mine), frozenset[str]()
        before = scenario.figures(inputs, aspects)
        for player in order:
            if player.startswith("*"):
                aspects |= {player[1:]}
                key: PlantedKey = (month, "both", "rule_differs", player[1:])
            else:
                inputs[player] = yours[player]
                missing = theirs.inputs[player] is None
                key = (month, "theirs" if missing else "both", "input_missing" if missing else "input_differs", player)
            after = scenario.figures(inputs, aspects)
            _move(planted, key, *((new - old) / len(orders) for new, old in zip(after, before, strict=True)))
            before = after
    by_rule = scenario.figures(yours, scenario.aspects)
    cause = "rule_differs" if scenario.rule_unknown else "figure_departs"
    _move(planted, (month, "theirs", cause, ""), theirs.numerator - by_rule[0], theirs.denominator - by_rule[1])


def _row(scenario: Scenario, key: tuple[Any, ...], day: date, inputs: Values, *, theirs: bool) -> PlantedRow:
    numerator, denominator = scenario.figures(inputs, scenario.aspects if theirs else frozenset())
    kept = {name: value for name, value in inputs.items() if not (theirs and name in scenario.unknown_to_them)}
    return PlantedRow(key, day, numerator, denominator, dict(kept))


def _move(planted: Planted, key: PlantedKey, numerator: Fraction, denominator: Fraction) -> None:
    planted.moved[key][0] += numerator
    planted.moved[key][1] += denominator


def _month(number: int) -> date:
    return date(1990 + number // 12, number % 12 + 1, 1)
