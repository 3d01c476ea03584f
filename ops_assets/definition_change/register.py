"""The register of definitions: every approved version of a metric, and what put which version in force when.

A version never changes. A change is one line of history: adopted (the first that an installation saw), published (a
proposal that its owner approved) or rolled_back; the version of a metric's last change is the one in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ops_assets.catalog import Catalog
from ops_assets.definition_change.meaning import Meaning
from ops_assets.definition_change.tables import definition_change, definition_version
from resources.ops_database import reading

Kind = Literal["adopted", "published", "rolled_back"]


class UnknownVersionError(LookupError):
    """The register does not have this version of the metric."""


@dataclass(frozen=True)
class Version:
    """One approved meaning. ``project`` is the digest of the kept project that it was compiled from."""

    metric: str
    version: int
    digest: str
    meaning: Meaning
    project: str
    effective_date: date

    def means(self, other: Meaning) -> bool:
        """Whether ``other`` is this meaning, also where an older version of the platform wrote the digest."""
        return other.digest in (self.digest, self.meaning.digest)


@dataclass(frozen=True)
class Change:
    """What put a version in force. ``by`` proposed or rolled back, ``approved_by`` answers for it; person ids. UTC."""

    seq: int
    metric: str
    version: int
    kind: str
    at: datetime
    by: str
    approved_by: str
    reason: str
    case_id: str
    proposal_id: str


class Register:
    """Reads and writes the register in the ops database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def in_force(self) -> dict[str, Version]:
        """The version in force of every known metric."""
        last = (
            sa.select(definition_change.c.metric, sa.func.max(definition_change.c.seq).label("seq"))
            .group_by(definition_change.c.metric)
            .subquery()
        )
        joined = (
            sa.select(definition_version)
            .join(
                definition_change,
                (definition_change.c.metric == definition_version.c.metric)
                & (definition_change.c.version == definition_version.c.version),
            )
            .join(last, last.c.seq == definition_change.c.seq)
        )
        with reading(self._engine) as connection:
            return {row.metric: _version(row) for row in connection.execute(joined)}

    def versions(self, metric: str) -> list[Version]:
        """All versions of a metric, newest first."""
        c = definition_version.c
        with reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(definition_version).where(c.metric == metric).order_by(c.version.desc())
            ).all()
        return [_version(row) for row in rows]

    def version(self, metric: str, version: int) -> Version:
        """Raises UnknownVersionError with the versions that there are."""
        known = self.versions(metric)
        for entry in known:
            if entry.version == version:
                return entry
        numbers = ", ".join(str(entry.version) for entry in known) or "none"
        raise UnknownVersionError(f"{metric} has no version {version}; the register has {numbers}.")

    def history(self, metric: str | None = None) -> list[Change]:
        """Changes, newest first; of one metric or of all."""
        query = sa.select(definition_change).order_by(definition_change.c.seq.desc())
        if metric is not None:
            query = query.where(definition_change.c.metric == metric)
        with reading(self._engine) as connection:
            return [Change(**row._mapping) for row in connection.execute(query)]

    def adopt(
        self, meanings: Iterable[Meaning], catalog: Catalog, *, project: str, now: datetime, reason: str
    ) -> list[str]:
        """Take meanings of metrics that the register does not know yet as their first version; returns the metrics."""
        adopted = []
        with self._engine.begin() as connection:
            known = set(connection.scalars(sa.select(definition_version.c.metric).distinct()))
            for meaning in meanings:
                if meaning.metric in known:
                    continue
                entry = catalog.metrics[meaning.metric]
                version = Version(entry.name, entry.version, meaning.digest, meaning, project, entry.effective_date)
                put_in_force(connection, version, new=True, kind="adopted", now=now, reason=reason)
                adopted.append(entry.name)
        return adopted


def put_in_force(
    connection: Connection,
    version: Version,
    *,
    new: bool,
    kind: Kind,
    now: datetime,
    reason: str,
    by: str = "",
    approved_by: str = "",
    case_id: str = "",
    proposal_id: str = "",
) -> None:
    """Write a change (and, if ``new``, its version) within the caller's transaction."""
    if new:
        connection.execute(
            definition_version.insert().values(
                metric=version.metric,
                version=version.version,
                digest=version.digest,
                meaning=version.meaning.to_json(),
                project=version.project,
                effective_date=version.effective_date,
            )
        )
    connection.execute(
        definition_change.insert().values(
            metric=version.metric,
            version=version.version,
            kind=kind,
            at=now,
            by=by,
            approved_by=approved_by,
            reason=reason,
            case_id=case_id,
            proposal_id=proposal_id,
        )
    )


def next_version(connection: Connection, metric: str) -> int:
    """The number of a metric's next version."""
    newest = connection.scalar(
        sa.select(sa.func.max(definition_version.c.version)).where(definition_version.c.metric == metric)
    )
    return int(newest or 0) + 1


def with_versions(catalog: Catalog, in_force: Mapping[str, Version]) -> Catalog:
    """The catalogue with the version and effective date that the register gives each metric, not its file's."""
    metrics: dict[str, Any] = {
        name: metric.model_copy(
            update={"version": in_force[name].version, "effective_date": in_force[name].effective_date}
        )
        if name in in_force
        else metric
        for name, metric in catalog.metrics.items()
    }
    return Catalog(**{**vars(catalog), "metrics": metrics})


def _version(row: Any) -> Version:
    return Version(
        metric=row.metric,
        version=row.version,
        digest=row.digest,
        meaning=Meaning.from_json(row.meaning),
        project=row.project,
        effective_date=row.effective_date,
    )
