"""The closed days of a unit, in an index: reports asked for those of all units."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_report_day_closed",
        "report_day",
        ["unit_id", "day"],
        sqlite_where=sa.text("closed IS 1"),
        postgresql_where=sa.text("closed IS TRUE"),
    )
