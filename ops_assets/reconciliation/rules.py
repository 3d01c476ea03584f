"""A rule: how a row's numerator or denominator follows from its inputs. Pure and exact.

A rule is a small arithmetic expression (``revenue - material_cost - freight``, ``quantity * unit_price * fx_rate``),
kept as a polynomial: one coefficient for each product of inputs. That form makes a difference of two rules a difference
of coefficients, so that "they leave freight out" is found without being told. Anything but inputs, numbers, ``+ - *``,
division by a number, parentheses and ``coalesce(input, number)`` is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sqlglot
from sqlglot import expressions as exp

Monomial = tuple[str, ...]
"""The inputs that are multiplied, sorted and with repetition; empty for a constant."""

MOST_FACTORS = 5
"""Inputs in one product: the attribution of a row enumerates the subsets of its factors."""


class RuleError(ValueError):
    """An expression that is no rule; the message says which part, and what to write instead."""


@dataclass(frozen=True)
class Rule:
    """A polynomial over named inputs. ``fills`` are what a missing input counts as, where the rule says so."""

    terms: Mapping[Monomial, Fraction]
    fills: Mapping[str, Fraction] = field(default_factory=dict)

    @property
    def inputs(self) -> frozenset[str]:
        """The inputs that the rule reads."""
        return frozenset(name for monomial in self.terms for name in monomial) | frozenset(self.fills)

    def evaluate(self, values: Mapping[str, Fraction]) -> Fraction:
        """The rule's figure for inputs none of which is missing any more."""
        total = Fraction(0)
        for monomial, coefficient in self.terms.items():
            product = coefficient
            for name in monomial:
                product *= values[name]
            total += product
        return total

    def __str__(self) -> str:
        return (
            " + ".join(
                "*".join([*([] if coefficient == 1 and monomial else [str(coefficient)]), *monomial])
                for monomial, coefficient in self.terms.items()
            ).replace("+ -", "- ")
            or "0"
        )


def parse_rule(text: str) -> Rule:
    """Read an expression. Raises RuleError."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise RuleError(f"{text!r} is no arithmetic expression: {str(error).splitlines()[0]}") from error
    fills: dict[str, Fraction] = {}
    terms = {monomial: value for monomial, value in _terms(tree, fills, text).items() if value}
    for monomial in terms:
        if len(monomial) > MOST_FACTORS:
            raise RuleError(
                f"{text!r} multiplies {len(monomial)} inputs; give at most {MOST_FACTORS}, or a product as one input."
            )
    return Rule(terms, fills)


def _terms(node: exp.Expr, fills: dict[str, Fraction], text: str) -> dict[Monomial, Fraction]:
    if isinstance(node, exp.Paren):
        return _terms(node.this, fills, text)
    if isinstance(node, exp.Neg):
        return _scaled(_terms(node.this, fills, text), Fraction(-1))
    if isinstance(node, exp.Add | exp.Sub):
        right = _terms(node.expression, fills, text)
        return _sum(
            _terms(node.this, fills, text), _scaled(right, Fraction(-1)) if isinstance(node, exp.Sub) else right
        )
    if isinstance(node, exp.Mul):
        return _product(_terms(node.this, fills, text), _terms(node.expression, fills, text))
    if isinstance(node, exp.Div):
        return _scaled(_terms(node.this, fills, text), 1 / _divisor(node.expression, text))
    if isinstance(node, exp.Literal) and not node.is_string:
        return {(): Fraction(node.this)}
    if isinstance(node, exp.Column) and not node.table:
        return {(node.name,): Fraction(1)}
    if isinstance(node, exp.Coalesce):
        return _filled(node, fills, text)
    raise RuleError(
        f"{text!r}: {node.sql(dialect='duckdb')!r} cannot stand in a rule. A rule has inputs, numbers, + - *, division "
        "by a number, parentheses and coalesce(input, number); put anything else into a column of the model and name "
        "it as an input."
    )


def _divisor(node: exp.Expr, text: str) -> Fraction:
    terms = _terms(node, {}, text)
    if set(terms) != {()} or not terms[()]:
        raise RuleError(
            f"{text!r} divides by {node.sql(dialect='duckdb')!r}; only a number other than 0 can divide. "
            "Give the reciprocal as an input and multiply by it."
        )
    return terms[()]


def _filled(node: exp.Coalesce, fills: dict[str, Fraction], text: str) -> dict[Monomial, Fraction]:
    column, (*values,) = node.this, node.expressions
    constant = _terms(values[0], {}, text) if len(values) == 1 else {}
    if not isinstance(column, exp.Column) or set(constant) != {()} or not _is_decimal(constant[()]):
        raise RuleError(f"{text!r}: coalesce takes one input and one number, as in coalesce(freight, 0).")
    fill = constant[()]
    if fills.setdefault(column.name, fill) != fill:
        raise RuleError(f"{text!r} fills a missing {column.name} with two different numbers; a rule knows one.")
    return {(column.name,): Fraction(1)}


def _is_decimal(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _sum(left: Mapping[Monomial, Fraction], right: Mapping[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    total = dict(left)
    for monomial, value in right.items():
        total[monomial] = total.get(monomial, Fraction(0)) + value
    return total


def _scaled(terms: Mapping[Monomial, Fraction], factor: Fraction) -> dict[Monomial, Fraction]:
    return {monomial: value * factor for monomial, value in terms.items()}


def _product(left: Mapping[Monomial, Fraction], right: Mapping[Monomial, Fraction]) -> dict[Monomial, Fraction]:
    total: dict[Monomial, Fraction] = {}
    for one, first in left.items():
        for other, second in right.items():
            monomial = tuple(sorted((*one, *other)))
            total[monomial] = total.get(monomial, Fraction(0)) + first * second
    return total
