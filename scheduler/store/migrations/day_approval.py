"""The tables of approving, of deputies and of notices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _approval()
    _deputies()
    _notices()
    _notice()


def _approval() -> None:
    op.add_column("broadcast", sa.Column("approved_for", JSON))
    op.add_column("broadcast", sa.Column("asked_local", sa.String(19)))
    op.add_column("broadcast", sa.Column("document_no", sa.String(60)))
    op.add_column("broadcast", sa.Column("document_key", sa.String(60)))
    op.create_index(op.f("ix_broadcast_document_key"), "broadcast", ["document_key"])
    op.create_table(
        "broadcast_edition",
        sa.Column("broadcast_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by_id", sa.String(26), nullable=False),
        sa.Column("says", JSON, nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_broadcast_edition_broadcast_id")),
        sa.PrimaryKeyConstraint("broadcast_id", "number", name=op.f("pk_broadcast_edition")),
    )


def _deputies() -> None:
    op.create_table(
        "deputy",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("principal_id", sa.String, nullable=False),
        sa.Column("deputy_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("named_by", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(["principal_id"], ["app_user.id"], name=op.f("fk_deputy_principal_id")),
        sa.ForeignKeyConstraint(["deputy_id"], ["app_user.id"], name=op.f("fk_deputy_deputy_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_deputy_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputy")),
    )
    for name in ("principal_id", "deputy_id", "zone_id"):
        op.create_index(op.f(f"ix_deputy_{name}"), "deputy", [name])


def _notices() -> None:
    op.create_table(
        "notice_event",
        sa.Column("id", sa.Integer, nullable=False),
        *_told(),
        sa.Column("by_id", sa.String(26)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_event")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("kinds", JSON, nullable=False),
        sa.Column("created_by", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_webhook_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_zone_id"), "webhook", ["zone_id"])
    op.create_table(
        "notice_mark",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("seen_id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notice_mark")),
    )
    op.create_table(
        "notice_choice",
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("kinds", JSON, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_notice_choice_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notice_choice")),
    )


def _told() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("zone_path", sa.String(460), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("data", JSON, nullable=False),
    )


def _notice() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("user_id", sa.String),
        sa.Column("hook_id", sa.String),
        *_told(),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("begun_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("trouble", sa.String(300)),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_notice_user_id")),
        sa.ForeignKeyConstraint(["hook_id"], ["webhook.id"], name=op.f("fk_notice_hook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("key", name=op.f("uq_notice_key")),
    )
    for name in ("user_id", "hook_id", "state"):
        op.create_index(op.f(f"ix_notice_{name}"), "notice", [name])
