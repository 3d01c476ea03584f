"""Proposals as they are kept: the changed files, what they change, their shadow figures, and who approved.

A proposal's files and review never change. ``status`` is proposed, compared (shadow figures are there), returned (they
could not be had), published or stale (what it was based on has changed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ops_assets.definition_change.tables import definition_approval, definition_proposal
from resources.ops_database import reading

_MOST_TRIES = 5


class UnknownProposalError(LookupError):
    """There is no such proposal."""


@dataclass(frozen=True)
class Proposal:
    """One proposal. ``files`` maps a path of the project to its new text; empty where the checkout has the change.

    ``new_project`` is the digest of a kept project; ``review`` says what changes (see review.py),
    ``shadow`` what the figures would be (see shadow.py); both plain JSON. ``proposed_by`` is a person id; UTC.
    """

    proposal_id: str
    proposed_by: str
    reason: str
    at: datetime
    status: str
    note: str
    files: Mapping[str, str]
    new_project: str
    review: Mapping[str, Any]
    shadow: Mapping[str, Any]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics whose meaning changes."""
        return tuple(entry["metric"] for entry in self.review["metrics"])

    def metrics_of(self, role: str) -> tuple[str, ...]:
        """Those of them that a role answers for."""
        return tuple(entry["metric"] for entry in self.review["metrics"] if entry["accountable"] == role)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that must approve, sorted."""
        return tuple(sorted({entry["accountable"] for entry in self.review["metrics"]}))


@dataclass(frozen=True)
class Approval:
    """What one role has to approve; ``approved_at`` None: not yet."""

    proposal_id: str
    role: str
    case_id: str
    approved_by: str
    approved_at: datetime | None


class Proposals:
    """Reads and writes proposals in the ops database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        *,
        proposed_by: str,
        reason: str,
        at: datetime,
        files: Mapping[str, str],
        new_project: str,
        review: Mapping[str, Any],
    ) -> Proposal:
        """Keep a new proposal under the next number."""
        for attempt in range(_MOST_TRIES):
            try:
                with self._engine.begin() as connection:
                    number = connection.scalar(sa.select(sa.func.count()).select_from(definition_proposal)) or 0
                    proposal = Proposal(
                        f"P-{number + 1:04d}",
                        proposed_by,
                        reason,
                        at,
                        "proposed",
                        "",
                        files,
                        new_project,
                        review,
                        {},
                    )
                    connection.execute(definition_proposal.insert().values(**vars(proposal)))
                    for role in proposal.roles:
                        connection.execute(
                            definition_approval.insert().values(
                                proposal_id=proposal.proposal_id, role=role, case_id="", approved_by=""
                            )
                        )
                return proposal
            except sa.exc.IntegrityError:
                # Two people proposed at this moment; the other one has the number now.
                if attempt == _MOST_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def get(self, proposal_id: str) -> Proposal:
        """Raises UnknownProposalError."""
        query = sa.select(definition_proposal).where(definition_proposal.c.proposal_id == proposal_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UnknownProposalError(
                f"There is no proposal {proposal_id!r}; `./trueloop metrics proposals` lists them."
            )
        return Proposal(**row._mapping)

    def all(self, metric: str | None = None) -> list[Proposal]:
        """Proposals, newest first; of one metric or all."""
        query = sa.select(definition_proposal).order_by(definition_proposal.c.proposal_id.desc())
        with reading(self._engine) as connection:
            found = [Proposal(**row._mapping) for row in connection.execute(query)]
        return [proposal for proposal in found if metric is None or metric in proposal.metrics]

    def approvals(self, proposal_id: str) -> list[Approval]:
        """What each role has said, by role."""
        c = definition_approval.c
        query = sa.select(definition_approval).where(c.proposal_id == proposal_id).order_by(c.role)
        with reading(self._engine) as connection:
            return [Approval(**row._mapping) for row in connection.execute(query)]

    def note_case(self, proposal_id: str, role: str, case_id: str) -> None:
        """Note which case asks a role."""
        self._approval(proposal_id, role, case_id=case_id)

    def note_shadow(self, proposal_id: str, shadow: Mapping[str, Any]) -> None:
        """Keep the shadow figures; the proposal can be approved now."""
        self._set(proposal_id, shadow=dict(shadow), status="compared", note="")

    def give_back(self, proposal_id: str, note: str) -> None:
        """The new definition cannot be computed; ``note`` says why."""
        self._set(proposal_id, status="returned", note=note)

    def mark_stale(self, proposal_id: str, note: str) -> None:
        """What the proposal was made from is no longer in force."""
        self._set(proposal_id, status="stale", note=note)

    def approve(self, proposal_id: str, role: str, by: str, at: datetime) -> None:
        """Note a role's approval; saying it again changes nothing."""
        self._approval(proposal_id, role, approved_by=by, approved_at=at)

    def _set(self, proposal_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            set_proposal(connection, proposal_id, **values)

    def _approval(self, proposal_id: str, role: str, **values: Any) -> None:
        c = definition_approval.c
        with self._engine.begin() as connection:
            connection.execute(
                definition_approval.update().where(c.proposal_id == proposal_id, c.role == role).values(**values)
            )


def set_proposal(connection: Connection, proposal_id: str, **values: Any) -> None:
    """Change a proposal's state within the caller's transaction."""
    connection.execute(
        definition_proposal.update().where(definition_proposal.c.proposal_id == proposal_id).values(**values)
    )
