"""Of which faults people and programs were told and not yet that they are over: these were broken for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is over already is not told any more."""
    op.add_column("fault_record", sa.Column("told_open", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE fault_record SET told_open = TRUE WHERE told_at IS NOT NULL AND until IS NULL")
    op.create_index(
        "ix_fault_record_told_open",
        "fault_record",
        ["until"],
        sqlite_where=sa.text("told_open IS 1"),
        postgresql_where=sa.text("told_open IS TRUE"),
    )
