"""When what an announcement says was changed last; of changes from before, as the record tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_CHANGES = (
    "SELECT substr(subject, 14) AS id, max(at) AS at FROM auditentry WHERE action IN ('announcement.edit',"
    " 'announcement.put_together', 'announcement.record', 'announcement.rename', 'announcement.unrecord')"
    " GROUP BY subject"
)


def upgrade() -> None:
    op.add_column("announcement", sa.Column("changed_at", sa.DateTime(timezone=True)))
    connection = op.get_bind()
    found = [{"id": row.id, "at": row.at} for row in connection.execute(sa.text(_CHANGES))]
    if found:
        connection.execute(sa.text("UPDATE announcement SET changed_at = :at WHERE id = :id"), found)
