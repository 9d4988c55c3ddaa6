"""What 0003 makes so that pages stay quick with ten thousand receivers."""

from alembic import op


def upgrade() -> None:
    columns = ["zone_id", "revoked_at", "enrolled_at", "online", "seen_at", "faulty", "playing", "id"]
    op.create_index("ix_receiver_condition", "receiver", columns)
