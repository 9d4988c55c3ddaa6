"""What is in force or waits for a second person, as the banner on every page tells it (reads)."""

from datetime import datetime

from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.bank import service as bank
from scheduler.bank.naming import CORRECTIONS, drill_of
from scheduler.emergency import repository, service
from scheduler.emergency.life import State
from scheduler.people.actor import Actor
from scheduler.rights import Action
from web.pages import emergency_view as view
from web.pages.present import Present

SHOWN = 8


def alarms(db: Session, actor: Actor, now: datetime, show: Present) -> list[view.Alarm]:
    """Real ones first, then what waits, then drills and tests; nothing at all is the usual answer."""
    found = service.index(db, actor, now, states=(State.ASKED, State.ISSUED), limit=SHOWN).items
    orders = [order for order in found if view.in_force(order, now)]
    if not orders:
        return []
    offered = {purpose: corrections(db, show.language, purpose) for purpose in {order.purpose for order in orders}}
    silences = bool(actor.zones_for(Action.BROADCAST_STOP, now))
    live = [order.id for order in orders if any(part.kind == "live" for part in order.parts)]
    spoken = repository.spoken_now(db, live) if live else set[str]()
    told = [
        view.alarm(show, order, actor.user_id, offered[order.purpose], silences=silences, spoken=order.id in spoken)
        for order in orders
    ]
    return sorted(told, key=lambda one: ("real", "asked", "drill", "test").index(one.look))


def corrections(db: Session, language: str, purpose: Purpose) -> list[view.Correction]:
    """What says that it was a false alarm, or that it is over; of a drill, the same as a drill."""
    if purpose is Purpose.TEST:
        return []
    names = CORRECTIONS if purpose is Purpose.REAL else tuple(drill_of(name) or name for name in CORRECTIONS)
    return view.corrections([bank.newest(db, name) for name in names], language)
