"""The officials' day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Each part of the day makes its own."""
    _residents()
    _reports()


def _residents() -> None:
    op.add_column("zone", sa.Column("public_page", sa.Boolean))
    op.add_column("broadcast", sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("plannedairing", sa.Column("publication_id", sa.String(26)))
    op.create_table(
        "publication",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("recordings", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("about", sa.String(20), nullable=False),
        sa.Column("text", sa.String(2000), nullable=False),
        sa.Column("name", sa.String(80)),
        sa.Column("phone", sa.String(40)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sender", sa.String(40)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("note", sa.String(1000)),
        sa.Column("answered_by", sa.String),
        sa.Column("answered_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_feedback_zone_id")),
        sa.ForeignKeyConstraint(["answered_by"], ["app_user.id"], name=op.f("fk_feedback_answered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    for name in ("zone_id", "created_at", "sender", "state"):
        op.create_index(op.f(f"ix_feedback_{name}"), "feedback", [name])


def _reports() -> None:
    op.create_index(op.f("ix_play_report_received_at"), "play_report", ["received_at"])
    op.create_index(op.f("ix_order_progress_told_at"), "order_progress", ["told_at"])
    op.add_column("zone_group", sa.Column("valid_from", sa.Date))
    op.add_column("zone_group", sa.Column("valid_until", sa.Date))
    op.create_table(
        "zone_past",
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("parent_id", sa.String),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("code", sa.String(40)),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_zone_past_zone_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["zone.id"], name=op.f("fk_zone_past_parent_id")),
        sa.PrimaryKeyConstraint("zone_id", "until", name=op.f("pk_zone_past")),
    )
    _report_airing()
    _report_line()
    op.create_table(
        "report_book",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("opened_until", MOMENT, nullable=False),
        sa.Column("reported_until", MOMENT, nullable=False),
        sa.Column("claimed_until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_book")),
    )
    op.create_table(
        "report_subscription",
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("sent_day", sa.Date),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_report_subscription_user_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_report_subscription_zone_id")),
        sa.PrimaryKeyConstraint("user_id", "zone_id", name=op.f("pk_report_subscription")),
    )


def _report_airing() -> None:
    op.create_table(
        "report_airing",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("broadcast_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("cls", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("start_at", MOMENT, nullable=False),
        sa.Column("duration_us", sa.BigInteger, nullable=False),
        sa.Column("zone_ids", JSON, nullable=False),
        sa.Column("stopped_at", MOMENT),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_airing")),
    )
    for name in ("broadcast_id", "day", "settled"):
        op.create_index(op.f(f"ix_report_airing_{name}"), "report_airing", [name])


def _report_line() -> None:
    counts = ("receivers", "fetched", "started", "heard", "microphones", "missed")
    op.create_table(
        "report_line",
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("airing_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("receiver_ids", JSON, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in counts),
        sa.Column("reason", sa.String(80)),
        sa.Column("missed_by", JSON, nullable=False),
        sa.Column("error_us", sa.BigInteger),
        sa.Column("level_dbfs", sa.Float),
        sa.Column("microphone_dbfs", sa.Float),
        sa.Column("requested_us", sa.BigInteger, nullable=False),
        sa.Column("played_us", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["airing_id"], ["report_airing.id"], name=op.f("fk_report_line_airing_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_report_line_zone_id")),
        sa.PrimaryKeyConstraint("zone_id", "airing_id", name=op.f("pk_report_line")),
    )
    op.create_index(op.f("ix_report_line_airing_id"), "report_line", ["airing_id"])
    op.create_index("ix_report_line_zone_day", "report_line", ["zone_id", "day"])
    summed = ("day", "zone_id", "kind", "settled", "receivers", "fetched", "started", "heard", "missed")
    op.create_index(
        "ix_report_line_sums", "report_line", [*summed, "requested_us", "played_us", "error_us", "level_dbfs"]
    )
