"""What a village's receivers said of a day, in an index: boards read all they ever said, or all of that day."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_play_report_day", "play_report", ["receiver_id", "planned_start_at"])
