"""Outgoing messages as rows: put, claim by lease, mark.

Belongs here: the SQL of the outbox. Does not belong here: sending (delivery.outbox) and what a message says.
Each function works in the caller's transaction.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from resources.ops_database import insert_into
from workflow_jobs.outgoing_message import CARD, MESSAGE, UPDATE, Outgoing
from workflow_jobs.store.prepared import Bound, Prepared, run_all
from workflow_jobs.store.tables import OUTBOX_DEAD, OUTBOX_OVER, OUTBOX_WAITING, case, number, outbox, posted_card

_ID_BITS = 128
_PAUSE = "slack.paused_until_ms"
# Literal text, as in the partial index: with bound values SQLite would not use it.
_WAITING = sa.text(f"({OUTBOX_WAITING.text})")
_INSERT = Prepared(outbox.insert().inline())
_OVER = sa.text(f"({OUTBOX_OVER.text})")
_DEAD = sa.text(OUTBOX_DEAD.text)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row leased for one attempt. ``maybe_sent``: an earlier attempt ended without a known outcome."""

    outbox_id: int
    delivery_id: str
    case_id: str
    kind: str
    card_key: str | None
    payload: Mapping[str, Any]
    attempts: int
    maybe_sent: bool
    lease_id: str


def put(connection: Connection, case_id: str, messages: Iterable[Outgoing], now: datetime) -> int:
    """Add messages in the order given; returns how many. The caller guarantees new dedupe keys."""
    given = list(messages)
    run_all(connection, message_statements(connection.dialect, case_id, given, now))
    return len(given)


def message_statements(dialect: Dialect, case_id: str, messages: Iterable[Outgoing], now: datetime) -> list[Bound]:
    """What :func:`put` runs, with its values bound."""
    # Random for the command, counted within it: the system is asked for chance once, not for each message.
    first = secrets.randbits(_ID_BITS)
    return _INSERT.bind_rows(
        dialect,
        [
            {
                "delivery_id": f"{(first + number) % 2**_ID_BITS:032x}",
                "case_id": case_id,
                "kind": message.kind,
                "dedupe_key": message.dedupe_key,
                "card_key": message.card_key,
                "payload": dict(message.payload),
                "status": "pending",
                "attempts": 0,
                "created_at": now,
                "next_attempt_at": now,
                "outcome_unknown": False,
            }
            for number, message in enumerate(messages)
        ],
    )


