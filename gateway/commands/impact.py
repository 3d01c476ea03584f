"""`./trueloop impact <model.column>`: what a change of one column would touch."""

from __future__ import annotations

import typer

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.terminal import fail, print_json
from ops_assets.definition_bundle import bundle_of
from ops_assets.impact import Impact, impact_of

_HOW = {"value": "its value", "dimension": "what it is split by", "rows": "which rows count"}


def impact(
    column: str = typer.Argument(help="model.column, or system.table.column for a source table."),
    as_json: bool = JSON_OPTION,
) -> None:
    """The metrics, owners, checks, claims and process templates that a change of one column would touch."""
    platform = open_platform()
    bundle = bundle_of(platform.snapshots, published(platform))
    if not bundle.lineage.relations:
        fail("The published snapshot carries no lineage yet; run `./trueloop refresh` after the next full build.")
    try:
        found = impact_of(bundle.lineage.column(column), bundle.lineage, bundle.metrics, bundle.checks)
    except LookupError as error:
        fail(str(error))
    if as_json:
        print_json(found.to_json())
        return
    _print(found)


def _print(found: Impact) -> None:
    if not found.relations and not found.metrics:
        print(f"Nothing stands on {found.column}.")
        return
    print(f"{found.column} reaches {len(found.relations)} models and {len(found.metrics)} metrics.")
    groups = {
        "Metrics": [
            f"{one.metric}: {_HOW[one.how]}; owner {one.owner_role}, accountable {one.accountable}"
            for one in found.metrics
        ],
        "Checks": [f"{asset}: {check}" for asset, check in found.checks],
        "Claims": [f"{metric}: {claim}" for metric, claim in found.claims],
        "Processes": [f"{template}: opened by {rule} on {metric}" for template, rule, metric in found.templates],
        "Models": [
            f"{reach.relation.name}: {', '.join(reach.columns) or 'which rows it has'}" for reach in found.relations
        ],
    }
    for heading, lines in groups.items():
        if lines:
            print(f"{heading}:")
            for line in lines:
                print(f"  {line}")
