"""Audits the warehouse before anything is published: runs every check and says which metrics are held back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import duckdb

from ops_assets.catalog import Catalog
from ops_assets.checks.measures import measure_sql
from ops_assets.checks.rules import CheckRule, Level, Verdict, held_back, judge
from ops_assets.checks.trust import Words
from ops_assets.project import Project


@dataclass(frozen=True)
class AuditReport:
    """The state of the warehouse as audited.

    ``failed`` are the assets behind a red line or a failed build; ``held`` maps each held metric to the failed assets
    that hold it; ``reasons`` gives a sentence per failed asset; ``broken`` are the assets whose build itself failed, so
    that their table cannot be trusted whatever the checks say. ``unapproved`` says of metrics whose definition is not
    the approved one why they are held back; nobody can release those.
    """

    as_of: date
    verdicts: tuple[Verdict, ...]
    failed: frozenset[str]
    broken: frozenset[str]
    held: Mapping[str, frozenset[str]]
    reasons: Mapping[str, str]
    unapproved: Mapping[str, Words] = field(default_factory=dict)

    def held_metrics(self, released: Collection[str]) -> frozenset[str]:
        """The metrics that keep their last good figures. A release lifts a red line, nothing else."""
        red = {metric for metric, causes in self.held.items() if metric not in released or causes & self.broken}
        return frozenset(red | set(self.unapproved))

    def warnings_of(self, metric: str, upstream: frozenset[str]) -> tuple[Verdict, ...]:
        """The warnings on a metric and on what it stands on."""
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.level is Level.WARNING and verdict.rule.asset in upstream | {metric}
        )


def audit(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    project: Project,
    *,
    as_of: date,
    broken: Mapping[str, str],
) -> AuditReport:
    """Run the checks of all enabled assets. ``broken`` maps assets whose build or dbt test failed to the reason.

    A check that cannot be run at all is a red line with the database's own sentence: what could not be audited must not
    be published.
    """
    verdicts = tuple(
        _run(connection, rule, project.models[rule.asset].relation, as_of)
        for rule in catalog.checks
        if project.has(rule.asset) and rule.asset not in broken
    )
    reasons = {verdict.rule.asset: f"{verdict.rule.name}: {verdict.sentence}" for verdict in verdicts if _red(verdict)}
    reasons.update(broken)
    failed = frozenset(reasons)
    metrics = {name for name in catalog.metrics if project.has(name)}
    return AuditReport(
        as_of=as_of,
        verdicts=verdicts,
        failed=failed,
        broken=frozenset(broken),
        held=held_back(failed, dict(project.upstream), metrics),
        reasons=reasons,
    )


def enabled_checks(catalog: Catalog, project: Project) -> tuple[CheckRule, ...]:
    """The checks of assets that the chosen pack builds."""
    return tuple(rule for rule in catalog.checks if project.has(rule.asset))


def _red(verdict: Verdict) -> bool:
    return verdict.level is Level.RED


def _run(connection: duckdb.DuckDBPyConnection, rule: CheckRule, relation: str, as_of: date) -> Verdict:
    try:
        row = connection.execute(measure_sql(rule, relation, as_of)).fetchone()
    except duckdb.Error as error:
        return Verdict(rule, Level.RED, None, None, f"The check could not be run: {error}")
    observed = row[0] if row else None
    return judge(rule, None if observed is None else Decimal(str(observed)))
