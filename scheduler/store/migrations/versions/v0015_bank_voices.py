"""Which voice reads a message of the bank; of those that there are nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bank_media", sa.Column("voice", sa.String(300), nullable=True))
