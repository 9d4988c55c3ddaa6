"""The tables of Loa's first version.

Longer than a file or a function should be: a schema is a list, one line a column, and is never read in another order.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _zones()
    _people()
    _announcements()
    _broadcasts()
    _fleet()


def _zones() -> None:
    _zone()
    _holiday()
    _zone_group()
    _zone_group_member()


def _zone() -> None:
    op.create_table(
        "zone",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("parent_id", sa.String),
        sa.Column("path", sa.String(460), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("code", sa.String(40)),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_until", sa.Date),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("timezone", sa.String(64)),
        sa.Column("quiet_hours", JSON),
        sa.Column("quota", JSON),
        sa.Column("max_airing_s", sa.Integer),
        sa.Column("approval_classes", JSON),
        sa.Column("languages", JSON),
        sa.Column("fallback_recording_id", sa.String(26)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["zone.id"], name=op.f("fk_zone_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone")),
    )
    op.create_index(op.f("ix_zone_code"), "zone", ["code"])
    op.create_index(op.f("ix_zone_parent_id"), "zone", ["parent_id"])
    op.create_index(op.f("ix_zone_path"), "zone", ["path"])


def _holiday() -> None:
    op.create_table(
        "holiday",
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_holiday_zone_id")),
        sa.PrimaryKeyConstraint("zone_id", "day", name=op.f("pk_holiday")),
    )


def _zone_group() -> None:
    op.create_table(
        "zone_group",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("code", sa.String(40)),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_zone_group_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone_group")),
    )
    op.create_index(op.f("ix_zone_group_zone_id"), "zone_group", ["zone_id"])


def _zone_group_member() -> None:
    op.create_table(
        "zone_group_member",
        sa.Column("group_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["zone_group.id"], name=op.f("fk_zone_group_member_group_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_zone_group_member_zone_id")),
        sa.PrimaryKeyConstraint("group_id", "zone_id", name=op.f("pk_zone_group_member")),
    )


def _people() -> None:
    _auditentry()
    _idempotencykey()
    _signinattempt()
    _app_user()
    _apitoken()
    _rolegrant()
    _websession()


def _auditentry() -> None:
    op.create_table(
        "auditentry",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_id", sa.String(26)),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("zone_path", sa.String(460)),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auditentry")),
    )
    op.create_index(op.f("ix_auditentry_at"), "auditentry", ["at"])
    op.create_index(op.f("ix_auditentry_user_id"), "auditentry", ["user_id"])


def _idempotencykey() -> None:
    op.create_table(
        "idempotencykey",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotencykey")),
    )


def _signinattempt() -> None:
    op.create_table(
        "signinattempt",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signinattempt")),
    )
    op.create_index(op.f("ix_signinattempt_at"), "signinattempt", ["at"])
    op.create_index(op.f("ix_signinattempt_subject"), "signinattempt", ["subject"])


def _app_user() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("login", sa.String(80), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("zone_id", sa.String),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("totp_secret", sa.String),
        sa.Column("totp_confirmed", sa.Boolean, nullable=False),
        sa.Column("totp_last_step", sa.Integer, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_app_user_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("login", name=op.f("uq_app_user_login")),
    )
    op.create_index(op.f("ix_app_user_zone_id"), "app_user", ["zone_id"])


def _apitoken() -> None:
    op.create_table(
        "apitoken",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_apitoken_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apitoken")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_apitoken_token_sha256")),
    )
    op.create_index(op.f("ix_apitoken_user_id"), "apitoken", ["user_id"])


def _rolegrant() -> None:
    op.create_table(
        "rolegrant",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("until", MOMENT),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_rolegrant_user_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_rolegrant_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rolegrant")),
    )
    op.create_index(op.f("ix_rolegrant_user_id"), "rolegrant", ["user_id"])
    op.create_index(op.f("ix_rolegrant_zone_id"), "rolegrant", ["zone_id"])


def _websession() -> None:
    op.create_table(
        "websession",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("second_factor", sa.Boolean, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_websession_user_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_websession")),
    )
    op.create_index(op.f("ix_websession_user_id"), "websession", ["user_id"])


def _announcements() -> None:
    _announcement()
    _recording()


def _announcement() -> None:
    op.create_table(
        "announcement",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("editor_ids", JSON, nullable=False),
        sa.Column("copied_from_id", sa.String(26)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_announcement_author_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_announcement_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
    )
    op.create_index(op.f("ix_announcement_created_at"), "announcement", ["created_at"])
    op.create_index(op.f("ix_announcement_zone_id"), "announcement", ["zone_id"])


def _recording() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("announcement_id", sa.String, nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("text", sa.String),
        sa.Column("voice", sa.String(80)),
        sa.Column("speed", sa.Float, nullable=False),
        sa.Column("original_sha256", sa.String(64)),
        sa.Column("original_name", sa.String(200)),
        sa.Column("recipe", JSON, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("job_id", sa.String(26)),
        sa.Column("job_seen_at", MOMENT),
        sa.Column("error_code", sa.String(40)),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("duration_us", sa.BigInteger),
        sa.Column("loudness_lufs", sa.Float),
        sa.Column("true_peak_dbtp", sa.Float),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("produced_at", MOMENT),
        sa.ForeignKeyConstraint(["announcement_id"], ["announcement.id"], name=op.f("fk_recording_announcement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("announcement_id", "language", name=op.f("uq_recording_announcement_id_language")),
    )
    op.create_index(op.f("ix_recording_announcement_id"), "recording", ["announcement_id"])
    op.create_index(op.f("ix_recording_sha256"), "recording", ["sha256"])
    op.create_index(op.f("ix_recording_state"), "recording", ["state"])


def _broadcasts() -> None:
    _broadcast()
    _broadcasttarget()
    _plannedairing()


def _broadcast() -> None:
    op.create_table(
        "broadcast",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("announcement_id", sa.String, nullable=False),
        sa.Column("cls", sa.String(20), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("play_order", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("immediate", sa.Boolean, nullable=False),
        sa.Column("starts_local", sa.String(19)),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("rrule", sa.String(500)),
        sa.Column("exdates", JSON, nullable=False),
        sa.Column("until_local", sa.String(19)),
        sa.Column("skip_holidays", sa.Boolean, nullable=False),
        sa.Column("late", sa.String(20), nullable=False),
        sa.Column("after_cut", sa.String(20), nullable=False),
        sa.Column("window_s", sa.Integer, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("editor_ids", JSON, nullable=False),
        sa.Column("approver_id", sa.String),
        sa.Column("return_reason", sa.String(500)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("submitted_at", MOMENT),
        sa.Column("approved_at", MOMENT),
        sa.Column("cancelled_at", MOMENT),
        sa.Column("planned_until", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["announcement_id"], ["announcement.id"], name=op.f("fk_broadcast_announcement_id")),
        sa.ForeignKeyConstraint(["approver_id"], ["app_user.id"], name=op.f("fk_broadcast_approver_id")),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_broadcast_author_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_broadcast_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcast")),
    )
    op.create_index(op.f("ix_broadcast_announcement_id"), "broadcast", ["announcement_id"])
    op.create_index(op.f("ix_broadcast_author_id"), "broadcast", ["author_id"])
    op.create_index(op.f("ix_broadcast_created_at"), "broadcast", ["created_at"])
    op.create_index(op.f("ix_broadcast_state"), "broadcast", ["state"])
    op.create_index(op.f("ix_broadcast_zone_id"), "broadcast", ["zone_id"])


def _broadcasttarget() -> None:
    op.create_table(
        "broadcasttarget",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("broadcast_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String),
        sa.Column("group_id", sa.String),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_broadcasttarget_broadcast_id")),
        sa.ForeignKeyConstraint(["group_id"], ["zone_group.id"], name=op.f("fk_broadcasttarget_group_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_broadcasttarget_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasttarget")),
    )
    op.create_index(op.f("ix_broadcasttarget_broadcast_id"), "broadcasttarget", ["broadcast_id"])
    op.create_index(op.f("ix_broadcasttarget_group_id"), "broadcasttarget", ["group_id"])
    op.create_index(op.f("ix_broadcasttarget_zone_id"), "broadcasttarget", ["zone_id"])


def _plannedairing() -> None:
    op.create_table(
        "plannedairing",
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("broadcast_id", sa.String, nullable=False),
        sa.Column("start_at", MOMENT, nullable=False),
        sa.Column("end_at", MOMENT, nullable=False),
        sa.Column("zone_ids", JSON, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_plannedairing_broadcast_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plannedairing")),
    )
    op.create_index(op.f("ix_plannedairing_broadcast_id"), "plannedairing", ["broadcast_id"])
    op.create_index(op.f("ix_plannedairing_end_at"), "plannedairing", ["end_at"])
    op.create_index(op.f("ix_plannedairing_start_at"), "plannedairing", ["start_at"])


def _fleet() -> None:
    _dirtytopic()
    _issueddocument()
    _receiver()
    _prepared_message()
    _enrolmentsecret()
    _play_report()
    _revokedcertificate()


def _dirtytopic() -> None:
    op.create_table(
        "dirtytopic",
        sa.Column("topic", sa.String(120), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_dirtytopic")),
    )


def _issueddocument() -> None:
    op.create_table(
        "issueddocument",
        sa.Column("topic", sa.String(120), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("jws", sa.String, nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("published_at", MOMENT),
        sa.Column("published_number", sa.BigInteger),
        sa.PrimaryKeyConstraint("topic", name=op.f("pk_issueddocument")),
    )
    op.create_index(op.f("ix_issueddocument_expires_at"), "issueddocument", ["expires_at"])


def _receiver() -> None:
    op.create_table(
        "receiver",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("code", sa.String(40)),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("horns", sa.Integer),
        sa.Column("watts", sa.Integer),
        sa.Column("volume_by_hour", JSON),
        sa.Column("languages", JSON),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("amplifier_lead_ms", sa.Integer, nullable=False),
        sa.Column("amplifier_tail_ms", sa.Integer, nullable=False),
        sa.Column("self_test_minute", sa.Integer),
        sa.Column("self_test_level_dbfs", sa.Float, nullable=False),
        sa.Column("self_test_asked_at", MOMENT),
        sa.Column("month_budget_mb", sa.Integer),
        sa.Column("certificate_serial", sa.String(48)),
        sa.Column("certificate_expires_at", MOMENT),
        sa.Column("enrolled_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("online", sa.Boolean, nullable=False),
        sa.Column("seen_at", MOMENT),
        sa.Column("state", JSON),
        sa.Column("ack_number", sa.BigInteger, nullable=False),
        sa.Column("heard_at", MOMENT),
        sa.Column("heard_dbfs", sa.Float),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_receiver_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receiver")),
    )
    op.create_index(op.f("ix_receiver_zone_id"), "receiver", ["zone_id"])


def _prepared_message() -> None:
    op.create_table(
        "prepared_message",
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("recording_id", sa.String, nullable=False),
        sa.Column("broadcast_class", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_prepared_message_receiver_id")),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_prepared_message_recording_id")),
        sa.PrimaryKeyConstraint("receiver_id", "name", name=op.f("pk_prepared_message")),
    )
    op.create_index(op.f("ix_prepared_message_recording_id"), "prepared_message", ["recording_id"])


def _enrolmentsecret() -> None:
    op.create_table(
        "enrolmentsecret",
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("created_by", sa.String(26), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.Column("certificate", sa.String),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_enrolmentsecret_receiver_id")),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_enrolmentsecret")),
    )
    op.create_index(op.f("ix_enrolmentsecret_receiver_id"), "enrolmentsecret", ["receiver_id"])


def _play_report() -> None:
    op.create_table(
        "play_report",
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("airing_id", sa.String(96), nullable=False),
        sa.Column("broadcast_id", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("planned_start_at", MOMENT, nullable=False),
        sa.Column("planned_duration_us", sa.BigInteger, nullable=False),
        sa.Column("start_at", MOMENT),
        sa.Column("start_error_us", sa.BigInteger),
        sa.Column("end_at", MOMENT),
        sa.Column("played_us", sa.BigInteger, nullable=False),
        sa.Column("gap_us", sa.BigInteger, nullable=False),
        sa.Column("underruns", sa.Integer, nullable=False),
        sa.Column("rms_dbfs", sa.Float),
        sa.Column("peak_dbfs", sa.Float),
        sa.Column("clipped_frames", sa.BigInteger, nullable=False),
        sa.Column("microphone", sa.String(20)),
        sa.Column("microphone_correlation", sa.Float),
        sa.Column("microphone_delay_us", sa.BigInteger),
        sa.Column("microphone_dbfs", sa.Float),
        sa.Column("media_sha256", sa.String(64)),
        sa.Column("media_ready_at", MOMENT),
        sa.Column("reason", sa.String(80), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_play_report_receiver_id")),
        sa.PrimaryKeyConstraint("receiver_id", "number", name=op.f("pk_play_report")),
    )
    op.create_index(op.f("ix_play_report_airing_id"), "play_report", ["airing_id"])
    op.create_index(op.f("ix_play_report_broadcast_id"), "play_report", ["broadcast_id"])
    op.create_index(op.f("ix_play_report_planned_start_at"), "play_report", ["planned_start_at"])


def _revokedcertificate() -> None:
    op.create_table(
        "revokedcertificate",
        sa.Column("serial", sa.String(48), nullable=False),
        sa.Column("receiver_id", sa.String, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["receiver_id"], ["receiver.id"], name=op.f("fk_revokedcertificate_receiver_id")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_revokedcertificate")),
    )
    op.create_index(op.f("ix_revokedcertificate_receiver_id"), "revokedcertificate", ["receiver_id"])
