"""Whether whoever speaks live still may (reads the database).

Rules
- Who asked for a talk must have the right to speak in each of its places for as long as it lasts, with an account that
  is not locked.
- A microphone speaks by a sign-in or a token: where that was ended or has run out, the talk is over. To speak is to use
  it, so it does not become idle. A recording and a relay need nobody signed in.
- A relay that comes again speaks by its approval, as long as that holds.
"""

from datetime import datetime

from sqlmodel import Session

from scheduler.live import repository
from scheduler.live.models import LiveEnd, LiveTalk
from scheduler.people import repository as people
from scheduler.people import signin
from scheduler.relays.models import Relay
from scheduler.rights import Action, allowed
from scheduler.workflow import State

_RELAYED = (State.APPROVED, State.DONE)  # done: this is its last occurrence


def lost(db: Session, now: datetime, talk: LiveTalk, sign_in: str | None = None) -> LiveEnd | None:
    """Why the talk has to end; None where it may go on. `sign_in` is the SHA-256 that the microphone came with."""
    if talk.relay_id is not None:
        relay = db.get(Relay, talk.relay_id)
        return None if relay is not None and relay.state in _RELAYED else LiveEnd.STOPPED
    user = people.user(db, talk.speaker_id)
    if user is None or user.disabled:
        return LiveEnd.ACCOUNT_LOCKED
    if sign_in is not None and not signin.lasts(db, now, sign_in):
        return LiveEnd.SIGNED_OUT
    grants = signin.actor_of(db, user).grants
    zones = repository.zones_of(db, [talk.id])[talk.id]
    may = all(allowed(grants, Action.LIVE_SPEAK, zone.path, now) for zone in zones)
    return None if may else LiveEnd.ROLE_TAKEN
