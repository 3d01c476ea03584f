"""`./trueloop simulate`: weeks of the demo company, with a group chat and through the platform, side by side."""

from __future__ import annotations

import sys

import typer

from gateway.commands.context import JSON_OPTION, read_settings
from gateway.terminal import fail, one_sentence_errors, print_json
from workflow_jobs.engine.working_time import WorkingCalendar
from workflow_jobs.simulation import report
from workflow_jobs.simulation.assumptions import AssumptionError, assumptions
from workflow_jobs.simulation.run import run_seed
from workflow_jobs.wiring import library


@one_sentence_errors(AssumptionError)
def simulate(
    weeks: int = typer.Option(12, min=1, max=40, help="How many weeks of events."),
    seeds: int = typer.Option(5, min=1, max=100, help="How many random worlds; each is lived through twice."),
    first_seed: int = typer.Option(1, min=0, help="Number of the first random world."),
    set_values: list[str] = typer.Option(
        [], "--set", help="Another value for an assumption, such as chat.patience=2; may be repeated."
    ),
    as_json: bool = JSON_OPTION,
) -> None:
    """Simulate cross-department work twice, with a group chat and with Trueloop, and print what comes out."""
    assumed = assumptions().changed(_changes(set_values))
    # The sample company works in China, whatever pack is in use.
    calendar = WorkingCalendar("CN", time_zone="Asia/Shanghai")
    templates = library(read_settings().templates_dir)
    lived = []
    for seed in range(first_seed, first_seed + seeds):
        if sys.stderr.isatty():
            print(f"seed {seed} ({seed - first_seed + 1} of {seeds})", file=sys.stderr)
        lived.append(run_seed(assumed, templates, calendar, seed=seed, weeks=weeks))
    if as_json:
        print_json(report.as_json(assumed, lived, weeks))
    else:
        print(report.as_text(assumed, lived, weeks))


def _changes(texts: list[str]) -> dict[str, float]:
    """``["chat.patience=2"]`` as a mapping; ends with a sentence for what is none."""
    found: dict[str, float] = {}
    for one in texts:
        name, equals, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            fail(f"{one!r} is no assumption; write name=number, such as chat.patience=2.")
    return found
