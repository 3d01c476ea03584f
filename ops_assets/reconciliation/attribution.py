"""How a row's difference is shared among what made it: the rules of both sides and the inputs that differ. Pure, exact.

A rule is a sum of products, so each product is shared by itself. Its factors are the inputs and, where the two rules
weigh the product differently, the rule. Going over from our factors to theirs in every possible order and taking the
mean of what each factor moves is the Shapley value (L. S. Shapley, "A value for n-person games", Contributions to the
Theory of Games II, Princeton 1953): it depends on no order, gives nothing to a factor that is the same on both sides,
and adds up to the whole difference. As the value is additive over games, the products' shares may be added; the sum is
the Shapley value of the whole rule with its inputs and the rule as players.

Also here: how the gap of a ratio is shared. Its two players are numerator and denominator. The Shapley value of each is
linear in how much it moved, so it goes to causes, and to single rows, in proportion: the parts of rows add up to the
part of their cause, whatever the grouping, and the parts of causes to the gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial, prod

from ops_assets.reconciliation.rules import Monomial, Rule

RULE = "*"
"""The factor that stands for the rule itself."""


@dataclass(frozen=True)
class Term:
    """One summand of a factor's share: ``weight`` times the powers of our and of their inputs."""

    weight: Fraction
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """What one factor of one product moves, as a sum of ``terms``. ``factor`` is an input or RULE."""

    product: Monomial
    factor: str
    terms: tuple[Term, ...]

    def of(self, ours: Mapping[str, Fraction], theirs: Mapping[str, Fraction]) -> Fraction:
        """The share on one row, from the inputs of both sides (none missing any more)."""
        return sum(
            (
                term.weight * prod(ours[name] for name in term.ours) * prod(theirs[name] for name in term.theirs)
                for term in self.terms
            ),
            Fraction(0),
        )


def shares(ours: Rule, theirs: Rule) -> tuple[Share, ...]:
    """The shares that make up ``theirs(their inputs) - ours(our inputs)``, one for each factor of each product.

    With ``theirs`` the same as ``ours`` there is no share of the rule.
    """
    products = dict.fromkeys((*ours.terms, *theirs.terms))
    return tuple(
        share
        for product in products
        for share in _product_shares(
            product, ours.terms.get(product, Fraction(0)), theirs.terms.get(product, Fraction(0))
        )
    )


def rule_differences(rules: Iterable[tuple[Rule, Rule]]) -> dict[Monomial, str]:
    """Name the products that our and their rules (of numerator and denominator) weigh differently.

    Products that share an input are one difference: to leave out a currency rate takes one product away and puts
    another in its place. It is called by the inputs that not all its products have, a single product by its inputs.
    """
    products = {
        product
        for ours, theirs in rules
        for product in {*ours.terms, *theirs.terms}
        if ours.terms.get(product) != theirs.terms.get(product)
    }
    groups: list[list[Monomial]] = []
    for product in sorted(products):
        touching = [group for group in groups if any(set(product) & set(other) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([product, *(other for group in touching for other in group)])
    names = {}
    for group in groups:
        common = set.intersection(*(set(product) for product in group))
        apart = sorted({name for product in group for name in product} - common)
        for product in group:
            names[product] = "*".join(apart if len(group) > 1 and apart else [*min(group)])
    return names


def ratio_slopes(
    ours: tuple[Fraction, Fraction], theirs: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction] | None:
    """What one unit of numerator and one of denominator move the ratio by, from (numerator, denominator) of each side.

    The Shapley value of two players: for n/d, the numerator's is dn * (1/d + 1/d') / 2, the denominator's
    -dd * (n + n') / (2 d d'). None where one of the ratios is not defined.
    """
    (numerator, denominator), (their_numerator, their_denominator) = ours, theirs
    if not denominator or not their_denominator:
        return None
    return (
        (1 / denominator + 1 / their_denominator) / 2,
        -(numerator + their_numerator) / (2 * denominator * their_denominator),
    )


def _product_shares(product: Monomial, coefficient: Fraction, their_coefficient: Fraction) -> Iterator[Share]:
    inputs = tuple(dict.fromkeys(product))
    weighed = coefficient != their_coefficient
    players = (*inputs, RULE) if weighed else inputs
    for player in players:
        others = [other for other in players if other != player]
        terms: dict[tuple[tuple[str, ...], tuple[str, ...]], Fraction] = {}
        for size in range(len(others) + 1):
            share = Fraction(factorial(size) * factorial(len(others) - size), factorial(len(players)))
            for moved in combinations(others, size):
                for sign, theirs in ((1, {*moved, player}), (-1, set(moved))):
                    weight = (their_coefficient if RULE in theirs else coefficient) if weighed else coefficient
                    powers = (
                        tuple(name for name in product if name not in theirs),
                        tuple(name for name in product if name in theirs),
                    )
                    terms[powers] = terms.get(powers, Fraction(0)) + sign * share * weight
        kept = tuple(Term(weight, *powers) for powers, weight in terms.items() if weight)
        if kept:
            yield Share(product, player, kept)
