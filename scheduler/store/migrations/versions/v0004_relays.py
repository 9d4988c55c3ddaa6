"""What relays that did not come are told by, and which of them residents read of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """What came before is told of as it was: nobody noted when, nor by which rule a village was left out."""
    op.add_column("relay", sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("relay_run", sa.Column("noted_at", MOMENT))
    op.add_column("relay_run", sa.Column("zone_ids", JSON, nullable=False, server_default="[]"))
    op.add_column("relay_run", sa.Column("silent", JSON, nullable=False, server_default="{}"))
    op.create_index(op.f("ix_relay_run_noted_at"), "relay_run", ["noted_at"])
    op.create_index(op.f("ix_relay_run_talk_id"), "relay_run", ["talk_id"])
    op.add_column("report_airing", sa.Column("reason", sa.String(40)))
    op.add_column("report_airing", sa.Column("silent", JSON, nullable=False, server_default="{}"))
