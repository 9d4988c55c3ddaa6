"""Since when a fault holds and when it was told of last: one that came back was told to nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """What the look for faults had passed counts as told, when it began; where there was none yet, everything."""
    op.add_column("fault_record", sa.Column("held_since", MOMENT))
    op.add_column("fault_record", sa.Column("told_at", MOMENT))
    op.execute("UPDATE fault_record SET held_since = since")
    op.execute(
        "UPDATE fault_record SET told_at = since"
        " WHERE id < COALESCE((SELECT seen_id FROM notice_mark WHERE name = 'faults'), 'ZZZZ')"
    )
    op.drop_table("notice_mark")
