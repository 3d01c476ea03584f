"""What pages show of a metric in one line: figure, change, months, trust, owner. One snapshot, one reader, one answer.

Belongs here: gathering, and what the reader may see of it. Words and layout are the templates'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import Request

from gateway.context import GatewayContext, context_of, reader_of
from gateway.figure_words import amount
from gateway.pages import language_of
from gateway.words import Language, text
from ops_assets.access import Reader
from ops_assets.checks.trust import Trust
from ops_assets.definition_bundle import DefinitionBundle, bundle_of
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.figures import raw_value, shown_value
from ops_assets.governed_figures import GovernedFigures
from ops_assets.period_change import Change, change_of
from ops_assets.periods import following_month
from ops_assets.trust import trust_of
from resources.serving import Snapshot

DOMAINS = ("profit", "delivery", "quality", "production", "supply", "people", "process")
_changes: WeakKeyDictionary[Snapshot, dict[str, Change | None]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Month:
    """One month of a metric: ``value`` is drawn, ``shown`` is read. The one that still runs is not whole."""

    start: date
    value: float | None
    shown: str
    is_whole: bool


@dataclass(frozen=True)
class Owner:
    """A role in words, and the names of those who hold it as the reader may see them."""

    role: str
    people: tuple[str, ...]


@dataclass(frozen=True)
class MetricLine:
    """One metric as its reader sees it. ``refused`` says why there is no figure for this reader."""

    name: str
    label: str
    domain: str
    unit: str
    direction: str
    state: str
    value: str
    as_of: date | None
    window_days: int | None
    trust: Trust
    owner: Owner
    months: tuple[Month, ...]
    refused: str | None
    definition: MetricDefinition | None
    row: Mapping[str, Any]

    @property
    def is_key(self) -> bool:
        return self.definition is not None and self.definition.key

    @property
    def raw(self) -> Decimal | None:
        """The exact figure; percent as a share."""
        if self.definition is None or self.row["numerator"] is None:
            return None
        denominator = self.row["denominator"]
        return raw_value(
            self.definition, Decimal(self.row["numerator"]), None if denominator is None else Decimal(denominator)
        )

    @property
    def on_target(self) -> bool | None:
        """Whether the figure is at its target or better; None without a target, a figure or a better direction."""
        if self.target is None or self.raw is None or self.refused or self.direction == "none":
            return None
        return self.raw >= self.target if self.direction == "up" else self.raw <= self.target

    @property
    def target(self) -> Decimal | None:
        """The raw figure to reach."""
        return None if self.definition is None or self.definition.target is None else self.definition.target.value


class Reading:
    """One rendering: its snapshot and definitions, its reader, and the language it speaks."""

    def __init__(self, request: Request, snapshot: Snapshot) -> None:
        context: GatewayContext = context_of(request)
        self.snapshot = snapshot
        self.context = context
        self.reader: Reader = reader_of(request)
        self.language: Language = language_of(request)
        self.bundle: DefinitionBundle = bundle_of(context.snapshots, snapshot)
        self.figures = GovernedFigures(self.bundle, context.access)
        self.now = context.clock.now()
        self._directory = context.directory()

    def lines(self, names: Sequence[str] | None = None) -> list[MetricLine]:
        """The metrics of the snapshot (all, or those named), by domain and label."""
        asked, values = "", []
        if names is not None:
            asked, values = " where list_contains(?, metric)", [list(names)]
        rows = self.snapshot.rows(f"select * from metrics{asked}", values)
        months = self._months(asked, values)
        trust = trust_of(self.snapshot, self.now)
        found = [self._line(row, months.get(row["metric"], ()), trust[row["metric"]]) for row in rows]
        return sorted(found, key=lambda line: (_place(line.domain), line.label.casefold(), line.name))

    def change(self, line: MetricLine) -> Change | None:
        """The change to the period before; worked out once for each snapshot."""
        if line.refused is not None or line.definition is None:
            return None
        known = _changes.setdefault(self.snapshot, {})
        if line.name not in known:
            known[line.name] = change_of(self.snapshot, line.definition, line.row)
        return known[line.name]

    def owner(self, role: str) -> Owner:
        """Who fills a role today."""
        names = [self._directory.name(person) for person in self._directory.candidates(role)]
        seen = [self.context.access.person_in_case(self.reader, name) for name in names]
        return Owner(self.role(role), tuple(name for name in seen if name))

    def role(self, role: str) -> str:
        """A role in words; one without words of its own is its id, written as words."""
        key = f"role_{role}"
        words = text(self.language, key)
        return role.replace("_", " ").capitalize() if words == key else words

    def shown(self, metric: MetricDefinition, value: Decimal | None) -> str:
        """A raw figure of ``metric`` as people read it."""
        return amount(self.language, shown_value(metric, value), metric.unit)

    def level(self, metric: MetricDefinition, value: Decimal) -> str:
        """A target or bound, which somebody wrote down: without the zeros that a computed figure shows."""
        shown = shown_value(metric, value) or "0"
        return amount(self.language, f"{Decimal(shown).normalize():f}", metric.unit)

    def _line(self, row: Mapping[str, Any], months: Sequence[Month], trust: Trust) -> MetricLine:
        refused = self.figures.refusal(self.reader, row["metric"], self.language)
        label = (row["label_zh"] if self.language == "zh" else row["label_en"]) or row["label_en"] or row["metric"]
        return MetricLine(
            name=row["metric"],
            label=label,
            domain=row["domain"] or "",
            unit=row["unit"],
            direction=row["direction"],
            state=row["state"],
            value="" if refused else amount(self.language, row["value_text"], row["unit"]),
            as_of=row["as_of"],
            window_days=row["window_days"],
            trust=trust,
            owner=self.owner(row["owner_role"] or ""),
            months=() if refused else tuple(months),
            refused=refused,
            definition=self.bundle.metrics.get(row["metric"]),
            row=row,
        )

    def _months(self, asked: str, values: Sequence[Any]) -> dict[str, list[Month]]:
        rows = self.snapshot.rows(
            "select p.metric, p.period_start, p.value, p.value_text, m.unit, m.as_of from metric_period as p"
            " join metrics as m using (metric) where p.grain = 'month'"
            f"{asked.replace(' where ', ' and ')} order by p.metric, p.period_start",
            values,
        )
        found: dict[str, list[Month]] = {}
        for row in rows:
            scale = 100 if row["unit"] == "percent" else 1
            found.setdefault(row["metric"], []).append(
                Month(
                    start=row["period_start"],
                    value=None if row["value"] is None else row["value"] * scale,
                    shown=amount(self.language, row["value_text"], row["unit"]),
                    is_whole=row["as_of"] is None
                    or following_month(row["period_start"]) - timedelta(days=1) <= row["as_of"],
                )
            )
        return found


def _place(domain: str) -> int:
    return DOMAINS.index(domain) if domain in DOMAINS else len(DOMAINS)
