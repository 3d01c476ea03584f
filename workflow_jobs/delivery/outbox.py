"""Delivery of the outbox: what a committed decision has to say reaches Slack and Dagster, once, however often we die.

Belongs here: attempts, waiting, giving up, recognising a message that an interrupted attempt had posted.
Does not belong here: the rows' SQL (store.outbox_rows) and the messages' content (slack.cards).

A row is leased, sent, and marked, in that order and in separate transactions. An attempt that dies between sending and
marking leaves the row "outcome unknown"; the next one looks for the message's metadata in the channel before it posts.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from resources.clock import Clock
from resources.fault_points import fault_point
from resources.ops_database import reading
from resources.slack import Posted, SlackClient, SlackRateLimited, SlackRefused, SlackUnreachable
from workflow_jobs.delivery.pictures import Pictures
from workflow_jobs.delivery.repeats import remove_others, remove_own
from workflow_jobs.delivery.targets import GONE, Place, SlackTargets
from workflow_jobs.outgoing_message import CARD, MESSAGE, STEP_COMPLETED, UPDATE
from workflow_jobs.step_completion import StepCompletion
from workflow_jobs.store import outbox_rows
from workflow_jobs.store.outbox_rows import Claimed, OutboxStatus

logger = logging.getLogger(__name__)

METADATA_EVENT = "trueloop_outbox"
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 10
MOST_REPORTS = 500
# A round ends after this time, whatever is left: what a slow Slack takes longer for, the next round goes on with.
ROUND = timedelta(seconds=10)
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=1)
# Slack takes about one new message a second in each channel (its reference of chat.postMessage).
CHANNEL_GAP = 1.0
_SLACK_KINDS = (CARD, UPDATE, MESSAGE)
# What Slack says of a picture that it has not taken in yet, or no longer has.
_PICTURE_REFUSED = frozenset({"invalid_blocks", "invalid_slack_file", "slack_file_not_found"})


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did. ``retried`` rows will be tried again; ``dead`` rows were given up in this round.

    ``paced`` rows wait for a moment, since their channel has just got another message.
    """

    sent: int
    retried: int
    dead: int
    paced: int = 0


class _CardNeverPosted(Exception):
    """An update of a card that will never stand anywhere."""


class _ChannelBusy(Exception):
    """The channel has just got another message; ``until`` says when it may get the next."""

    def __init__(self, channel: str, until: datetime) -> None:
        self.channel, self.until = channel, until
        super().__init__(f"the channel {channel} gets its next message at {until:%H:%M:%S}")


class _CardNotYetPosted(Exception):
    """The card in whose thread this one belongs is still on its way."""


def deliver_due(
    engine: Engine,
    *,
    clock: Clock,
    slack: SlackClient,
    report: Callable[[list[StepCompletion]], None],
    limit: int = 50,
    slack_users: Mapping[str, str] | None = None,
    pictures: Pictures = lambda _asked: None,
    channel_gap: float = 0.0,
    few_reports: int | None = None,
) -> Delivered:
    """Send up to ``limit`` due rows of Slack's, one by one, and up to ``MOST_REPORTS`` of Dagster's in one batch.

    Where a channel has just got another message, all that is due for the same recipient waits for turns of its own; so
    much happens at most ``limit`` times. No row is begun later than ``ROUND`` after the first. What was left is older
    than what was put back, so the next round begins with it.

    With ``few_reports``, completed steps are reported only while no more than so many wait, and only by a first
    attempt: whoever can neither write many at once nor look up what was reported leaves the others to who can.

    ``slack_users`` maps person ids to Slack user ids where e-mail addresses do not match; ``pictures`` gives the image
    block that a card asks for; ``channel_gap`` is how many seconds lie between two new messages in one channel,
    whatever process sends them. A row that fails is recorded and logged and never stops the others; only a failing ops
    database raises.
    """
    counts = _Counts()
    _report_completions(engine, clock, report, MOST_REPORTS, few_reports, counts)
    targets = SlackTargets(engine, slack, slack_users or {})
    gap = timedelta(seconds=channel_gap)
    ends = clock.now() + ROUND
    # A message that waits for its channel's turn takes no other's place in the round.
    while counts.tried < limit and counts.busy < limit:
        now = clock.now()
        if now > ends or _paused(engine, now):
            break
        with engine.begin() as connection:
            rows = outbox_rows.claim(connection, _SLACK_KINDS, now, LEASE, 1)
        if not rows:
            break
        fault_point("outbox.deliver.after_claim")
        if not _send_one(engine, clock, slack, targets, rows[0], pictures, counts, gap):
            break
    return Delivered(sent=counts.sent, retried=counts.retried, dead=counts.dead, paced=counts.paced)


