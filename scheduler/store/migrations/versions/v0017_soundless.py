"""Whether an airing had any sound before it was over."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plannedairing", sa.Column("has_sound", sa.Boolean(), nullable=False, server_default=sa.true()))
