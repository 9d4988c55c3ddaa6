"""Indexes for lists that ten thousand receivers and a year of acts made slow."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_play_report_latest", "play_report", ["planned_start_at", "receiver_id", "number"])
    op.drop_index("ix_play_report_planned_start_at", "play_report")
    op.create_index("ix_auditentry_said", "auditentry", ["action", "user_id", "zone_path", "number"])
