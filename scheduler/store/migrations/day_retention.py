"""What 0003 makes for retention."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MEASURED = ("signal_percent", "signal_dbm", "battery_percent", "battery_v", "temperature_c", "level_dbfs")


def upgrade() -> None:
    _rules()
    _sample_day()
    op.add_column("report_day", sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(op.f("ix_recording_original_sha256"), "recording", ["original_sha256"])
    op.create_index(op.f("ix_live_talk_announcement_id"), "live_talk", ["announcement_id"])


def _rules() -> None:
    op.create_table(
        "retention_rule",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("category", sa.String(20)),
        sa.Column("tag", sa.String(40)),
        sa.Column("days", sa.Integer),
        sa.Column("asked_days", sa.Integer),
        sa.Column("set_by", sa.String, nullable=False),
        sa.Column("set_at", MOMENT, nullable=False),
        sa.Column("in_force_since", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_retention_rule_zone_id")),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_retention_rule_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rule")),
    )
    op.create_index(op.f("ix_retention_rule_zone_id"), "retention_rule", ["zone_id"])
    op.create_table(
        "retention_run",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("claimed_until", MOMENT, nullable=False),
        sa.Column("results", JSON, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("freed_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_retention_run")),
    )


def _sample_day() -> None:
    op.create_table(
        "receiver_sample_day",
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("samples", sa.Integer, nullable=False),
        *(sa.Column(f"{name}_{part}", sa.Float) for name in MEASURED for part in ("min", "mean", "max")),
        sa.Column("month_bytes", sa.BigInteger),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_receiver_sample_day_receiver_id")),
        sa.PrimaryKeyConstraint("receiver_id", "day", name=op.f("pk_receiver_sample_day")),
    )
    op.create_index(op.f("ix_receiver_sample_day_day"), "receiver_sample_day", ["day"])