def outbox_status(engine: Engine, clock: Clock) -> OutboxStatus:
    """What stands in the outbox now."""
    with reading(engine) as connection:
        return outbox_rows.status(connection, clock.now())


def prune_sent(engine: Engine, *, clock: Clock, kept: timedelta, limit: int = 500) -> int:
    """Delete up to ``limit`` messages that were sent longer ago than ``kept``; how many. Cases keep their whole log."""
    with engine.begin() as connection:
        return outbox_rows.prune(connection, clock.now() - kept, limit)


def resend_dead(engine: Engine, clock: Clock, outbox_ids: Sequence[int] | None = None) -> int:
    """Give dead letters (all, or these) fresh attempts; returns how many."""
    with engine.begin() as connection:
        return outbox_rows.resend(connection, clock.now(), outbox_ids)


@dataclass
class _Counts:
    sent: int = 0
    retried: int = 0
    dead: int = 0
    paced: int = 0
    busy: int = 0
    queues: Counter[str] = field(default_factory=Counter)

    @property
    def tried(self) -> int:
        """How many messages had their attempt."""
        return self.sent + self.retried + self.dead


def _paused(engine: Engine, now: datetime) -> bool:
    with reading(engine) as connection:
        return outbox_rows.paused_until_ms(connection) > now.timestamp() * 1000


def _send_one(
    engine: Engine,
    clock: Clock,
    slack: SlackClient,
    targets: SlackTargets,
    row: Claimed,
    pictures: Pictures,
    counts: _Counts,
    gap: timedelta,
) -> bool:
    """Send a leased row and mark it. False where this round should end, because Slack asks to wait."""
    try:
        posted, thread = _sent(engine, clock, slack, targets, _with_picture(row, pictures), gap)
    except SlackRateLimited as error:
        until = clock.now() + timedelta(seconds=error.retry_after)
        with engine.begin() as connection:
            outbox_rows.pause_until(connection, until)
            # A repeated attempt that met the limit during its look-up still does not know how the first one ended.
            outbox_rows.mark_retry(connection, row, until, str(error), outcome_unknown=row.maybe_sent, counts=False)
        logger.info("outbox %s (%s): %s", row.outbox_id, row.kind, error)
        counts.retried += 1
        return False
    except _ChannelBusy as error:
        # Each gets a turn of its own: all at the next one, they would be looked at again and again, and only one sent.
        turn = error.until + gap * counts.queues[error.channel]
        with engine.begin() as connection:
            unknown = row.maybe_sent
            outbox_rows.mark_retry(connection, row, turn, str(error), outcome_unknown=unknown, counts=False)
            others = 0
            if "to" in row.payload:
                others = outbox_rows.queue_up(
                    connection, row.payload["to"], error.channel, clock.now(), first=turn + gap, gap=gap
                )
        counts.queues[error.channel] += 1 + others
        counts.paced += 1 + others
        counts.busy += 1
        return True
    except _CardNotYetPosted as error:
        with engine.begin() as connection:
            at = clock.now() + FIRST_DELAY
            outbox_rows.mark_retry(connection, row, at, str(error), outcome_unknown=row.maybe_sent, counts=False)
        counts.retried += 1
        return True
    except _CardNeverPosted as error:
        _give_up(engine, row, str(error), counts, outcome_unknown=False)
        return True
    except SlackRefused as error:
        if error.code in GONE and "to" in row.payload:
            targets.forget(row.payload["to"])
        _failed(engine, clock, row, str(error), counts, outcome_unknown=row.maybe_sent)
        return True
    except SlackUnreachable as error:
        _failed(engine, clock, row, str(error), counts, outcome_unknown=True)
        return True
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - recorded on the row and logged, whatever it is
        # A payload that we cannot even read must not stand in the way of the others.
        _failed(engine, clock, row, f"{type(error).__name__}: {error}", counts, outcome_unknown=row.maybe_sent)
        return True
    fault_point("outbox.deliver.before_mark")
    place = {"channel": posted.channel, "ts": posted.ts}
    with engine.begin() as connection:
        marked = outbox_rows.mark_sent(connection, row, clock.now(), place)
        if marked and row.kind == CARD and row.card_key is not None:
            outbox_rows.remember_card(connection, row.card_key, row.case_id, posted.channel, posted.ts)
            first = _first_key(row.case_id, posted.channel)
            outbox_rows.remember_card(connection, first, row.case_id, posted.channel, posted.ts)
        sent_by_other = None if marked else outbox_rows.sent_result(connection, row.outbox_id)
    if row.kind != UPDATE:
        if not marked:
            remove_own(slack, row.delivery_id, posted, sent_by_other)
        elif row.maybe_sent:
            remove_others(slack, METADATA_EVENT, row.delivery_id, posted, thread)
    fault_point("outbox.deliver.after_mark")
    counts.sent += 1
    return True


