"""What 0003 makes for programmes and the library."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from scheduler.announcements import finding  # as it was when words were first kept

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("announcement", sa.Column("category", sa.String(20)))
    op.add_column("announcement", sa.Column("tags", JSON, nullable=False, server_default="[]"))
    op.add_column("announcement", sa.Column("words", sa.String))
    op.add_column("recording", sa.Column("words", sa.String))
    _words()
    op.create_table(
        "recording_part",
        sa.Column("recording_id", sa.String, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("part_id", sa.String(26), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recording.id"], name=op.f("fk_recording_part_recording_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_id", "place", name=op.f("pk_recording_part")),
    )
    op.create_index(op.f("ix_recording_part_part_id"), "recording_part", ["part_id"])
    _bulletin()
    _edition()
    _relay()


def _words() -> None:
    """What was there before is found too."""
    db = op.get_bind()
    for name, said in (("announcement", "title"), ("recording", "text")):
        rows = sa.table(name, *(sa.column(column, sa.String) for column in ("id", said, "words")))
        put = sa.update(rows).where(rows.c.id == sa.bindparam("of")).values(words=sa.bindparam("made"))
        last = ""
        query = sa.select(rows.c.id, rows.c[said]).order_by(rows.c.id).limit(500)
        while found := db.execute(query.where(rows.c.id > last)).all():
            made = [{"of": row_id, "made": finding.words_of(text)} for row_id, text in found if text]
            if made:
                db.execute(put, made)
            last = found[-1].id


def _targets(of: str) -> None:
    """Zones and groups of `of`."""
    name = f"{of}_target"
    op.create_table(
        name,
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column(f"{of}_id", sa.String, nullable=False),
        sa.Column("zone_id", sa.String),
        sa.Column("group_id", sa.String),
        sa.ForeignKeyConstraint([f"{of}_id"], [f"{of}.id"], name=op.f(f"fk_{name}_{of}_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f(f"fk_{name}_zone_id")),
        sa.ForeignKeyConstraint(["group_id"], ["zone_group.id"], name=op.f(f"fk_{name}_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    for column in (f"{of}_id", "zone_id", "group_id"):
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])


def _bulletin() -> None:
    op.create_table(
        "bulletin",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        *(sa.Column(name, JSON, nullable=False) for name in ("slots", "times", "weekdays")),
        sa.Column("skip_holidays", sa.Boolean, nullable=False),
        sa.Column("cls", sa.String(20), nullable=False),
        *(sa.Column(name, sa.String(20)) for name in ("opening", "between", "closing")),
        sa.Column("pause_ms", sa.Integer, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_bulletin_zone_id")),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_bulletin_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletin")),
    )
    op.create_index(op.f("ix_bulletin_zone_id"), "bulletin", ["zone_id"])
    _targets("bulletin")


def _edition() -> None:
    op.create_table(
        "bulletin_edition",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("bulletin_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("at", sa.String(5), nullable=False),
        sa.Column("filled", JSON, nullable=False),
        sa.Column("sent", JSON),
        sa.Column("announcement_id", sa.String),
        sa.Column("broadcast_id", sa.String),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["bulletin_id"], ["bulletin.id"], name=op.f("fk_bulletin_edition_bulletin_id")),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name=op.f("fk_bulletin_edition_announcement_id")
        ),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_bulletin_edition_broadcast_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletin_edition")),
        sa.UniqueConstraint("bulletin_id", "day", "at", name=op.f("uq_bulletin_edition_bulletin_id_day_at")),
    )
    for name in ("bulletin_id", "day", "broadcast_id"):
        op.create_index(op.f(f"ix_bulletin_edition_{name}"), "bulletin_edition", [name])


def _relay() -> None:
    op.add_column("live_talk", sa.Column("relay_id", sa.String(26)))
    op.create_index(op.f("ix_live_talk_relay_id"), "live_talk", ["relay_id"])
    op.create_table(
        "relay",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("zone_id", sa.String, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("source_url", sa.String(500), nullable=False),
        sa.Column("fallback_id", sa.String),
        sa.Column("cls", sa.String(20), nullable=False),
        sa.Column("limit_s", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("starts_local", sa.String(19), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("rrule", sa.String(500), nullable=False),
        sa.Column("until_local", sa.String(19), nullable=False),
        sa.Column("exdates", JSON, nullable=False),
        sa.Column("skip_holidays", sa.Boolean, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("editor_ids", JSON, nullable=False),
        sa.Column("approver_id", sa.String),
        sa.Column("return_reason", sa.String(500)),
        sa.Column("created_at", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT) for name in ("submitted_at", "approved_at", "paused_at", "next_at")),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_relay_zone_id")),
        sa.ForeignKeyConstraint(["fallback_id"], ["announcement.id"], name=op.f("fk_relay_fallback_id")),
        sa.ForeignKeyConstraint(["author_id"], ["app_user.id"], name=op.f("fk_relay_author_id")),
        sa.ForeignKeyConstraint(["approver_id"], ["app_user.id"], name=op.f("fk_relay_approver_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay")),
    )
    for name in ("zone_id", "fallback_id", "state", "author_id", "created_at", "next_at"):
        op.create_index(op.f(f"ix_relay_{name}"), "relay", [name])
    _targets("relay")
    op.create_table(
        "relay_run",
        sa.Column("relay_id", sa.String, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("talk_id", sa.String(26)),
        sa.Column("trouble", sa.String(40)),
        sa.Column("left_out", JSON, nullable=False),
        sa.ForeignKeyConstraint(["relay_id"], ["relay.id"], name=op.f("fk_relay_run_relay_id")),
        sa.PrimaryKeyConstraint("relay_id", "due_at", name=op.f("pk_relay_run")),
    )
