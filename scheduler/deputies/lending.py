"""What a deputy gets of another's role (pure).

Rules
- Where the principal has the role: the smaller of the two subtrees, none where they do not meet.
- As long as both hold: until the end of the deputyship or of the role, whichever comes first.
"""

from datetime import datetime

from scheduler.rights import Grant, Role


def lent(principal_id: str, *, path: str, until: datetime, role_path: str, role_until: datetime | None) -> Grant | None:
    """The grant that a deputy in the zone with `path` holds by a role in the one with `role_path`."""
    longer, shorter = (path, role_path) if len(path) >= len(role_path) else (role_path, path)
    if not longer.startswith(shorter):
        return None
    end = until if role_until is None else min(until, role_until)
    return Grant(Role.APPROVER, longer.rstrip("/").rpartition("/")[2], end, on_behalf_of=principal_id)
