"""Recovery codes: ten of them stand, once each, for the telephone that makes the codes of the second factor.

They are shown once, when they are made, and kept hashed; new ones put an end to the old. A wrong one counts like a
wrong code of the telephone.
"""

from sqlmodel import Session

from scheduler.people import passwords, repository
from scheduler.people.models import RecoveryCode
from scheduler.people.signin import recovery_digest

CODES = 10


def make(db: Session, user_id: str) -> list[str]:
    """Ten codes in place of those that there are."""
    repository.end_recovery_codes(db, user_id)
    codes = [passwords.one_time() for _ in range(CODES)]
    db.add_all(RecoveryCode(user_id=user_id, sha256=recovery_digest(code)) for code in codes)
    return codes
