"""`./trueloop metrics movement`: what moved a figure between two periods."""

from __future__ import annotations

from fractions import Fraction

import typer

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.context import local_reader
from gateway.terminal import fail, one_sentence_errors, print_json
from ops_assets.access import AccessRefused
from ops_assets.access_file import access_policy_of
from ops_assets.definition_bundle import bundle_of
from ops_assets.governed_figures import GovernedFigures
from ops_assets.movement import DimensionMovement, Movement, MovementError, default_periods, movement_of
from ops_assets.periods import PeriodError, parse_period
from ops_assets.watch_words import FigureForm, percent


@one_sentence_errors(MovementError, PeriodError, AccessRefused)
def movement(
    metric: str = typer.Argument(help="Name of the metric; `metric_` may be left out."),
    older: str = typer.Option("", "--from", help="The older period: 2026-09, or 2026-09-01..2026-09-15."),
    newer: str = typer.Option("", "--to", help="The newer period. Default: the last whole month and the one before."),
    dimension: list[str] = typer.Option([], help="Only this dimension; repeatable. Default: all."),
    subject: str = typer.Option("", help="The movement of one subject: dimension=id, such as supplier=V000101."),
    top: int = typer.Option(10, min=1, help="How many contributions to print of each dimension."),
    as_json: bool = JSON_OPTION,
) -> None:
    """What moved a figure between two periods: the contribution of every supplier, item, step, person ..., exactly."""
    platform = open_platform()
    snapshot = published(platform)
    name = metric if metric.startswith("metric_") else f"metric_{metric}"
    rows = snapshot.rows("select as_of, unit, decimals from metrics where metric = ?", [name])
    if not rows:
        fail(f"There is no metric {metric!r} in snapshot {snapshot.id}; `./trueloop metrics list` shows them.")
    if bool(older) != bool(newer):
        fail("Give both --from and --to, or neither of them.")
    if subject and "=" not in subject:
        fail(f"--subject {subject!r} must be dimension=id, such as supplier=V000101.")
    found = movement_of(
        snapshot,
        GovernedFigures(bundle_of(platform.snapshots, snapshot), access_policy_of(platform.settings)),
        local_reader(platform.settings),
        name,
        *((parse_period(older), parse_period(newer)) if older else default_periods(rows[0]["as_of"] or snapshot.as_of)),
        dimensions=dimension or None,
        subject=(subject.partition("=")[0], subject.partition("=")[2]) if subject else None,
    )
    if as_json:
        print_json(found.to_json())
        return
    _print(found, FigureForm(rows[0]["unit"], rows[0]["decimals"]), top)


def _print(found: Movement, form: FigureForm, top: int) -> None:
    print(
        f"{found.metric}: {form.text(found.old)} in {found.before.label}, {form.text(found.new)} in "
        f"{found.after.label}: {form.points(found.moved)}"
    )
    for one in found.dimensions:
        _print_dimension(one, form, top)
    if found.hidden:
        print(f"\n{found.hidden.sentence()}")


def _print_dimension(one: DimensionMovement, form: FigureForm, top: int) -> None:
    print(f"\nby {one.dimension.replace('_', ' ')}:")
    width = max((len(part.label) for part in one.parts[:top]), default=0)
    for part in one.parts[:top]:
        each = part.contribution
        share = "" if each.share is None else f"  {percent(each.share)} of it"
        split = f"  (rate {form.points(each.rate)}, mix {form.points(each.mix)})" if each.mix else ""
        print(f"  {part.label:<{width}}  {form.points(each.total):>16}{share}{split}")
    rest = one.parts[top:]
    if rest:
        print(f"  {len(rest)} others: {form.points(sum((part.contribution.total for part in rest), Fraction(0)))}")
