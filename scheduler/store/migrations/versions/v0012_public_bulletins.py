"""Whether residents are shown what a daily bulletin says; of those that there are, they were."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bulletin", sa.Column("public", sa.Boolean, nullable=False, server_default=sa.true()))
