"""As whose deputy a relay was approved, and by which signed paper."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("relay", sa.Column("approved_for", JSON))
    op.add_column("relay", sa.Column("document_no", sa.String(60)))
