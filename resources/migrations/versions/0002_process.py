"""Cases, their events, tasks, service steps and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from resources.ops_database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "process_number",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_process_number")),
    )
    op.create_table(
        "process_outbox",
        sa.Column("outbox_id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("dedupe_key", sa.String(length=400), nullable=False),
        sa.Column("card_key", sa.String(length=300), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_id", sa.String(length=32), nullable=True),
        sa.Column("outcome_unknown", sa.Boolean(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_process_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_process_outbox_dedupe_key")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_process_outbox_delivery_id")),
    )
    op.create_index("ix_process_outbox_card_key_outbox_id", "process_outbox", ["card_key", "outbox_id"])
    op.create_index("ix_process_outbox_case_id", "process_outbox", ["case_id"])
    op.create_index(
        "ix_process_outbox_dead",
        "process_outbox",
        ["outbox_id"],
        sqlite_where=sa.text("status = 'dead'"),
        postgresql_where=sa.text("status = 'dead'"),
    )
    op.create_index(
        "ix_process_outbox_waiting",
        "process_outbox",
        ["next_attempt_at", "outbox_id"],
        sqlite_where=sa.text("status = 'pending' OR status = 'sending'"),
        postgresql_where=sa.text("status = 'pending' OR status = 'sending'"),
    )
    op.create_table(
        "process_posted_card",
        sa.Column("card_key", sa.String(length=300), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("card_key", name=op.f("pk_process_posted_card")),
    )
    op.create_table(
        "process_slack_target",
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("looked_up_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_process_slack_target")),
    )
    op.create_table(
        "process_template_version",
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.Column("template_id", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_process_template_version")),
    )
    op.create_table(
        "process_case",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("template_id", sa.String(length=100), nullable=False),
        sa.Column("template_hash", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=100), nullable=True),
        sa.Column("rule_id", sa.String(length=200), nullable=False),
        sa.Column("subject_kind", sa.String(length=100), nullable=False),
        sa.Column("subject_id", sa.String(length=200), nullable=False),
        sa.Column("subject_label", sa.String(length=500), nullable=False),
        sa.Column("metric", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.String(length=32), nullable=False),
        sa.Column("open_key", sa.String(length=500), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("working_minutes_open", sa.Integer(), nullable=True),
        sa.Column("effect_due_at", UtcDateTime(), nullable=True),
        sa.Column("effective", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["template_hash"], ["process_template_version.hash"], name=op.f("fk_process_case_template_hash")
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_process_case")),
        sa.UniqueConstraint("open_key", name=op.f("uq_process_case_open_key")),
    )
    op.create_index(
        "ix_process_case_effect_due_at",
        "process_case",
        ["effect_due_at"],
        sqlite_where=sa.text("effect_due_at IS NOT NULL"),
        postgresql_where=sa.text("effect_due_at IS NOT NULL"),
    )
    op.create_index("ix_process_case_rule_id_subject_id", "process_case", ["rule_id", "subject_id"])
    op.create_index("ix_process_case_status_opened_at", "process_case", ["status", "opened_at"])
    op.create_table(
        "process_event",
        sa.Column("event_no", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("via", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["process_case.case_id"], name=op.f("fk_process_event_case_id")),
        sa.PrimaryKeyConstraint("event_no", name=op.f("pk_process_event")),
        sa.UniqueConstraint("case_id", "seq", name=op.f("uq_process_event_case_id_seq")),
    )
    op.create_table(
        "process_service_step",
        sa.Column("idempotency_key", sa.String(length=300), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("step_id", sa.String(length=100), nullable=False),
        sa.Column("job", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("timeout_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("run_id", sa.String(length=100), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["process_case.case_id"], name=op.f("fk_process_service_step_case_id")),
        sa.PrimaryKeyConstraint("idempotency_key", name=op.f("pk_process_service_step")),
    )
    op.create_index("ix_process_service_step_case_id_step_id", "process_service_step", ["case_id", "step_id"])
    op.create_index(
        "ix_process_service_step_timeout_at",
        "process_service_step",
        ["timeout_at"],
        sqlite_where=sa.text("status = 'requested'"),
        postgresql_where=sa.text("status = 'requested'"),
    )
    op.create_table(
        "process_task",
        sa.Column("task_id", sa.String(length=200), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("template_id", sa.String(length=100), nullable=False),
        sa.Column("step_id", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=100), nullable=False),
        sa.Column("assignee", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("next_rung_at", UtcDateTime(), nullable=True),
        sa.Column("rungs_fired", sa.Integer(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("outcome", sa.String(length=100), nullable=True),
        sa.Column("working_minutes", sa.Integer(), nullable=True),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["process_case.case_id"], name=op.f("fk_process_task_case_id")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_process_task")),
    )
    op.create_index(
        "ix_process_task_assignee_open",
        "process_task",
        ["assignee", "weight"],
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index("ix_process_task_case_id", "process_task", ["case_id"])
    op.create_index(
        "ix_process_task_next_rung_at_open",
        "process_task",
        ["next_rung_at"],
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    # Case numbers start at 1.
    op.execute("INSERT INTO process_number (name, value) VALUES ('case', 0)")


def downgrade() -> None:
    op.drop_table("process_task")
    op.drop_table("process_service_step")
    op.drop_table("process_event")
    op.drop_table("process_case")
    op.drop_table("process_template_version")
    op.drop_table("process_slack_target")
    op.drop_table("process_posted_card")
    op.drop_table("process_outbox")
    op.drop_table("process_number")
