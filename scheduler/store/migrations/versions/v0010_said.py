"""What a planned airing says: its broadcast may say something else on another day."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of those that there are, what their broadcasts say now is all that is known."""
    op.add_column("plannedairing", sa.Column("announcement_id", sa.String(26)))
    op.execute(
        "UPDATE plannedairing SET announcement_id ="
        " (SELECT broadcast.announcement_id FROM broadcast WHERE broadcast.id = plannedairing.broadcast_id)"
    )
