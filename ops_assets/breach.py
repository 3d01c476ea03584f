"""A breach: one subject beyond one watch rule, with why and the evidence. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from ops_assets.checks.trust import Words
from ops_assets.dictionary.watch_rule import RuleKind


@dataclass(frozen=True)
class Breach:
    """One subject beyond one watch rule. Figures are raw ratios; ``direction`` is the forbidden side.

    ``observed``, ``threshold`` and ``direction`` are None and "" where rows are missing: there is no figure then.
    ``why`` says what was found and what is allowed. ``evidence`` is plain JSON: ``points`` with label and value, and
    the ``limits`` that they are held against. ``episode`` tells one occurrence of a lasting breach from the next where
    there is no figure that could get worse.
    """

    rule_id: str
    metric: str
    template: str
    subject_kind: str
    subject_id: str
    subject_label: str
    direction: Literal["above", "below", ""]
    observed: Decimal | None
    threshold: Decimal | None
    kind: RuleKind = "threshold"
    why: Words | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    episode: str | None = None

    def case_data(self) -> dict[str, Any]:
        """What goes into the data of the case, as plain JSON."""
        body: dict[str, Any] = {"rule_kind": self.kind}
        if self.why is not None:
            body["why"] = {"en": self.why.en, "zh": self.why.zh}
        if self.evidence:
            body["evidence"] = dict(self.evidence)
        if self.episode is not None:
            body["episode"] = self.episode
        return body
