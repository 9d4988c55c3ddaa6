"""What each receiver says of the message bank, in an index: pages counted it out of all their states."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("receiver", sa.Column("bank_said", sa.String))
    _fill()
    op.create_index("ix_receiver_bank", "receiver", ["zone_id", "revoked_at", "enrolled_at", "bank_said", "id"])


def _fill() -> None:
    """As `scheduler.fleet.bank_said` had it when this was made."""
    table = sa.table("receiver", sa.column("id"), sa.column("state", JSON), sa.column("bank_said"))
    rows = [
        {"which": key, "said": _in_short(state)}
        for key, state in op.get_bind().execute(sa.select(table.c.id, table.c.state))
        if state and state.get("numbers")
    ]
    if rows:
        change = sa.update(table).where(table.c.id == sa.bindparam("which")).values(bank_said=sa.bindparam("said"))
        op.get_bind().execute(change, rows)


def _in_short(state: dict[str, Any]) -> str:
    numbers = [f"{topic}={n}" for topic, n in sorted(state["numbers"].items()) if topic.endswith("/bank")]
    faults = [one for one in state.get("faults") or () if one.get("code") == "bank_missing"]
    return "\n".join((" ".join(numbers[:8]), faults[0].get("detail", "") if faults else ""))
