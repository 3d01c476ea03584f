"""The tables of the process: cases, their events, tasks, service steps, outgoing messages.

Belongs here: columns, constraints and indexes. Does not belong here: SQL statements (``rows.py`` has them) and what the
columns' values mean for the process (the engine). The Alembic revision ``0002_process`` creates the same tables; a test
compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from resources.ops_database import UtcDateTime, metadata

# SQLite gives only an INTEGER primary key its own number; PostgreSQL should have 64 bits.
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TASK_OPEN = sa.text("status = 'open'")
TASK_CLAIMABLE = sa.text("claim_until IS NOT NULL")
SERVICE_REQUESTED = sa.text("status = 'requested'")
CASE_TIMED = sa.text("next_timer_at IS NOT NULL")
CASE_RESTS = sa.text("rests")
CASE_JOINED = sa.text("joined_case_id IS NOT NULL")
CASE_ASKED = sa.text("requested_by IS NOT NULL")
OUTBOX_DEAD = sa.text("status = 'dead'")
OUTBOX_OVER = sa.text("status = 'sent' OR status = 'superseded'")
OUTBOX_WAITING = sa.text("status = 'pending' OR status = 'sending'")

case = sa.Table(
    "process_case",
    metadata,
    sa.Column("case_id", sa.String(64), primary_key=True),
    sa.Column("template_id", sa.String(100), nullable=False),
    sa.Column("template_hash", sa.String(80), sa.ForeignKey("process_template_version.hash"), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("outcome", sa.String(100)),
    sa.Column("rule_id", sa.String(200), nullable=False),
    sa.Column("subject_kind", sa.String(100), nullable=False),
    sa.Column("subject_id", sa.String(200), nullable=False),
    sa.Column("subject_label", sa.String(500), nullable=False),
    sa.Column("metric", sa.String(200), nullable=False),
    sa.Column("priority", sa.String(32), nullable=False),
    # Set until the case is closed and its effect judged, null afterwards: one such case per rule and subject.
    sa.Column("open_key", sa.String(500), unique=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("state", sa.JSON, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("working_minutes_open", sa.Integer),
    sa.Column("effect_due_at", UtcDateTime),
    sa.Column("effective", sa.Boolean),
    # The case whose process step opened this one.
    sa.Column("parent_case_id", sa.String(64)),
    sa.Column("requested_by", sa.String(100)),
    # Of the clock of the whole case, where its template has one.
    sa.Column("due_at", UtcDateTime),
    # When a wait ends or a rung of the case's own ladder is due; null while neither is.
    sa.Column("next_timer_at", UtcDateTime),
    # It is open, but nobody is asked and no job runs.
    sa.Column("rests", sa.Boolean, nullable=False, server_default=sa.false()),
    # The case of which this one turned out to be a part.
    sa.Column("joined_case_id", sa.String(64)),
    sa.Index("ix_process_case_next_timer_at", "next_timer_at", sqlite_where=CASE_TIMED, postgresql_where=CASE_TIMED),
    # Which versions of templates have a case with a timer, and these in their order.
    sa.Index(
        "ix_process_case_template_hash_timed",
        "template_hash",
        "next_timer_at",
        "case_id",
        sqlite_where=CASE_TIMED,
        postgresql_where=CASE_TIMED,
    ),
    sa.Index(
        "ix_process_case_joined_case_id",
        "joined_case_id",
        "opened_at",
        sqlite_where=CASE_JOINED,
        postgresql_where=CASE_JOINED,
    ),
    sa.Index(
        "ix_process_case_requested_by",
        "requested_by",
        "opened_at",
        sqlite_where=CASE_ASKED,
        postgresql_where=CASE_ASKED,
    ),
    sa.Index("ix_process_case_status_opened_at", "status", "opened_at"),
    sa.Index("ix_process_case_opened_at_case_id", "opened_at", "case_id"),
    # Have all that the board's counts and its search need: the rows of cases are wide.
    sa.Index("ix_process_case_status_template_id", "status", "template_id", "case_id", "priority", "rests"),
    sa.Index(
        "ix_process_case_rests",
        "template_id",
        "case_id",
        "priority",
        "rests",
        sqlite_where=CASE_RESTS,
        postgresql_where=CASE_RESTS,
    ),
    # PostgreSQL takes no more than 2,704 bytes into an index, and labels may be longer.
    sa.Index(
        "ix_process_case_status_subject",
        "status",
        "template_id",
        "case_id",
        "priority",
        "subject_id",
        "subject_label",
        "metric",
        "subject_kind",
    ).ddl_if(dialect="sqlite"),
    sa.Index("ix_process_case_rule_id_subject_id", "rule_id", "subject_id"),
    sa.Index(
        "ix_process_case_effect_due_at",
        "effect_due_at",
        sqlite_where=sa.text("effect_due_at IS NOT NULL"),
        postgresql_where=sa.text("effect_due_at IS NOT NULL"),
    ),
)

case_event = sa.Table(
    "process_event",
    metadata,
    # Grows with every commit: the change cursor of the history export.
    sa.Column("event_no", BIG_ID, primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.String(64), sa.ForeignKey("process_case.case_id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    # How the command came in (slack, api, sensor ...); null where nobody said.
    sa.Column("via", sa.String(64)),
    sa.UniqueConstraint("case_id", "seq"),
)

task = sa.Table(
    "process_task",
    metadata,
    sa.Column("task_id", sa.String(200), primary_key=True),
    sa.Column("case_id", sa.String(64), sa.ForeignKey("process_case.case_id"), nullable=False),
    sa.Column("template_id", sa.String(100), nullable=False),
    sa.Column("step_id", sa.String(100), nullable=False),
    sa.Column("role", sa.String(100), nullable=False),
    sa.Column("assignee", sa.String(100)),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("next_rung_at", UtcDateTime),
    sa.Column("rungs_fired", sa.Integer, nullable=False),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", sa.String(100)),
    sa.Column("outcome", sa.String(100)),
    sa.Column("working_minutes", sa.Integer),
    sa.Column("breached", sa.Boolean, nullable=False),
    # Nobody has it: whoever of its role claims it first.
    sa.Column("pooled", sa.Boolean, nullable=False, server_default=sa.false()),
    # Until then people may claim it before somebody is asked by name; null while somebody has it, and while it rests.
    sa.Column("claim_until", UtcDateTime),
    # The case's, which never changes: boards filter by it.
    sa.Column("priority", sa.String(32), nullable=False, server_default="normal"),
    sa.Index("ix_process_task_case_id_status", "case_id", "status"),
    sa.Index(
        "ix_process_task_step_due_at_open",
        "template_id",
        "step_id",
        "due_at",
        # SQLite reads the rows as well where an index does not have the column of its own condition.
        "status",
        "priority",
        "assignee",
        "case_id",
        sqlite_where=TASK_OPEN,
        postgresql_where=TASK_OPEN,
    ),
    sa.Index("ix_process_task_next_rung_at_open", "next_rung_at", sqlite_where=TASK_OPEN, postgresql_where=TASK_OPEN),
    sa.Index(
        "ix_process_task_claim_until", "claim_until", sqlite_where=TASK_CLAIMABLE, postgresql_where=TASK_CLAIMABLE
    ),
    sa.Index("ix_process_task_assignee_open", "assignee", "weight", sqlite_where=TASK_OPEN, postgresql_where=TASK_OPEN),
)

service_step = sa.Table(
    "process_service_step",
    metadata,
    sa.Column("idempotency_key", sa.String(300), primary_key=True),
    sa.Column("case_id", sa.String(64), sa.ForeignKey("process_case.case_id"), nullable=False),
    sa.Column("step_id", sa.String(100), nullable=False),
    sa.Column("job", sa.String(200), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("timeout_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("run_id", sa.String(100)),
    sa.Column("result", sa.JSON),
    sa.Column("error", sa.Text),
    sa.Index(
        "ix_process_service_step_timeout_at",
        "timeout_at",
        sqlite_where=SERVICE_REQUESTED,
        postgresql_where=SERVICE_REQUESTED,
    ),
    sa.Index("ix_process_service_step_case_id_step_id", "case_id", "step_id"),
)

template_version = sa.Table(
    "process_template_version",
    metadata,
    sa.Column("hash", sa.String(80), primary_key=True),
    sa.Column("template_id", sa.String(100), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("first_used_at", UtcDateTime, nullable=False),
)

template_in_force = sa.Table(
    "process_template_in_force",
    metadata,
    # A row only where somebody chose a version other than the newest of the folder.
    sa.Column("template_id", sa.String(100), primary_key=True),
    sa.Column("hash", sa.String(80), sa.ForeignKey("process_template_version.hash"), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("set_by", sa.String(100), nullable=False),
)

template_change = sa.Table(
    "process_template_change",
    metadata,
    # Every change of what is in force: rollback or release, and the version that is in force since.
    sa.Column("change_id", BIG_ID, primary_key=True, autoincrement=True),
    sa.Column("template_id", sa.String(100), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("hash", sa.String(80), nullable=False),
    sa.Column("person_id", sa.String(100), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_process_template_change_template_id", "template_id"),
)

evidence_file = sa.Table(
    "process_file",
    metadata,
    sa.Column("file_id", sa.String(64), primary_key=True),
    sa.Column("case_id", sa.String(64), sa.ForeignKey("process_case.case_id"), nullable=False),
    sa.Column("task_id", sa.String(200)),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("media_type", sa.String(200), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("uploaded_by", sa.String(100), nullable=False),
    sa.Column("uploaded_at", UtcDateTime, nullable=False),
    sa.Index("ix_process_file_case_id", "case_id"),
)

mark = sa.Table(
    "process_mark",
    metadata,
    # What ran last or was seen last, such as the timer scan or the digest of the working calendars.
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("marked_at", UtcDateTime, nullable=False),
)

number = sa.Table(
    "process_number",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

outbox = sa.Table(
    "process_outbox",
    metadata,
    sa.Column("outbox_id", BIG_ID, primary_key=True, autoincrement=True),
    # Unique in the world, not only in this database: it goes out in the message's metadata.
    sa.Column("delivery_id", sa.String(32), nullable=False, unique=True),
    sa.Column("case_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("dedupe_key", sa.String(400), nullable=False, unique=True),
    # The message that a card or an update is about: rows of one card are sent one after the other.
    sa.Column("card_key", sa.String(300)),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("lease_id", sa.String(32)),
    # True from the claim until the answer is known: an attempt that died in between may have posted.
    sa.Column("outcome_unknown", sa.Boolean, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("last_error", sa.Text),
    sa.Column("result", sa.JSON),
    sa.Index(
        "ix_process_outbox_waiting",
        "next_attempt_at",
        "outbox_id",
        sqlite_where=OUTBOX_WAITING,
        postgresql_where=OUTBOX_WAITING,
    ),
    sa.Index("ix_process_outbox_over", "created_at", sqlite_where=OUTBOX_OVER, postgresql_where=OUTBOX_OVER),
    sa.Index("ix_process_outbox_dead", "outbox_id", sqlite_where=OUTBOX_DEAD, postgresql_where=OUTBOX_DEAD),
    sa.Index("ix_process_outbox_card_key_outbox_id", "card_key", "outbox_id"),
    sa.Index("ix_process_outbox_case_id", "case_id"),
)

posted_card = sa.Table(
    "process_posted_card",
    metadata,
    sa.Column("card_key", sa.String(300), primary_key=True),
    sa.Column("case_id", sa.String(64), nullable=False),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("ts", sa.String(64), nullable=False),
)

slack_target = sa.Table(
    "process_slack_target",
    metadata,
    # "person:<id>" or "channel:<name>" -> where Slack takes messages for it.
    sa.Column("target", sa.String(200), primary_key=True),
    sa.Column("address", sa.String(320), nullable=False),
    sa.Column("user_id", sa.String(64)),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("looked_up_at", UtcDateTime, nullable=False),
)
