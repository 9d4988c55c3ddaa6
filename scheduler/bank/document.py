"""The bank as the receivers of a root zone get it (reads)."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session

from broadcast.wire.documents import Media
from broadcast.wire.now import Bank, BankMessage
from scheduler.bank import naming, repository
from scheduler.fleet.documents import Draft
from scheduler.zones import repository as zones
from scheduler.zones import rules

MAX_MESSAGES = 128
LIFE_DAYS = 15
"""It is long and seldom changes, so it is made anew once a week; receivers go on with what they hold in any case."""


def bank(db: Session, zone_id: str, _now: datetime) -> Draft | None:
    """Everything that is produced and was not dropped; None below the roots, where nothing is kept.

    What was replaced and no order names comes last: where all was read anew at once, some of that has no room.
    """
    zone = zones.zone(db, zone_id)
    if zone is None or zone.parent_id is not None:
        return None
    messages = tuple(_messages(db))[:MAX_MESSAGES]
    document = Bank(target=zone_id, number=1, issued_us=0, expires_us=0, messages=messages)
    return Draft(document, rules.effective_rules(db, zone.path).timezone, life_days=LIFE_DAYS)


def _messages(db: Session) -> Iterator[BankMessage]:
    found = repository.held(db)
    spare = {held.entry.id for held, _since in repository.replaced(found)} - repository.named_by_orders(db)
    for held in sorted(found, key=lambda held: held.entry.id in spare):
        if held.ready:
            media = tuple(
                Media(
                    sha256=media.sha256 or "",
                    size_bytes=media.size_bytes or 0,
                    duration_us=media.duration_us or 0,
                    language=media.language,
                )
                for media in held.sounds
            )
            yield BankMessage(id=held.entry.id, purpose=naming.purpose_of(held.entry.name), media=media)
