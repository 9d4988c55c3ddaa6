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