def _with_picture(row: Claimed, pictures: Pictures) -> Claimed:
    """The row with the picture that its card asks for, where there is one."""
    asked = row.payload.get("picture")
    block = pictures(asked) if asked else None
    if not asked or block is None:
        return row
    blocks = list(row.payload["blocks"])
    blocks.insert(int(asked["after"]) + 1, block)
    return replace(row, payload={**row.payload, "blocks": blocks, "without_picture": row.payload["blocks"]})


def _sent(
    engine: Engine, clock: Clock, slack: SlackClient, targets: SlackTargets, row: Claimed, gap: timedelta
) -> tuple[Posted, str | None]:
    """Send a row; where Slack does not take it with its picture (yet), without. The message and its thread."""
    try:
        return _send(engine, clock, slack, targets, row, gap)
    except SlackRefused as error:
        if error.code not in _PICTURE_REFUSED or "without_picture" not in row.payload:
            raise
        logger.warning("outbox %s (%s): %s; it goes without its picture", row.outbox_id, row.kind, error)
        bare = {**row.payload, "blocks": row.payload["without_picture"]}
        return _send(engine, clock, slack, targets, replace(row, payload=bare), timedelta())


def _send(
    engine: Engine, clock: Clock, slack: SlackClient, targets: SlackTargets, row: Claimed, gap: timedelta
) -> tuple[Posted, str | None]:
    text: str = row.payload["text"]
    blocks: list[dict[str, Any]] | None = row.payload.get("blocks")
    metadata = {"event_type": METADATA_EVENT, "event_payload": {"delivery_id": row.delivery_id}}
    stands = None
    thread: str | None
    if row.card_key is not None:
        with reading(engine) as connection:
            stands = outbox_rows.card_place(connection, row.card_key)
            if stands is None:
                stands = _thread_of(connection, row)
    if row.kind == UPDATE:
        if stands is None:
            raise _CardNeverPosted(f"the card {row.card_key} was never posted, so it cannot be updated")
        return slack.update_message(stands[0], stands[1], text, blocks=blocks), None
    if stands is not None:
        # A reply, or a second card with the key of a posted one: both go into the thread of what stands.
        channel, thread = stands
    else:
        place, text = _place(targets, row, text, clock.now())
        channel, thread = place.channel, _first_of_case(engine, row, place.channel)
    # Before the look-up, which is a call of Slack's as well: what has to wait costs none.
    if gap:
        with engine.begin() as connection:
            until = outbox_rows.take_turn(connection, channel, clock.now(), gap)
        if until is not None:
            raise _ChannelBusy(channel, until)
    if row.maybe_sent:
        found = slack.find_by_metadata(channel, METADATA_EVENT, row.delivery_id, thread_ts=thread)
        if found is None and thread is not None:
            # The interrupted attempt may have posted before there was a thread.
            found = slack.find_by_metadata(channel, METADATA_EVENT, row.delivery_id)
        if found is not None:
            logger.info("outbox %s (%s): an interrupted attempt had posted it", row.outbox_id, row.kind)
            return found, thread
    posted = slack.post_message(channel, text, blocks=blocks, thread_ts=thread, metadata=metadata)
    fault_point("outbox.deliver.after_post")
    return posted, thread


