"""The officials' day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from scheduler.people import chain  # what it makes of an entry never changes
from scheduler.store.migrations import day_approval, day_library, day_retention, day_speed
from scheduler.store.types import UtcDateTime

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
    _fleet()
    _people()
    day_approval.upgrade()
    day_library.upgrade()
    day_retention.upgrade()
    day_speed.upgrade()


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
    _report_day()
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
        sa.Column("unit_ids", JSON, nullable=False),
        sa.Column("stopped_at", MOMENT),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_airing")),
    )
    for name in ("broadcast_id", "day", "settled"):
        op.create_index(op.f(f"ix_report_airing_{name}"), "report_airing", [name])
    op.create_index("ix_report_airing_start", "report_airing", ["start_at", "id"])


def _report_line() -> None:
    counts = ("receivers", "fetched", "started", "heard", "microphones", "missed")
    op.create_table(
        "report_line",
        sa.Column("airing_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("unit_id", sa.String, nullable=False),
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
        sa.ForeignKeyConstraint(["unit_id"], ["zone.id"], name=op.f("fk_report_line_unit_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_report_line_zone_id")),
        sa.PrimaryKeyConstraint("airing_id", "zone_id", name=op.f("pk_report_line")),
    )
    op.create_index("ix_report_line_zone_day", "report_line", ["zone_id", "day"])
    op.create_index("ix_report_line_day_unit", "report_line", ["day", "unit_id"])
    op.create_index(
        "ix_report_line_missed",
        "report_line",
        ["day", "reason", "missed", "kind", "settled", "zone_id"],
        sqlite_where=sa.text("reason IS NOT NULL"),
        postgresql_where=sa.text("reason IS NOT NULL"),
    )


def _report_day() -> None:
    plays = ("plays", "plays_fetched", "plays_started", "plays_heard", "plays_missed")
    counts = ("airings", "heard", "partly", *plays, "emergencies", "emergencies_heard")
    op.create_table(
        "report_day",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("unit_id", sa.String, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in counts),
        sa.Column("requested_us", sa.BigInteger, nullable=False),
        sa.Column("played_us", sa.BigInteger, nullable=False),
        sa.Column("latest_us", sa.BigInteger),
        sa.Column("earliest_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["unit_id"], ["zone.id"], name=op.f("fk_report_day_unit_id")),
        sa.PrimaryKeyConstraint("day", "unit_id", name=op.f("pk_report_day")),
    )


def _fleet() -> None:
    for name in ("restart_asked_at", "photo_at"):
        op.add_column("receiver", sa.Column(name, MOMENT))
    op.add_column("receiver", sa.Column("photo_sha256", sa.String(64)))
    for name in ("faulty", "playing"):
        op.add_column("receiver", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    _fault_record()
    _receiver_sample()
    _village_report()
    op.create_table(
        "heard_confirmation",
        sa.Column("airing_id", sa.String(96), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("heard", sa.Boolean, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_heard_confirmation_zone_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_heard_confirmation_user_id")),
        sa.PrimaryKeyConstraint("airing_id", "zone_id", "user_id", name=op.f("pk_heard_confirmation")),
    )
    op.create_index(op.f("ix_heard_confirmation_zone_id"), "heard_confirmation", ["zone_id"])


def _fault_record() -> None:
    op.create_table(
        "fault_record",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("acknowledged_by", sa.String(26)),
        sa.Column("acknowledged_at", MOMENT),
        sa.Column("silenced_by", sa.String(26)),
        sa.Column("silenced_at", MOMENT),
        sa.Column("reset_by", sa.String(26)),
        sa.Column("reset_at", MOMENT),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_fault_record_receiver_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault_record")),
    )
    for name in ("receiver_id", "reset_at"):
        op.create_index(op.f(f"ix_fault_record_{name}"), "fault_record", [name])


def _receiver_sample() -> None:
    measured = ("signal_percent", "signal_dbm", "battery_percent", "battery_v", "temperature_c", "level_dbfs")
    op.create_table(
        "receiver_sample",
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        *(sa.Column(name, sa.Float) for name in measured),
        sa.Column("on_mains", sa.Boolean),
        sa.Column("month_bytes", sa.BigInteger),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_receiver_sample_receiver_id")),
        sa.PrimaryKeyConstraint("receiver_id", "at", name=op.f("pk_receiver_sample")),
    )


def _village_report() -> None:
    op.create_table(
        "village_report",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("receiver_id", sa.String),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("reported_by", sa.String(26), nullable=False),
        sa.Column("reported_at", MOMENT, nullable=False),
        sa.Column("closed_by", sa.String(26)),
        sa.Column("closed_at", MOMENT),
        sa.Column("answer", sa.String(1000), nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_village_report_zone_id")),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_village_report_receiver_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_village_report")),
    )
    for name in ("zone_id", "receiver_id", "closed_at"):
        op.create_index(op.f(f"ix_village_report_{name}"), "village_report", [name])


def _people() -> None:
    op.add_column("websession", sa.Column("address", sa.String(64)))
    op.add_column("websession", sa.Column("device", sa.String(300)))
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("used_at", MOMENT),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_recovery_code_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])
    _invitation()
    _audit_chain()


def _invitation() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("selector", sa.String(8), nullable=False),
        sa.Column("code_hash", sa.String, nullable=False),
        sa.Column("tries_left", sa.Integer, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("phone", sa.String(40)),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("by_id", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("used_at", MOMENT),
        sa.Column("user_id", sa.String),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_invitation_zone_id")),
        sa.ForeignKeyConstraint(["by_id"], ["app_user.id"], name=op.f("fk_invitation_by_id")),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_invitation_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("selector", name=op.f("uq_invitation_selector")),
    )
    op.create_index(op.f("ix_invitation_zone_id"), "invitation", ["zone_id"])


def _audit_chain() -> None:
    """Entries from before there was a chain are chained as they are found."""
    with op.batch_alter_table("auditentry") as table:
        table.add_column(sa.Column("number", sa.BigInteger))
        table.add_column(sa.Column("sha256", sa.String(64)))
        table.add_column(sa.Column("words", sa.String))
        table.create_unique_constraint(op.f("uq_auditentry_number"), ["number"])
    rows = sa.table(
        "auditentry",
        *(sa.column(name, sa.Integer) for name in ("id", "number")),
        *(sa.column(name, sa.String) for name in ("user_id", "action", "subject", "zone_path", "sha256", "words")),
        sa.column("at", UtcDateTime),
        sa.column("detail", JSON),
    )
    db, number, before = op.get_bind(), 0, chain.FIRST
    put = sa.update(rows).where(rows.c.id == sa.bindparam("of"))
    last = -(2**31)
    while found := db.execute(sa.select(rows).where(rows.c.id > last).order_by(rows.c.id).limit(1000)).all():
        chained = []
        for row in found:
            number += 1
            said = (row.at, row.user_id, row.action, row.subject, row.zone_path, row.detail)
            before = chain.sha256_of(chain.Entry(number, *said, sha256=""), before)
            words = chain.words_of(row.action, row.subject, row.detail)
            chained.append({"of": row.id, "number": number, "sha256": before, "words": words})
        db.execute(put, chained)
        last = found[-1].id
