"""What an approver may write into a broadcast while approving it (pure).

Rules
- Another time only where it is one time: of what repeats, and of an emergency, only its author chooses the times.
- At the new time it must be heard whole and take nothing from others: whoever chooses it sees it alone.
- What was asked for stays to be read. The approver becomes none of its authors, since they change no word of it.
- The number of a paper is one line; it is found whatever its case and spaces.
"""

from broadcast.wire.documents import BroadcastClass
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import PreviewOut
from scheduler.clashes import EffectKind
from scheduler.errors import Conflict, Invalid

NOW = "now"
"""What stands for the time asked for, where it was as soon as possible."""
_PLACES_SAID = 3


def retime(row: Broadcast, starts_local: str) -> bool:
    """Have it play at another time; whether it is another one."""
    if starts_local == row.starts_local:
        return False
    if row.rrule is not None:
        message = "The times of what repeats are its author's. Return it and say what should be changed."
        raise Conflict("repeats", message, field="starts_local")
    if row.cls is BroadcastClass.EMERGENCY:
        raise Conflict("emergency_time", "An emergency is not put off. Return it instead.", field="starts_local")
    row.asked_local = NOW if row.immediate or row.starts_local is None else row.starts_local
    row.starts_local, row.immediate = starts_local, False
    return True


def check_free(found: PreviewOut) -> None:
    """Return if nothing is in the way at the new time, and it is in nobody's; else Invalid."""
    bad = [p for p in found.places if p.more or any(e.kind is not EffectKind.OTHERWISE for e in p.effects)]
    if bad:
        names = ", ".join([name for place in bad for name in place.zone_names][:_PLACES_SAID])
        message = "At that time something is in the way in %(places)s: another broadcast, quiet hours or a quota."
        raise Invalid("not_free", message, field="starts_local", places=names)


def file_under(row: Broadcast, document_no: str | None) -> None:
    """Keep the number of the signed paper with the approval."""
    row.document_no = one_line(document_no)
    row.document_key = document_key(row.document_no) if row.document_no else None


def one_line(document_no: str | None) -> str | None:
    """The number of a paper as it is kept; None where none was given."""
    return " ".join((document_no or "").split()) or None


def document_key(text: str) -> str:
    return "".join(text.lower().split())[:60]


def unapprove(row: Broadcast) -> None:
    """The approval is gone, with what was written along with it; the time stays as it is now."""
    row.approver_id = row.approved_at = row.approved_for = None
    row.document_no = row.document_key = row.asked_local = None


def give_back(row: Broadcast) -> None:
    """As `unapprove`; the time is the one that was asked for again."""
    if row.asked_local is not None:
        row.immediate = row.asked_local == NOW
        row.starts_local = None if row.immediate else row.asked_local
    unapprove(row)
