"""What could not be produced is tried again, until it never can be: without it a place may have no siren (writes rows).

Rules
- After each failure the pause doubles, from FIRST_PAUSE up to LONGEST_PAUSE; a centre that starts does not wait for it.
- The words, or the file that somebody sent, may be what fails: then it stays failed until somebody changes it. A disk
  without room, a program that is missing or stood still may be well by then.
- What a newer revision has replaced, or receivers hold no more, is let be.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.produce.request import Refusal
from scheduler.announcements.models import RecordingState
from scheduler.bank import repository
from scheduler.bank.models import BankMedia, BankSource

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=6)
_MOST_DOUBLINGS = 10
_OF_WORDS = frozenset({Refusal.EMPTY_TEXT, Refusal.TEXT_TOO_LONG, Refusal.TOO_LONG})
_OF_FILES = frozenset(
    {Refusal.EMPTY_FILE, Refusal.NOT_AUDIO, Refusal.NO_AUDIO_STREAM, Refusal.TOO_LONG, Refusal.TOO_LARGE}
)
_FOR_GOOD = {BankSource.TONE: frozenset[Refusal](), BankSource.TEXT: _OF_WORDS, BankSource.RECORDING: _OF_FILES}


def may_succeed(media: BankMedia) -> bool:
    """Whether what failed could be produced another time as it is."""
    return media.error_code is not None and media.error_code not in _FOR_GOOD[media.source]


def queue(db: Session, now: datetime, *, at_once: bool) -> list[str]:
    """Have what failed produced again where its pause is over, or all of it; the entries that this is of."""
    found = repository.held(db)
    replaced = {held.entry.id for held, _since in repository.replaced(found)}
    queued: list[str] = []
    for held in found:
        for media in held.media if held.entry.id not in replaced else ():
            if media.state is RecordingState.FAILED and may_succeed(media) and (at_once or _is_due(media, now)):
                media.state, media.claimed_at = RecordingState.QUEUED, None
                db.add(media)
                queued.append(held.entry.id)
    return queued


def _is_due(media: BankMedia, now: datetime) -> bool:
    """Also where the clock was put back since, or an older version did not keep when it was."""
    if media.claimed_at is None or media.claimed_at > now:
        return True
    pause = FIRST_PAUSE * (1 << min(max(media.attempts - 1, 0), _MOST_DOUBLINGS))
    return media.claimed_at + min(pause, LONGEST_PAUSE) <= now
