"""`./trueloop metrics`: published figures, and the release of a held one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC
from typing import Any

import typer

from gateway.commands.context import JSON_OPTION, open_platform, published
from gateway.commands.explain import explain_metric
from gateway.commands.query import query_metrics
from gateway.metric_search import EmbedderError, search_metrics
from gateway.terminal import fail, one_sentence_errors, print_json, show, show_one
from ops_assets.audit import audit
from ops_assets.catalog import CatalogError, load_catalog
from ops_assets.checks.trust import Trust
from ops_assets.figures import with_unit
from ops_assets.refresh import BuildState, load_definitions, state_path
from ops_assets.releases import Release, Releases
from ops_assets.trust import trust_of

app = typer.Typer(no_args_is_help=True, help="Published figures.")
app.command("explain")(explain_metric)
app.command("query")(query_metrics)
_COLUMNS = {
    "metric": "METRIC",
    "label": "LABEL",
    "shown": "VALUE",
    "trust_label": "TRUST",
    "as_of": "AS OF",
    "domain": "DOMAIN",
}


@app.command("list")
def list_metrics(as_json: bool = JSON_OPTION) -> None:
    """All governed metrics with their published value and whether it may be trusted."""
    platform = open_platform()
    snapshot = published(platform)
    trusts = trust_of(snapshot, platform.clock.now())
    rows = snapshot.rows("select * from metrics order by domain, metric")
    show([_row(row, trusts) for row in rows], _COLUMNS, as_json=as_json, empty="No metrics are defined.")


@app.command("search")
@one_sentence_errors(EmbedderError)
def find_metrics(
    words: list[str] = typer.Argument(help="Words in English or Chinese; a beginning or a slip of a word will do."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Metrics that words find, best first: by label, synonym, name, owner, dimension and definition."""
    platform = open_platform()
    snapshot = published(platform)
    found = search_metrics(platform.snapshots, snapshot, " ".join(words), platform.settings.search_embedder)
    trusts = trust_of(snapshot, platform.clock.now())
    rows = {row["metric"]: row for row in snapshot.rows("select * from metrics")}
    shown = [_row(rows[one.name], trusts) | {"found_by": one.by.text or one.by.kind} for one in found]
    show(shown, {**_COLUMNS, "found_by": "FOUND BY"}, as_json=as_json, empty="Nothing was found; try other words.")


@app.command("show")
@one_sentence_errors(CatalogError)
def show_metric(
    metric: str | None = typer.Argument(None, help="Name of the metric; all metrics in detail when left out."),
    as_json: bool = JSON_OPTION,
) -> None:
    """One metric whole: value, numerator, denominator, details, subjects, checks, months. Without a name, all."""
    platform = open_platform()
    snapshot = published(platform)
    trusts = trust_of(snapshot, platform.clock.now())
    if metric is None:
        bodies = [
            _whole(snapshot, row, trusts) for row in snapshot.rows("select * from metrics order by domain, metric")
        ]
        if as_json:
            show(bodies, {}, as_json=True, empty="")
            return
        for body in bodies:
            details = "; ".join(f"{detail['label']}: {detail['value']}" for detail in body["details"])
            print(f"{body['metric']:<45}{body['shown']:>16}  {body['trust_label']}", end="")
            print(f"  ({details})" if details else "")
            if body["trust"] != "trusted":
                print(f"{'':<45}{body['trust_sentence']}")
        return
    name = load_catalog(open_platform().models_dir).metric(metric).name
    rows = snapshot.rows("select * from metrics where metric = ?", [name])
    if not rows:
        fail(f"{name} is defined, but was not published yet; run `./trueloop refresh`.")
    show_one(_whole(snapshot, rows[0], trusts), as_json=as_json)


@app.command("release")
@one_sentence_errors(CatalogError)
def release_metric(
    metric: str = typer.Argument(help="The metric that a red line holds back."),
    reason: str = typer.Option(help="Why its figures may be published all the same."),
    by: str = typer.Option(help="Who decides: the login of a person who holds the metric's owner role."),
    as_json: bool = JSON_OPTION,
) -> None:
    """Release a held metric in spite of its red line; takes effect with the next refresh and ends with the red line."""
    platform = open_platform()
    definition = load_catalog(platform.models_dir).metric(metric)
    snapshot = published(platform)
    owners = {
        row["login"]
        for row in snapshot.rows(
            "select login from people join person_roles using (person_id) where role in (?, ?)",
            [definition.owner_role, definition.raci.accountable],
        )
    }
    if by not in owners:
        fail(f"{by} does not own {definition.name}; its owners are: {', '.join(sorted(owners)) or 'nobody known'}.")
    if not reason.strip():
        fail("A release needs a reason.")
    definitions = load_definitions(platform)
    broken = BuildState.load(state_path(platform)).broken
    with platform.warehouse.connection() as connection:
        report = audit(connection, definitions.catalog, definitions.project, as_of=platform.as_of(), broken=broken)
    causes = report.held.get(definition.name)
    if not causes:
        fail(f"{definition.name} is not held back, so there is nothing to release.")
    release = Release(
        metric=definition.name,
        reason=reason.strip(),
        by=by,
        at=platform.clock.now().astimezone(UTC).isoformat(timespec="seconds"),
        causes=tuple(sorted(causes)),
    )
    Releases(platform.settings.serving_dir).add(release)
    if as_json:
        print_json(asdict(release))
        return
    print(f"{definition.name} is released. `./trueloop refresh` publishes it.")


def _row(row: dict[str, Any], trusts: Mapping[str, Trust]) -> dict[str, Any]:
    trust = trusts[row["metric"]]
    return {
        **row,
        "label": row["label_en"],
        "shown": with_unit(row["unit"], row["value_text"]),
        "trust": trust.state,
        "trust_label": trust.label(),
        "trust_sentence": trust.sentence(),
        "score": trust.score,
        "limited_by": trust.limited_by,
    }


def _whole(snapshot: Any, row: dict[str, Any], trusts: Mapping[str, Trust]) -> dict[str, Any]:
    name = [row["metric"]]
    body = _row(row, trusts)
    body["snapshot"] = snapshot.id
    body["details"] = snapshot.rows(
        "select name, label_en as label, value from metric_detail where metric = ? order by name", name
    )
    body["checks"] = snapshot.rows(
        "select asset, check_name, severity, sentence from checks where list_contains(metrics, ?) order by all", name
    )
    body["months"] = snapshot.rows(
        "select period_start, value_text, numerator, denominator, rows from metric_period where metric = ? "
        "order by period_start",
        name,
    )
    body["dimensions"] = [
        entry["dimension"]
        for entry in snapshot.rows("select distinct dimension from metric_subject where metric = ? order by all", name)
    ]
    return body
