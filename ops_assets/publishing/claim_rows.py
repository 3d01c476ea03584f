"""The rows of a claim's model as partitions of the snapshot, so that any pair can be explained on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

from ops_assets.dictionary.claim_spec import ClaimSpec
from ops_assets.periods import following_month
from ops_assets.publishing.parts import write_part
from ops_assets.publishing.sections import SectionContext


def write_claim_rows(context: SectionContext, metric: str, claim: ClaimSpec, relation: str) -> None:
    """Write the claim model's rows by month; months with the same rows as in the snapshot before keep their files."""
    known: dict[date | None, tuple[str, str]] = {}
    if context.previous_has("claim_file"):
        rows = context.db.execute(
            "select period_start, file, fingerprint from previous.claim_file where metric = ? and claim = ?",
            [metric, claim.name],
        ).fetchall()
        known = {month: (file, mark) for month, file, mark in rows}
    columns = hashlib.sha256(repr(context.db.execute(f"describe {relation}").fetchall()).encode()).hexdigest()[:8]
    months: Sequence[tuple[date | None, str]] = context.db.execute(
        f"select cast(date_trunc('month', event_date) as date) as month, "
        f"concat_ws('/', '{columns}', count(*), sum(hash(claim))) from {relation} as claim "
        "group by month order by month"
    ).fetchall() or [(None, f"{columns}/0")]
    for month, mark in months:
        file, before = known.get(month, ("", ""))
        if before != mark:
            where = "event_date is null"
            if month is not None:
                following = following_month(month).isoformat()
                where = f"event_date >= date '{month.isoformat()}' and event_date < date '{following}'"
            file = write_part(
                context.db,
                context.parts_dir,
                claim.model,
                f"{'undated' if month is None else f'{month:%Y-%m}'}-{context.info.sequence:06d}",
                f"select * from {relation} where {where} order by event_date",
            )
        context.db.execute(
            "insert into snapshot.claim_file values (?, ?, ?, ?, ?)", [metric, claim.name, month, file, mark]
        )
