"""The command line ``./trueloop``: one page that names the groups; each group has its own module."""

from __future__ import annotations

import sys

import typer

from gateway.commands import (
    cases,
    impact,
    incidents,
    metrics,
    movement,
    outbox,
    people,
    proposals,
    quarantine,
    simulate,
    snapshots,
    sources,
    status,
    template_versions,
    templates,
    tokens,
)
from gateway.start_check import UNREADABLE, in_words

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Governed company figures, and the cross-department work that they trigger.",
)
app.command("status")(status.status)
app.command("refresh")(status.refresh)
app.command("people")(people.people)
app.command("impact")(impact.impact)
app.command("incidents")(incidents.incidents)
app.command("simulate")(simulate.simulate)
app.command("prepare", hidden=True)(status.prepare)
app.add_typer(sources.app, name="sources")
app.add_typer(quarantine.app, name="quarantine")
metrics.app.command("movement")(movement.movement)
metrics.app.command("propose")(proposals.propose)
metrics.app.command("proposals")(proposals.proposals)
metrics.app.command("versions")(proposals.versions)
metrics.app.command("rollback")(proposals.rollback)
app.add_typer(metrics.app, name="metrics")
app.add_typer(cases.app, name="cases")
templates.app.command("versions")(template_versions.versions)
templates.app.command("rollback")(template_versions.rollback)
templates.app.command("release")(template_versions.release)
templates.app.command("migrate")(template_versions.migrate)
templates.app.command("replay")(template_versions.replay)
app.add_typer(outbox.app, name="outbox")
app.add_typer(templates.app, name="templates")
app.add_typer(snapshots.app, name="snapshots")
app.add_typer(tokens.app, name="tokens")


if __name__ == "__main__":
    try:
        app(prog_name="./trueloop")
    except KeyboardInterrupt:
        sys.exit(130)
    except UNREADABLE as error:
        print(in_words(error), file=sys.stderr)
        sys.exit(1)