def _thread_of(connection: Connection, row: Claimed) -> tuple[str, str] | None:
    """Where the card stands below which this new one belongs; None where it belongs below none that will be posted."""
    above = row.payload.get("thread_of")
    if row.kind != CARD or above is None:
        return None
    stands = outbox_rows.card_place(connection, above)
    if stands is None and outbox_rows.is_on_its_way(connection, above):
        raise _CardNotYetPosted(f"the card {above}, below which this one belongs, is not posted yet")
    return stands


def _first_of_case(engine: Engine, row: Claimed, channel: str) -> str | None:
    """The timestamp of the first card of the case in a conversation, for a message that belongs into its thread."""
    if not row.payload.get("with_case"):
        return None
    with reading(engine) as connection:
        stands = outbox_rows.card_place(connection, _first_key(row.case_id, channel))
    return None if stands is None else stands[1]


def _first_key(case_id: str, channel: str) -> str:
    return f"first:{case_id}:{channel}"


def _place(targets: SlackTargets, row: Claimed, text: str, now: datetime) -> tuple[Place, str]:
    """Where the row goes: to its recipient, or to the channel for notices where Slack does not know the person."""
    recipient = row.payload["to"]
    try:
        return targets.place(recipient, now), text
    except SlackRefused as error:
        fallback = row.payload.get("fallback_channel")
        if error.code not in GONE or "person" not in recipient or not fallback:
            raise
        logger.warning(
            "outbox %s: Slack knows no user for %s <%s>, so the message goes to #%s",
            row.outbox_id,
            recipient["person"],
            recipient.get("email"),
            fallback,
        )
        who = recipient.get("name") or recipient["person"]
        return targets.place({"channel": fallback}, now), f"{who}: {text}"


def _failed(engine: Engine, clock: Clock, row: Claimed, error: str, counts: _Counts, *, outcome_unknown: bool) -> None:
    if row.attempts >= MOST_ATTEMPTS:
        _give_up(engine, row, error, counts, outcome_unknown=outcome_unknown)
        return
    at = clock.now() + delay_after(row.attempts)
    with engine.begin() as connection:
        outbox_rows.mark_retry(connection, row, at, error, outcome_unknown=outcome_unknown)
    logger.warning(
        "outbox %s (%s, attempt %s): %s; next attempt at %s", row.outbox_id, row.kind, row.attempts, error, at
    )
    counts.retried += 1


def _give_up(engine: Engine, row: Claimed, error: str, counts: _Counts, *, outcome_unknown: bool) -> None:
    with engine.begin() as connection:
        outbox_rows.mark_dead(connection, row, error, outcome_unknown=outcome_unknown)
    logger.error("outbox %s (%s) is given up after %s attempts: %s", row.outbox_id, row.kind, row.attempts, error)
    counts.dead += 1


def delay_after(attempts: int) -> timedelta:
    """Waiting time after the n-th failed attempt: 15 s, doubled each time, at most an hour."""
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << (attempts - 1)))


def _report_completions(
    engine: Engine,
    clock: Clock,
    report: Callable[[list[StepCompletion]], None],
    limit: int,
    few: int | None,
    counts: _Counts,
) -> None:
    if few is not None:
        with reading(engine) as connection:
            if outbox_rows.more_than(connection, STEP_COMPLETED, few):
                return
    with engine.begin() as connection:
        rows = outbox_rows.claim(
            connection, (STEP_COMPLETED,), clock.now(), LEASE, limit, only_first_attempts=few is not None
        )
    if not rows:
        return
    fault_point("outbox.report.after_claim")
    batches = [rows]
    while batches:
        batch = batches.pop()
        try:
            # Of a batch that failed, some may have been reported.
            report(
                [
                    StepCompletion.from_json(row.payload, maybe_reported=row.maybe_sent or batch is not rows)
                    for row in batch
                ]
            )
        except Exception as error:  # noqa: BLE001 - whatever the receiver raises is recorded on the row and logged
            if len(batch) > 1:
                # One bad row must not hold up the others: from now on one by one.
                batches.extend([row] for row in reversed(batch))
            else:
                _failed(engine, clock, batch[0], f"{type(error).__name__}: {error}", counts, outcome_unknown=True)
            continue
        fault_point("outbox.report.before_mark")
        now = clock.now().astimezone(UTC)
        with engine.begin() as connection:
            for row in batch:
                outbox_rows.mark_sent(connection, row, now, {})
        counts.sent += len(batch)
