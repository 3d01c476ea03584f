"""`./trueloop metrics explain`: why another department's figure differs, down to its rows."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.explain_words import (
    cause_text,
    exact_number,
    figure_text,
    gap_text,
    parts_sum,
    side_text,
    span_text,
)
from gateway.terminal import fail, one_sentence_errors, print_json
from gateway.words import chosen
from ops_assets.definition_bundle import bundle_of
from ops_assets.dictionary.metric import MetricDefinition
from ops_assets.reconciliation.answer import OURS, Explanation, Part, PartRow, Span
from ops_assets.reconciliation.explain import ExplainError, explain, parse_span, rows_behind, spans, stored
from ops_assets.reconciliation.spec import ComparisonError
from resources.serving import Snapshot

_LANGUAGE = "en"


@one_sentence_errors(ExplainError, ComparisonError)
def explain_metric(
    metric: str = typer.Argument(help="Name of the metric; the prefix metric_ may be left out."),
    claim: str | None = typer.Option(None, help="Which claim to explain; all claims when left out."),
    against: str = typer.Option(OURS, help="What to compare it with: ours, or another claim."),
    period: str | None = typer.Option(
        None, help="window (the headline's), all, 2026-10, 2026-10-31 or 2026-10-01..2026-10-15."
    ),
    where: list[str] = typer.Option([], help="Only rows with this key value, such as order_no=SO1; may be repeated."),
    rows: str | None = typer.Option(None, help="Show the rows behind this part instead; ids are in the last column."),
    limit: int = typer.Option(50, min=1, max=10_000, help="How many rows at most."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Why another department states another figure: the gap, its parts, and the check that they add up to it."""
    platform = open_platform()
    snapshot = published(platform)
    definition = _definition(bundle_of(platform.snapshots, snapshot).metrics, metric)
    if not definition.claims:
        fail(f"{definition.name} has no claims: no other department states this figure.")
    span = None
    if period is not None:
        row = snapshot.rows("select as_of, window_days from metrics where metric = ?", [definition.name])[0]
        if row["as_of"] is None:
            fail(f"{definition.name} has no published figure, so there is nothing to compare.")
        span = parse_span(period, row["as_of"], row["window_days"])
    conditions = key_values(where)
    names = [claim] if claim is not None else [each.name for each in definition.claims if each.name != against]
    if rows is not None:
        if claim is None:
            fail("--rows needs --claim: ids of parts belong to one claim.")
        found = rows_behind(
            snapshot, definition, claim, rows, against=against, span=span, where=conditions or None, limit=limit
        )
        _show_rows(found, as_json=as_json)
        return
    explanations = [_explanation(snapshot, definition, name, against, span, conditions) for name in names]
    if as_json:
        body = {"snapshot_id": snapshot.id, "definition_version": definition.version}
        print_json({**body, "explanations": [one.to_json() for one in explanations]})
        return
    for number, one in enumerate(explanations):
        if number:
            print()
        _show(definition, one)


def key_values(texts: Sequence[str]) -> dict[str, str]:
    """``["order_no=SO1"]`` as a mapping. Raises ExplainError for a text without ``=``."""
    found: dict[str, str] = {}
    for one in texts:
        column, equals, value = one.partition("=")
        if not equals or not column.strip():
            raise ExplainError(f"{one!r} is no condition; write column=value, such as order_no=SO1.")
        found[column.strip()] = value.strip()
    return found


def _definition(metrics: Mapping[str, MetricDefinition], name: str) -> MetricDefinition:
    for candidate in (name, f"metric_{name}"):
        if candidate in metrics:
            return metrics[candidate]
    claimed = ", ".join(sorted(known for known, metric in metrics.items() if metric.claims))
    fail(f"There is no metric {name!r}. Metrics with claims: {claimed or 'none'}.")


def _explanation(
    snapshot: Snapshot,
    metric: MetricDefinition,
    claim: str,
    against: str,
    span: Span | None,
    where: Mapping[str, Any],
) -> Explanation:
    if against == OURS and not where and (span is None or span in spans(snapshot, metric)):
        return stored(snapshot, metric, claim, span)
    return explain(snapshot, metric, claim, against=against, span=span, where=where or None)


def _show(metric: MetricDefinition, found: Explanation) -> None:
    narrowed = "".join(f", {column}={value}" for column, value in found.where.items())
    print(f"{chosen(_LANGUAGE, metric.label)} ({metric.name}), {span_text(_LANGUAGE, found.span)}{narrowed}")
    width = max(len(side_text(_LANGUAGE, found, side)) for side in ("ours", "theirs"))
    for side, figure in (("ours", found.ours), ("theirs", found.theirs)):
        shown = figure_text(_LANGUAGE, metric, figure.value)
        made = exact_number(figure.numerator)
        if found.ratio:
            made += f" / {exact_number(figure.denominator)}"
        print(f"  {side_text(_LANGUAGE, found, side):<{width}}  {shown:>14}   {made}, {_count(figure.rows)}")
    print(f"  {'Gap':<{width}}  {gap_text(_LANGUAGE, metric, found.gap, short=True):>14}")
    if not found.parts:
        print("  Both figures agree: there is no gap.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("CAUSE", overflow="fold")
    for heading in ("PART", "NUMERATOR", *(("DENOMINATOR",) if found.ratio else ()), "ROWS"):
        table.add_column(heading, justify="right")
    table.add_column("ID")
    for part in found.parts:
        table.add_row(cause_text(_LANGUAGE, metric, found, part), *_figures(metric, found, part), part.id)
    whole, numerator, denominator = parts_sum(found)
    sums = [exact_number(numerator), *((exact_number(denominator),) if found.ratio else ())]
    table.add_row("Sum of the parts", gap_text(_LANGUAGE, metric, whole), *sums, "", "")
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    missed = " and ".join(str(value) for value in found.imbalance)
    print(
        "The parts add up to the gap exactly."
        if found.balanced
        else f"The parts miss numerator and denominator by {missed}."
    )


def _figures(metric: MetricDefinition, found: Explanation, part: Part) -> list[str]:
    moved = [exact_number(part.numerator), *((exact_number(part.denominator),) if found.ratio else ())]
    return [gap_text(_LANGUAGE, metric, part.amount), *moved, f"{part.rows:,}"]


def _count(rows: int) -> str:
    return f"{rows:,} row" if rows == 1 else f"{rows:,} rows"


def _show_rows(found: Sequence[PartRow], *, as_json: bool) -> None:
    if as_json:
        print_json([row.to_json() for row in found])
        return
    if not found:
        print("No rows.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in found[0].key:
        table.add_column(key.upper())
    for heading in ("OUR DAY", "THEIR DAY", "OURS", "THEIRS", "NUMERATOR", "DENOMINATOR"):
        table.add_column(heading, justify="right")
    for row in found:
        cells = [str(value) for value in row.key.values()]
        cells += ["-" if day is None else day.isoformat() for day in (row.ours_date, row.theirs_date)]
        cells += ["-" if value is None else f"{value.normalize():,f}" for value in (row.ours, row.theirs)]
        table.add_row(*cells, exact_number(row.numerator), exact_number(row.denominator))
    Console(width=None if sys.stdout.isatty() else 240).print(table)
