"""The state of every published figure as it is now: one answer for the command line, pages, API, Slack and Dagster.

Reads what the snapshot's section on trust wrote (ops_assets.publishing.trust); judging is ops_assets.checks.trust.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

from ops_assets.checks.scores import DIMENSIONS, Deduction, DimensionScore
from ops_assets.checks.trust import (
    AgeLimit,
    AuditedState,
    AuditedTrust,
    Cause,
    Feed,
    Trust,
    Words,
    judge_trust,
)
from resources.serving import Snapshot

# A snapshot never changes, so what it says is read once for each handle; a handle that is dropped takes it along.
_read: WeakKeyDictionary[Snapshot, Mapping[str, AuditedTrust]] = WeakKeyDictionary()

_FROM_PUBLISHED: Mapping[str, AuditedState] = {
    "published": "trusted",
    "warning": "degraded",
    "held": "held",
    "none_good": "held",
    "unavailable": "unavailable",
}


@dataclass(frozen=True)
class TrustDetail:
    """A metric's state with its five dimensions, in their order."""

    trust: Trust
    dimensions: tuple[DimensionScore, ...]


def trust_of(snapshot: Snapshot, now: datetime) -> Mapping[str, Trust]:
    """The trust in every metric of ``snapshot`` at ``now`` (UTC). Judging all of them takes well under a millisecond
    after the first call for a snapshot.
    """
    facts = _read.get(snapshot)
    if facts is None:
        facts = _read[snapshot] = _facts(snapshot)
    return {name: judge_trust(audited, now, published_at=snapshot.published_at) for name, audited in facts.items()}


def trust_detail(snapshot: Snapshot, metric: str, now: datetime) -> TrustDetail:
    """One metric's state and dimensions. Raises KeyError for a metric that the snapshot does not have."""
    trust = trust_of(snapshot, now)[metric]
    if not _has(snapshot, "trust_dimension"):
        return TrustDetail(trust, ())
    rows = {
        row["dimension"]: row
        for row in snapshot.rows("select dimension, score, deductions from trust_dimension where metric = ?", [metric])
    }
    return TrustDetail(
        trust,
        tuple(
            DimensionScore(
                dimension,
                rows[dimension]["score"],
                tuple(Deduction(**entry) for entry in json.loads(rows[dimension]["deductions"])),
            )
            for dimension in DIMENSIONS
            if dimension in rows
        ),
    )


def audited_to_json(audited: AuditedTrust) -> dict[str, Any]:
    """As kept in ``trust.facts``; :func:`read_audited` reads it."""
    body: dict[str, Any] = json.loads(json.dumps(asdict(audited), default=_as_text))
    return body


def read_audited(rows: Iterable[tuple[str]]) -> dict[str, AuditedTrust]:
    """The metrics of rows of ``trust.facts``."""
    found = [_audited(json.loads(facts)) for (facts,) in rows]
    return {audited.metric: audited for audited in found}


def _facts(snapshot: Snapshot) -> Mapping[str, AuditedTrust]:
    if _has(snapshot, "trust"):
        return read_audited((row["facts"],) for row in snapshot.rows("select facts from trust order by metric"))
    # A snapshot of an earlier version: its states are known, but not since when, nor what it stands on.
    rows = snapshot.rows("select metric, state, reason, as_of from metrics order by metric")
    return {row["metric"]: _without_facts(snapshot, row) for row in rows}


def _without_facts(snapshot: Snapshot, row: Mapping[str, Any]) -> AuditedTrust:
    said = row["reason"] or ""
    causes = (Cause(row["state"], Words(said, said), snapshot.published_at),) if said else ()
    return AuditedTrust(
        metric=row["metric"],
        state=_FROM_PUBLISHED[row["state"]],
        score=None,
        since=snapshot.published_at,
        causes=causes,
        limited_by=None,
        good_as_of=row["as_of"],
        as_of=snapshot.as_of,
        by_clock=False,
        zone="UTC",
    )


def _has(snapshot: Snapshot, table: str) -> bool:
    return bool(snapshot.rows("select 1 from information_schema.tables where table_name = ?", [table]))


def _as_text(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in a trust fact.")


def _audited(body: Mapping[str, Any]) -> AuditedTrust:
    def day(text: str | None) -> date | None:
        return None if text is None else date.fromisoformat(text)

    return AuditedTrust(
        **{
            **body,
            "since": datetime.fromisoformat(body["since"]),
            "causes": tuple(
                Cause(cause["id"], Words(**cause["words"]), datetime.fromisoformat(cause["since"]))
                for cause in body["causes"]
            ),
            "good_as_of": day(body["good_as_of"]),
            "as_of": date.fromisoformat(body["as_of"]),
            "feeds": tuple(Feed(**{**feed, "newest": day(feed["newest"])}) for feed in body["feeds"]),
            "ages": tuple(AgeLimit(**{**age, "newest": day(age["newest"])}) for age in body["ages"]),
        }
    )
