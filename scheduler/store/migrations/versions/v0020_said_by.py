"""Which airings said an announcement is asked by the announcement."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE plannedairing SET announcement_id ="
        " (SELECT broadcast.announcement_id FROM broadcast WHERE broadcast.id = plannedairing.broadcast_id)"
        " WHERE announcement_id IS NULL"  # of demonstrations that were filled in since it is noted
    )
    op.create_index(op.f("ix_plannedairing_announcement_id"), "plannedairing", ["announcement_id"])
