"""Versions of templates as rows: which are stored, which one is in force, who changed that, which cases follow them.

Each function works in the caller's transaction. What a version is and whether a case may move is not known here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workflow_jobs.store.tables import case, case_event, template_change, template_in_force, template_version

_IN_FORCE = sa.select(template_in_force.c.hash).where(template_in_force.c.template_id == sa.bindparam("id"))


class StoredVersion(NamedTuple):
    """A version that is stored, with the cases that follow it. Instants are UTC."""

    hash: str
    text: str
    first_used_at: datetime
    open_cases: int
    cases: int


class InForce(NamedTuple):
    """A version that somebody chose."""

    hash: str
    since: datetime
    set_by: str


class VersionChange(NamedTuple):
    """Somebody put a version in force: `action` is rollback or release."""

    action: str
    hash: str
    person_id: str
    at: datetime


def in_force(connection: Connection, template_id: str) -> str | None:
    """Hash of the version that somebody put in force; None where the folder's newest is."""
    found: str | None = connection.execute(_IN_FORCE, {"id": template_id}).scalar_one_or_none()
    return found


def chosen(connection: Connection, template_id: str) -> InForce | None:
    """The version in force with who chose it; None where the folder's newest is."""
    row = connection.execute(
        sa.select(template_in_force.c.hash, template_in_force.c.since, template_in_force.c.set_by).where(
            template_in_force.c.template_id == template_id
        )
    ).first()
    return InForce(*row) if row is not None else None


def stored_versions(connection: Connection, template_id: str) -> list[StoredVersion]:
    """Every stored version of a template, the one used first first."""
    counts = (
        sa.select(
            case.c.template_hash,
            sa.func.sum(sa.case((case.c.status == "open", 1), else_=0)).label("open_cases"),
            sa.func.count().label("cases"),
        )
        .where(case.c.template_id == template_id)
        .group_by(case.c.template_hash)
        .subquery()
    )
    none = sa.literal(0)
    found = connection.execute(
        sa.select(
            template_version.c.hash,
            template_version.c.text,
            template_version.c.first_used_at,
            sa.func.coalesce(counts.c.open_cases, none),
            sa.func.coalesce(counts.c.cases, none),
        )
        .outerjoin(counts, counts.c.template_hash == template_version.c.hash)
        .where(template_version.c.template_id == template_id)
        .order_by(template_version.c.first_used_at, template_version.c.hash)
    )
    return [StoredVersion(*row) for row in found.tuples()]


def version_changes(connection: Connection, template_id: str) -> list[VersionChange]:
    """Who put which version in force, oldest first."""
    columns = (template_change.c[name] for name in VersionChange._fields)
    found = connection.execute(
        sa.select(*columns).where(template_change.c.template_id == template_id).order_by(template_change.c.change_id)
    )
    return [VersionChange(*row) for row in found.tuples()]


def put_in_force(connection: Connection, template_id: str, content_hash: str, person_id: str, now: datetime) -> None:
    """Put a stored version in force and note who did."""
    values = {"hash": content_hash, "since": now, "set_by": person_id}
    done = connection.execute(
        template_in_force.update().where(template_in_force.c.template_id == template_id).values(**values)
    )
    if done.rowcount == 0:
        connection.execute(template_in_force.insert().values(template_id=template_id, **values))
    _note(connection, template_id, "rollback", content_hash, person_id, now)


def release(connection: Connection, template_id: str, content_hash: str, person_id: str, now: datetime) -> bool:
    """Follow the folder again (whose newest version is `content_hash`); False where nothing was chosen."""
    done = connection.execute(template_in_force.delete().where(template_in_force.c.template_id == template_id))
    if done.rowcount:
        _note(connection, template_id, "release", content_hash, person_id, now)
    return done.rowcount > 0


def open_cases(connection: Connection, template_id: str, *, other_than: str) -> list[str]:
    """Open cases of a template that follow another version than this one, oldest first."""
    found = connection.execute(
        sa.select(case.c.case_id)
        .where(case.c.template_id == template_id, case.c.status == "open", case.c.template_hash != other_than)
        .order_by(case.c.opened_at, case.c.case_id)
    )
    return list(found.scalars())


def newest_cases(connection: Connection, template_id: str, limit: int) -> list[str]:
    """The cases of a template that were opened last, newest first; open ones too."""
    found = connection.execute(
        sa.select(case.c.case_id)
        .where(case.c.template_id == template_id)
        .order_by(case.c.opened_at.desc(), case.c.case_id.desc())
        .limit(limit)
    )
    return list(found.scalars())


def templates_of(connection: Connection, case_ids: Collection[str]) -> dict[str, str]:
    """Template id of each of these cases that exists."""
    found = connection.execute(
        sa.select(case.c.case_id, case.c.template_id).where(case.c.case_id.in_(sorted(case_ids)))
    )
    return dict(found.tuples().all())


def pinned_at_opening(connection: Connection, case_id: str) -> str:
    """Hash of the version with which a case was opened; it may have moved since."""
    body = connection.execute(
        sa.select(case_event.c.body).where(case_event.c.case_id == case_id, case_event.c.seq == 1)
    ).scalar_one()
    return str(body["template_hash"])


def _note(
    connection: Connection, template_id: str, action: str, content_hash: str, person_id: str, now: datetime
) -> None:
    connection.execute(
        template_change.insert().values(
            template_id=template_id, action=action, hash=content_hash, person_id=person_id, at=now
        )
    )
