"""What announcements are found by, once more: with each tone mark where it is looked for since."""

import sqlalchemy as sa
from alembic import op

from scheduler.tone_marks import settled  # as it was when this was made

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    db = op.get_bind()
    for name in ("announcement", "recording"):
        rows = sa.table(name, sa.column("id", sa.String), sa.column("words", sa.String))
        put = sa.update(rows).where(rows.c.id == sa.bindparam("of")).values(words=sa.bindparam("made"))
        last = ""
        query = sa.select(rows.c.id, rows.c.words).order_by(rows.c.id).limit(500)
        while found := db.execute(query.where(rows.c.id > last)).all():
            changed = [{"of": key, "made": settled(words)} for key, words in found if words and settled(words) != words]
            if changed:
                db.execute(put, changed)
            last = found[-1].id
