"""A claim as a metric's YAML states it: another department's figure for the same thing.

    claims:
      - name: finance
        model: claim_finance__order_gross_margin
        department: finance
        label: {en: "Finance ledger", zh: "财务账"}
        grain: [order_no, line_no]
        inputs:
          - {name: revenue, label: {en: "Revenue", zh: "收入"}, ours: revenue, theirs: revenue_amount}
          - {name: rebate, label: {en: "Rebate", zh: "返利"}, theirs: null}
        ours: {numerator: "revenue - material_cost - rebate", denominator: "revenue"}
        theirs: {numerator: "revenue - material_cost", denominator: "revenue"}

The claim model has the grain's columns, ``event_date``, ``numerator``, ``denominator`` and the inputs' columns, all
figures as exact numbers (decimal, integer or boolean; boolean counts as 0 and 1). The metric model has its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from ops_assets.dictionary.base import Strict, Text
from ops_assets.reconciliation.rules import Rule, RuleError, parse_rule

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
_SAME = "="
"""The column has the input's own name."""


class ClaimInput(Strict):
    """One input of the figure and where each side keeps it.

    ``ours`` and ``theirs`` are columns (default: the input's name); null says that the side does not know the input: it
    then cannot differ there, only the rule that leaves it out can. ``missing`` is what a row's null counts as; a rule's
    ``coalesce(input, number)`` overrides it on that side.
    """

    name: Name
    label: Text | None = None
    ours: str | None = _SAME
    theirs: str | None = _SAME
    missing: Decimal = Decimal(0)

    @property
    def ours_column(self) -> str | None:
        return self.name if self.ours == _SAME else self.ours

    @property
    def theirs_column(self) -> str | None:
        return self.name if self.theirs == _SAME else self.theirs

    @property
    def shown(self) -> Text:
        """The label; the name in words where none is given."""
        words = self.name.replace("_", " ")
        return self.label or Text(en=words[0].upper() + words[1:], zh=words)


class FigureRule(Strict):
    """How numerator and denominator follow from the inputs; see ops_assets.reconciliation.rules for the language."""

    numerator: str
    denominator: str = "1"

    @model_validator(mode="after")
    def _is_arithmetic(self) -> FigureRule:
        for text in (self.numerator, self.denominator):
            try:
                parse_rule(text)
            except RuleError as error:
                raise ValueError(str(error)) from error
        return self

    def parsed(self) -> tuple[Rule, Rule]:
        """The rules of numerator and denominator."""
        return parse_rule(self.numerator), parse_rule(self.denominator)


class ClaimSpec(Strict):
    """One department's figure. ``model`` is the dbt model that holds it, one row for each ``grain``.

    ``grain`` are columns of both models under the same names; where it is coarser than the metric's own, our rows are
    added up to it first. ``dates`` says how fine their dates are: claims stated by the month (``event_date`` on any day
    of it) are compared month by month and not over the headline window. ``theirs`` absent: how they make their
    figure is not known, and the rule's part is their stated figure against our rule on their inputs. ``ours`` and
    ``inputs`` absent: only the figures themselves are compared.
    """

    name: Name
    model: str
    department: str
    label: Text
    grain: tuple[str, ...] = Field(min_length=1)
    dates: Literal["day", "month"] = "day"
    inputs: tuple[ClaimInput, ...] = ()
    ours: FigureRule | None = None
    theirs: FigureRule | None = None

    @model_validator(mode="after")
    def _rules_read_inputs(self) -> ClaimSpec:
        names = [each.name for each in self.inputs]
        twins = sorted({name for name in names if names.count(name) > 1})
        if twins:
            raise ValueError(f"the input {twins[0]} is declared twice")
        if (self.ours is None) != (not self.inputs):
            raise ValueError("`inputs` and the rule `ours` come together: inputs say nothing without a rule")
        if self.theirs is not None and self.ours is None:
            raise ValueError("the rule `theirs` needs `ours` and `inputs` to be compared with")
        for side, rule in (("ours", self.ours), ("theirs", self.theirs)):
            for part in () if rule is None else rule.parsed():
                self._check_inputs(side, part.inputs)
        return self

    def check_against(self, metric_grain: tuple[str, ...], *, ratio: bool) -> None:
        """Refuse what cannot be compared with a metric of this grain. Raises ValueError."""
        if self.ours is None or set(self.grain) == set(metric_grain):
            return
        for rule in self.ours.parsed()[: 2 if ratio else 1]:
            for product in rule.terms:
                if len(product) != 1:
                    raise ValueError(
                        f"claim {self.name}: our rows are added up to {', '.join(self.grain)}, and "
                        f"{'*'.join(product) or 'a constant'} in the rule `ours` does not add up; make it a column of "
                        "the metric model and name that as an input"
                    )

    def _check_inputs(self, side: str, used: frozenset[str]) -> None:
        known = {each.name: each for each in self.inputs}
        for name in sorted(used):
            if name not in known:
                raise ValueError(
                    f"the rule `{side}` reads {name}, which is no input; declared are: {', '.join(sorted(known))}"
                )
            column = known[name].ours_column if side == "ours" else known[name].theirs_column
            if column is None:
                raise ValueError(
                    f"the rule `{side}` reads {name}, but the input says `{side}: null`: they do not know it"
                )
