"""The sound that a live talk plays, as it was when it was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("live_talk", sa.Column("sha256", sa.String(64)))
    op.execute(
        "UPDATE live_talk SET sha256 = (SELECT sha256 FROM recording WHERE id = live_talk.recording_id) "
        "WHERE state <> 'ended'"
    )
