"""The two arms side by side, with their spread over the seeds: as text for people and as plain JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import fmean
from typing import Any, Final

from workflow_jobs.simulation.assumptions import Assumptions
from workflow_jobs.simulation.figures import Figures
from workflow_jobs.simulation.run import Seed

SAYS: Final = (
    "This is a simulation, not a measurement: what follows is what its assumptions amount to. No value was fitted."
)

CAVEATS: Final = (
    "Both columns lived through the same worlds: the third one is their difference, seed by seed.",
    "The published case's figures are another company's; where one of ours is equal to one of them, it is chance.",
    "A person who gets much work is not slower for it: balancing load gains nothing here, on either side.",
)


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds: its mean, the least and the greatest of the seeds' values."""

    mean: float
    least: float
    most: float


@dataclass(frozen=True)
class Line:
    """One figure of both arms; ``published`` names the published case's figure that it stands beside, if any."""

    name: str
    label: str
    read: Callable[[Figures], float | None]
    decimals: int = 1
    published: str = ""


LINES: Final = (
    Line(
        "product_approval_days",
        "New product, days from request to approval",
        lambda f: f.product_approval_days,
        published="product_approval_days",
    ),
    Line(
        "order_to_cash_days",
        "Order to cash, days, all orders",
        lambda f: f.order_to_cash_days,
        published="order_to_cash_days",
    ),
    Line("order_to_cash_days_touched", "  of orders that waited for a case", lambda f: f.order_to_cash_days_touched),
    Line(
        "consistency_score",
        "Consistency score, last four weeks",
        lambda f: f.consistency_score,
        published="consistency_score",
    ),
    Line("consistency_at_start", "  where it began", lambda f: f.consistency_at_start),
    Line(
        "missed_approvals",
        "Missed approvals, percent: not given in time",
        lambda f: _percent(f.missed_approvals, f.approvals),
    ),
    Line("approvals_without", "  left out, or given by others", lambda f: _percent(f.approvals_without, f.approvals)),
    Line(
        "sla_attainment",
        "SLA attainment, percent of all questions",
        lambda f: None if f.sla_attainment is None else 100 * f.sla_attainment,
    ),
    Line("asked_again", "Asked or reminded again", lambda f: f.asked_again, decimals=0),
    Line("forgotten", "Read and forgotten", lambda f: f.forgotten, decimals=0),
    Line("questions", "Questions answered", lambda f: f.questions, decimals=0),
    Line("cases", "Cases", lambda f: f.cases, decimals=0),
)


def spread(values: Sequence[float | None]) -> Spread | None:
    """Mean and range of the values that there are; None without any."""
    known = [value for value in values if value is not None]
    return Spread(fmean(known), min(known), max(known)) if known else None


def as_json(assumed: Assumptions, seeds: Sequence[Seed], weeks: int) -> dict[str, Any]:
    """Everything: the figures side by side, each seed's own, and every assumption with its source."""
    return {
        "simulation": SAYS,
        "weeks": weeks,
        "seeds": [seed.seed for seed in seeds],
        "figures": {
            line.name: {
                "label": line.label.strip(),
                "chat": _spread_json([line.read(seed.chat.figures) for seed in seeds]),
                "platform": _spread_json([line.read(seed.platform.figures) for seed in seeds]),
                "difference": _spread_json(_differences(seeds, line.read)),
                "published": _published(assumed, line),
            }
            for line in LINES
        },
        "case_days": _case_days(seeds),
        "left_out": dict(seeds[0].left_out),
        "by_seed": [
            {
                "seed": seed.seed,
                "chat": {**asdict(seed.chat.figures), "weekly_scores": seed.chat.scores},
                "platform": {**asdict(seed.platform.figures), "weekly_scores": seed.platform.scores},
            }
            for seed in seeds
        ],
        "assumptions": {name: one.model_dump() for name, one in assumed.numbers().items()},
    }


def as_text(assumed: Assumptions, seeds: Sequence[Seed], weeks: int) -> str:
    """The table for people. Mean over the seeds, and from the least to the greatest of them."""
    rows = [("", "group chat", "platform", "platform - chat", "published case")]
    for line in LINES:
        chat, platform = (
            spread([line.read(arm.figures) for arm in arms])
            for arms in ([seed.chat for seed in seeds], [seed.platform for seed in seeds])
        )
        theirs = _published(assumed, line)
        told = f"{theirs['before']:g} -> {theirs['after']:g}" if theirs else ""
        more = _signed(spread(_differences(seeds, line.read)), line.decimals)
        rows.append((line.label, _shown(chat, line.decimals), _shown(platform, line.decimals), more, told))
    rows.append(("Days from opening to closing, by process", "", "", "", ""))
    for template, days in _case_days(seeds).items():
        chat, platform, apart = (_read_spread(days[what]) for what in ("chat", "platform", "difference"))
        rows.append((f"  {template}", _shown(chat, 1), _shown(platform, 1), _signed(apart, 1), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    said = [SAYS, f"{weeks} weeks, {len(seeds)} seeds; mean (least to greatest of the seeds).", "", *table]
    left_out = sorted(seeds[0].left_out)
    if left_out:
        said += ["", f"Left out, for want of a template: {', '.join(left_out)}."]
    return "\n".join(
        [
            *said,
            "",
            *CAVEATS,
            "Every assumption, with its source: workflow_jobs/simulation/assumptions.yaml;",
            "what is modelled and what is not: docs/simulation.md.",
        ]
    )


def _case_days(seeds: Sequence[Seed]) -> dict[str, dict[str, dict[str, float] | None]]:
    templates = sorted({name for seed in seeds for arm in (seed.chat, seed.platform) for name in arm.figures.case_days})
    return {
        template: {
            "chat": _spread_json([seed.chat.figures.case_days.get(template) for seed in seeds]),
            "platform": _spread_json([seed.platform.figures.case_days.get(template) for seed in seeds]),
            "difference": _spread_json(_differences(seeds, partial(_days_of, template))),
        }
        for template in templates
    }


def _differences(seeds: Sequence[Seed], read: Callable[[Figures], float | None]) -> list[float | None]:
    """What the platform has more than the chat, for each seed; None where one of them has no figure."""
    pairs = [(read(seed.chat.figures), read(seed.platform.figures)) for seed in seeds]
    return [None if chat is None or ours is None else ours - chat for chat, ours in pairs]


def _days_of(template: str, figures: Figures) -> float | None:
    return figures.case_days.get(template)


def _spread_json(values: Sequence[float | None]) -> dict[str, float] | None:
    found = spread(values)
    return None if found is None else asdict(found)


def _read_spread(body: Mapping[str, float] | None) -> Spread | None:
    return None if body is None else Spread(**body)


def _published(assumed: Assumptions, line: Line) -> dict[str, float] | None:
    return assumed.published[line.published].model_dump() if line.published else None


def _shown(found: Spread | None, decimals: int) -> str:
    if found is None:
        return "-"
    mean, least, most = (f"{value:.{decimals}f}" for value in (found.mean, found.least, found.most))
    return mean if least == most else f"{mean} ({least} to {most})"


def _signed(found: Spread | None, decimals: int) -> str:
    if found is None:
        return "-"
    mean, least, most = (f"{value:+.{decimals}f}" for value in (found.mean, found.least, found.most))
    return mean if least == most else f"{mean} ({least} to {most})"


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