def claim(
    connection: Connection,
    kinds: Sequence[str],
    now: datetime,
    lease: timedelta,
    limit: int,
    *,
    only_first_attempts: bool = False,
) -> list[Claimed]:
    """Lease up to ``limit`` due rows, oldest first; ``only_first_attempts`` leaves out what may have been sent.

    Of several pending updates of one card only the newest is left to send. A row about a card waits until the card
    itself is posted, and an update waits while another one of the same card is under way.
    """
    _supersede_updates(connection, kinds)
    earlier = outbox.alias("earlier")
    blocked = sa.exists().where(
        earlier.c.card_key == outbox.c.card_key,
        earlier.c.outbox_id < outbox.c.outbox_id,
        sa.or_(
            sa.and_(earlier.c.kind == CARD, earlier.c.status.in_(("pending", "sending"))),
            sa.and_(earlier.c.kind == UPDATE, earlier.c.status == "sending"),
        ),
    )
    due = (
        sa.select(outbox)
        .where(
            _WAITING,
            outbox.c.next_attempt_at <= now,
            sa.or_(outbox.c.status == "pending", outbox.c.lease_until < now),
            outbox.c.kind.in_(kinds),
            ~blocked,
        )
        .order_by(outbox.c.next_attempt_at, outbox.c.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    if only_first_attempts:
        due = due.where(outbox.c.outcome_unknown.is_(False))
    rows = connection.execute(due).mappings().all()
    lease_id = uuid.uuid4().hex
    if rows:
        connection.execute(
            outbox.update()
            .where(outbox.c.outbox_id.in_([row["outbox_id"] for row in rows]))
            .values(
                status="sending",
                lease_id=lease_id,
                lease_until=now + lease,
                attempts=outbox.c.attempts + 1,
                outcome_unknown=True,
            )
        )
    return [
        Claimed(
            outbox_id=row["outbox_id"],
            delivery_id=row["delivery_id"],
            case_id=row["case_id"],
            kind=row["kind"],
            card_key=row["card_key"],
            payload=row["payload"],
            attempts=row["attempts"] + 1,
            maybe_sent=bool(row["outcome_unknown"]),
            lease_id=lease_id,
        )
        for row in rows
    ]


def queue_up(
    connection: Connection,
    recipient: Mapping[str, Any],
    channel: str,
    now: datetime,
    *,
    first: datetime,
    gap: timedelta,
    limit: int = 1000,
) -> int:
    """Give each due new message for a recipient a turn of its own, from ``first`` on, in their order; how many.

    At most ``limit``. What belongs below a card in another conversation than ``channel`` is left alone.
    """
    key = "channel" if "channel" in recipient else "person"
    elsewhere = sa.exists().where(posted_card.c.card_key == outbox.c.card_key, posted_card.c.channel != channel)
    due = (
        sa.select(outbox.c.outbox_id)
        .where(
            _WAITING,
            outbox.c.next_attempt_at <= now,
            outbox.c.status == "pending",
            outbox.c.kind.in_((CARD, MESSAGE)),
            outbox.c.payload[("to", key)].as_string() == str(recipient[key]),
            ~elsewhere,
        )
        .order_by(outbox.c.next_attempt_at, outbox.c.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    found = list(connection.execute(due).scalars())
    if found:
        turns = [{"id": outbox_id, "turn": first + gap * number} for number, outbox_id in enumerate(found)]
        mine = sa.and_(outbox.c.outbox_id == sa.bindparam("id"), outbox.c.status == "pending")
        connection.execute(outbox.update().where(mine).values(next_attempt_at=sa.bindparam("turn")), turns)
    return len(found)


def more_than(connection: Connection, kind: str, few: int) -> bool:
    """Whether more than ``few`` rows of a kind wait."""
    some = sa.select(outbox.c.outbox_id).where(_WAITING, outbox.c.kind == kind).limit(few + 1).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() > few


def _supersede_updates(connection: Connection, kinds: Sequence[str]) -> None:
    if UPDATE not in kinds:
        return
    newer = outbox.alias("newer")
    connection.execute(
        outbox.update()
        .where(
            # The whole predicate of the partial index, so that the scan costs what waits.
            _WAITING,
            outbox.c.status == "pending",
            outbox.c.kind == UPDATE,
            sa.exists().where(
                newer.c.card_key == outbox.c.card_key,
                newer.c.outbox_id > outbox.c.outbox_id,
                newer.c.kind == UPDATE,
                newer.c.status == "pending",
            ),
        )
        .values(status="superseded", lease_id=None, lease_until=None)
    )


def mark_sent(connection: Connection, row: Claimed, now: datetime, result: Mapping[str, Any]) -> bool:
    """Record success; False if the lease was lost meanwhile (another worker answers for the row)."""
    return _finish(
        connection, row, status="sent", sent_at=now, outcome_unknown=False, last_error=None, result=dict(result)
    )


def sent_result(connection: Connection, outbox_id: int) -> Mapping[str, Any] | None:
    """Where a row was sent to by whoever marked it; None while it is not sent."""
    sent = sa.select(outbox.c.result).where(outbox.c.outbox_id == outbox_id, outbox.c.status == "sent")
    return connection.execute(sent).scalar_one_or_none()


def mark_retry(
    connection: Connection, row: Claimed, at: datetime, error: str, *, outcome_unknown: bool, counts: bool = True
) -> bool:
    """Put the row back for another attempt at ``at``; with ``counts`` False the attempt is not counted."""
    return _finish(
        connection,
        row,
        status="pending",
        next_attempt_at=at,
        last_error=error,
        outcome_unknown=outcome_unknown,
        attempts=row.attempts if counts else row.attempts - 1,
    )


def mark_dead(connection: Connection, row: Claimed, error: str, *, outcome_unknown: bool) -> bool:
    """Give the row up; :func:`resend` brings it back."""
    return _finish(connection, row, status="dead", last_error=error, outcome_unknown=outcome_unknown)


def _finish(connection: Connection, row: Claimed, **values: Any) -> bool:
    done = connection.execute(
        outbox.update()
        .where(outbox.c.outbox_id == row.outbox_id, outbox.c.lease_id == row.lease_id, outbox.c.status == "sending")
        .values(lease_id=None, lease_until=None, **values)
    )
    return done.rowcount == 1


def resend(connection: Connection, now: datetime, outbox_ids: Sequence[int] | None = None) -> int:
    """Put dead rows (all, or these) back to pending with fresh attempts; returns how many."""
    statement = outbox.update().where(_DEAD)
    if outbox_ids is not None:
        statement = statement.where(outbox.c.outbox_id.in_(list(outbox_ids)))
    return connection.execute(statement.values(status="pending", attempts=0, next_attempt_at=now)).rowcount


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` rows that were sent, or superseded, before that instant; how many.

    Dead letters stay until somebody sees to them, and cards stay while their case goes on: who has one is read here.
    """
    goes_on = sa.exists().where(case.c.case_id == outbox.c.case_id, case.c.status.in_(("open", "watching_effect")))
    old = (
        sa.select(outbox.c.outbox_id)
        # What was sent before was put in before, too: that is what the index knows.
        .where(_OVER, outbox.c.created_at < before, sa.or_(outbox.c.kind != CARD, ~goes_on))
        .where(sa.func.coalesce(outbox.c.sent_at, outbox.c.created_at) < before)
        .order_by(outbox.c.created_at)
        .limit(limit)
    )
    return connection.execute(outbox.delete().where(outbox.c.outbox_id.in_(old))).rowcount


def remember_card(connection: Connection, card_key: str, case_id: str, channel: str, ts: str) -> None:
    """Record where a card stands; the first place stays."""
    place = {"card_key": card_key, "case_id": case_id, "channel": channel, "ts": ts}
    connection.execute(
        insert_into(connection, posted_card).values(place).on_conflict_do_nothing(index_elements=["card_key"])
    )


def card_place(connection: Connection, card_key: str) -> tuple[str, str] | None:
    """Channel and timestamp of a posted card."""
    row = connection.execute(
        sa.select(posted_card.c.channel, posted_card.c.ts).where(posted_card.c.card_key == card_key)
    ).one_or_none()
    return None if row is None else (row.channel, row.ts)


def is_on_its_way(connection: Connection, card_key: str) -> bool:
    """Whether a card waits to be posted or is being posted."""
    waiting = sa.select(outbox.c.outbox_id).where(
        outbox.c.card_key == card_key, outbox.c.kind == CARD, outbox.c.status.in_(("pending", "sending"))
    )
    return connection.execute(waiting.limit(1)).first() is not None


def card_keys(connection: Connection, case_id: str, prefix: str) -> tuple[str, ...]:
    """Card keys of a case that start with ``prefix`` and were put into the outbox, in order."""
    found = connection.execute(
        sa.select(outbox.c.card_key)
        .where(
            outbox.c.case_id == case_id, outbox.c.kind == CARD, outbox.c.card_key.startswith(prefix, autoescape=True)
        )
        .distinct()
        .order_by(outbox.c.card_key)
    )
    return tuple(found.scalars())


def paused_until_ms(connection: Connection) -> int:
    """Until when Slack asked us to wait, in milliseconds since 1970 UTC; 0 if it did not."""
    return connection.execute(sa.select(number.c.value).where(number.c.name == _PAUSE)).scalar_one_or_none() or 0


def pause_until(connection: Connection, until: datetime) -> None:
    """Remember Slack's Retry-After for all processes; a longer one that is known stays."""
    given = insert_into(connection, number).values(name=_PAUSE, value=_milliseconds(until))
    longer = sa.case((given.excluded.value > number.c.value, given.excluded.value), else_=number.c.value)
    connection.execute(given.on_conflict_do_update(index_elements=["name"], set_={"value": longer}))


def take_turn(connection: Connection, channel: str, now: datetime, gap: timedelta) -> datetime | None:
    """Reserve the channel's next message for now; else when it may get one. The same for all processes."""
    name = f"slack.turn:{channel}"
    at, free = _milliseconds(now), _milliseconds(now + gap)
    mine = number.c.name == name
    taken = connection.execute(number.update().where(mine, number.c.value <= at).values(value=free))
    if taken.rowcount == 1:
        return None
    until = connection.execute(sa.select(number.c.value).where(mine)).scalar_one_or_none()
    if until is not None:
        return datetime.fromtimestamp(until / 1000, UTC)
    first = insert_into(connection, number).values(name=name, value=free)
    taken = connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
    return None if taken.rowcount == 1 else now + gap


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What stands in the outbox. ``oldest_due_at`` is the oldest attempt that should have been made by now (UTC)."""

    pending: int
    sending: int
    dead: int
    oldest_due_at: datetime | None


def status(connection: Connection, now: datetime) -> OutboxStatus:
    """Counts of what is not sent; costs what waits plus the dead letters."""
    waiting = dict(
        connection.execute(sa.select(outbox.c.status, sa.func.count()).where(_WAITING).group_by(outbox.c.status))
        .tuples()
        .all()
    )
    dead = connection.execute(sa.select(sa.func.count()).select_from(outbox).where(_DEAD)).scalar_one()
    oldest = connection.execute(
        sa.select(sa.func.min(outbox.c.next_attempt_at)).where(_WAITING, outbox.c.next_attempt_at <= now)
    ).scalar_one()
    return OutboxStatus(
        pending=waiting.get("pending", 0), sending=waiting.get("sending", 0), dead=dead, oldest_due_at=oldest
    )
