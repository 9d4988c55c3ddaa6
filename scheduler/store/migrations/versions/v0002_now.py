"""The message bank, emergencies and drills, live sessions, and what receivers tell of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _bank()
    _emergency()
    _live()
    _reports()


def _bank() -> None:
    pass


def _emergency() -> None:
    pass


def _live() -> None:
    pass


def _reports() -> None:
    op.add_column("play_report", sa.Column("chunks", sa.BigInteger))
    op.add_column("play_report", sa.Column("late_chunks", sa.BigInteger))
    op.add_column("play_report", sa.Column("concealed_us", sa.BigInteger))
