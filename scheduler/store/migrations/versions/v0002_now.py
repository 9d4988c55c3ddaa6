"""The message bank, emergencies and drills, live sessions, and what receivers tell of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _bank()
    _emergency()
    _live()
    _reports()
    _documents()


def _bank() -> None:
    op.create_table(
        "bank_entry",
        sa.Column("id", sa.String(48), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("titles", JSON, nullable=False),
        sa.Column("siren", sa.String(40)),
        sa.Column("made_by", sa.String(26)),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("dropped_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_entry")),
    )
    op.create_index(op.f("ix_bank_entry_name"), "bank_entry", ["name"])
    op.create_table(
        "bank_media",
        sa.Column("entry_id", sa.String, nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("text", sa.String),
        sa.Column("original_sha256", sa.String(64)),
        sa.Column("original_name", sa.String(200)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claimed_at", MOMENT),
        sa.Column("error_code", sa.String(40)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("duration_us", sa.BigInteger),
        sa.ForeignKeyConstraint(["entry_id"], ["bank_entry.id"], name=op.f("fk_bank_media_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "language", name=op.f("pk_bank_media")),
    )
    op.create_index(op.f("ix_bank_media_sha256"), "bank_media", ["sha256"])
    op.create_index(op.f("ix_bank_media_state"), "bank_media", ["state"])
    op.create_table(
        "rehearsal",
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("weekday", sa.Integer, nullable=False),
        sa.Column("minute", sa.Integer, nullable=False),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("set_by", sa.String, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["set_by"], ["app_user.id"], name=op.f("fk_rehearsal_set_by")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_rehearsal_zone_id")),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_rehearsal")),
    )
    op.create_index(op.f("ix_rehearsal_next_at"), "rehearsal", ["next_at"])
    op.create_table(
        "rehearsal_run",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("receiver_ids", JSON, nullable=False),
        sa.Column("order_id", sa.String(26)),
        sa.Column("closes_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("results", JSON, nullable=False),
        sa.Column("trouble", sa.String(80)),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_rehearsal_run_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsal_run")),
    )
    op.create_index(op.f("ix_rehearsal_run_closed_at"), "rehearsal_run", ["closed_at"])
    op.create_index(op.f("ix_rehearsal_run_zone_id"), "rehearsal_run", ["zone_id"])


def _emergency() -> None:
    op.add_column("zone", sa.Column("second_person", sa.String(20)))
    op.add_column("app_user", sa.Column("phone", sa.String(40)))
    _emergency_order()
    _emergency_target()
    _emergency_sound()
    _order_progress()
    op.create_table(
        "zone_stop",
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("stop_us", sa.BigInteger, nullable=False),
        sa.Column("stopped_by", sa.String),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_zone_stop_zone_id")),
        sa.ForeignKeyConstraint(["stopped_by"], ["app_user.id"], name=op.f("fk_zone_stop_stopped_by")),
        sa.PrimaryKeyConstraint("zone_id", name=op.f("pk_zone_stop")),
    )


def _emergency_order() -> None:
    op.create_table(
        "emergency_order",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("zone_path", sa.String(460)),
        sa.Column("parts", JSON, nullable=False),
        sa.Column("every_s", sa.Integer, nullable=False),
        sa.Column("minutes", sa.Integer),
        sa.Column("until_at", MOMENT),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("author_id", sa.String),
        sa.Column("confirmer_id", sa.String),
        sa.Column("ender_id", sa.String),
        sa.Column("corrects_id", sa.String),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("lapses_at", MOMENT, nullable=False),
        sa.Column("issued_at", MOMENT),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("ended_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_emergency_order_author_id")),
        sa.ForeignKeyConstraint(["confirmer_id"], ["app_user.id"], name=op.f("fk_emergency_order_confirmer_id")),
        sa.ForeignKeyConstraint(["ender_id"], ["app_user.id"], name=op.f("fk_emergency_order_ender_id")),
        sa.ForeignKeyConstraint(["corrects_id"], ["emergency_order.id"], name=op.f("fk_emergency_order_corrects_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_order")),
    )
    for column in ("state", "until_at", "author_id", "corrects_id", "asked_at"):
        op.create_index(op.f(f"ix_emergency_order_{column}"), "emergency_order", [column])


def _emergency_target() -> None:
    op.create_table(
        "emergency_target",
        sa.Column("order_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("group_id", sa.String),
        sa.Column("ended_at", MOMENT),
        sa.ForeignKeyConstraint(["order_id"], ["emergency_order.id"], name=op.f("fk_emergency_target_order_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_emergency_target_zone_id")),
        sa.ForeignKeyConstraint(["group_id"], ["zone_group.id"], name=op.f("fk_emergency_target_group_id")),
        sa.PrimaryKeyConstraint("order_id", "zone_id", name=op.f("pk_emergency_target")),
    )
    for column in ("zone_id", "group_id"):
        op.create_index(op.f(f"ix_emergency_target_{column}"), "emergency_target", [column])


def _emergency_sound() -> None:
    op.create_table(
        "emergency_sound",
        sa.Column("order_id", sa.String, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(40)),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("duration_us", sa.BigInteger),
        sa.Column("feed", JSON),
        sa.Column("job_id", sa.String(26)),
        sa.Column("alive_at", MOMENT),
        sa.ForeignKeyConstraint(["order_id"], ["emergency_order.id"], name=op.f("fk_emergency_sound_order_id")),
        sa.PrimaryKeyConstraint("order_id", "place", name=op.f("pk_emergency_sound")),
    )
    for column in ("state", "sha256"):
        op.create_index(op.f(f"ix_emergency_sound_{column}"), "emergency_sound", [column])


def _order_progress() -> None:
    op.create_table(
        "order_progress",
        sa.Column("order_id", sa.String(64), nullable=False),
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("sounding_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("level_dbfs", sa.Float),
        sa.Column("microphone", sa.String(20)),
        sa.Column("reason", sa.String(80), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_order_progress_receiver_id")),
        sa.PrimaryKeyConstraint("order_id", "receiver_id", name=op.f("pk_order_progress")),
    )
    op.create_index(op.f("ix_order_progress_receiver_id"), "order_progress", ["receiver_id"])


def _live() -> None:
    _live_talk()
    _live_target()


def _live_talk() -> None:
    op.create_table(
        "live_talk",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("cls", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("speaker_id", sa.String, nullable=False),
        sa.Column("order_id", sa.String(26)),
        sa.Column("recording_id", sa.String(26)),
        sa.Column("source_url", sa.String(500)),
        sa.Column("delay_ms", sa.Integer, nullable=False),
        sa.Column("bitrate_bps", sa.Integer, nullable=False),
        sa.Column("limit_s", sa.Integer, nullable=False),
        sa.Column("opening_ms", sa.Integer, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("turn_at", MOMENT),
        sa.Column("began_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("seen_at", MOMENT),
        sa.Column("heard_until", MOMENT),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("silent", sa.Boolean, nullable=False),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("key", sa.String(43)),
        sa.Column("urls", JSON, nullable=False),
        sa.Column("frames", sa.BigInteger),
        sa.Column("end_reason", sa.String(20)),
        sa.Column("end_detail", sa.String(300)),
        sa.Column("announcement_id", sa.String(26)),
        sa.Column("keep_until", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_live_talk_zone_id")),
        sa.ForeignKeyConstraint(["speaker_id"], ["app_user.id"], name=op.f("fk_live_talk_speaker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_talk")),
    )
    for column in ("zone_id", "state", "speaker_id", "asked_at", "withdrawn", "keep_until"):
        op.create_index(op.f(f"ix_live_talk_{column}"), "live_talk", [column])


def _live_target() -> None:
    op.create_table(
        "live_target",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("talk_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("group_id", sa.String),
        sa.ForeignKeyConstraint(["talk_id"], ["live_talk.id"], name=op.f("fk_live_target_talk_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_live_target_zone_id")),
        sa.ForeignKeyConstraint(["group_id"], ["zone_group.id"], name=op.f("fk_live_target_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_target")),
    )
    for column in ("talk_id", "zone_id"):
        op.create_index(op.f(f"ix_live_target_{column}"), "live_target", [column])


def _reports() -> None:
    op.add_column("play_report", sa.Column("chunks", sa.BigInteger))
    op.add_column("play_report", sa.Column("late_chunks", sa.BigInteger))
    op.add_column("play_report", sa.Column("concealed_us", sa.BigInteger))


def _documents() -> None:
    op.add_column("dirtytopic", sa.Column("trouble", sa.String(200)))
    op.add_column("issueddocument", sa.Column("left_out", sa.Integer))
