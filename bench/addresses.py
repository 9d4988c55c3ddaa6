"""Every page and every API list of the centre, with ids that are in a database (reads it)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from string import Formatter
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from msgspec import Struct
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, SQLModel, col, select

from broadcast.clock import SystemClock
from scheduler.announcements.models import Announcement
from scheduler.bank.models import BankEntry
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.bulletins.models import Bulletin
from scheduler.emergency.models import EmergencyOrder
from scheduler.emergency.rehearsal.models import RehearsalRun
from scheduler.fleet.models import Receiver
from scheduler.live.models import LiveTalk
from scheduler.people.models import User
from scheduler.relays.models import Relay
from scheduler.residents.models import Feedback
from scheduler.workflow import State
from scheduler.zones.models import Group, Zone, ZoneKind
from web.app import ROUTERS
from web.demo.year.crew import DISPATCHER, HELPER, KEEPER, LEADER
from web.pages.router import router as pages

CLOCK = SystemClock()

LEFT_OUT = frozenset(
    {
        "/events",  # never ends
        "/media/{sha256}",  # files, here and below
        "/api/v1/recordings/{recording_id}/audio",
        "/api/v1/recordings/{recording_id}/audio.mp3",
        "/api/v1/recordings/{recording_id}/original",
        "/api/v1/bank/{bank_id}/audio",
        "/api/v1/bank/{bank_id}/audio.mp3",
        "/api/v1/receivers/{receiver_id}/photo",
        "/receivers/{receiver_id}/photo",
        "/nghe/{key}/{notice_id}/{language}.mp3",
        "/nghe/{key}/{notice_id}/{language}.ogg",
        "/account/first-password",  # sends away whoever has chosen one
        "/practice/again",  # only where one practises
        "/relays/listen",  # some seconds of another station
        "/tests",  # there is no desk for tests: each is asked for with a rehearsal
        "/tests/held",
        "/tests/{order_id}",
    }
)
WHOLE = frozenset({"/audit/loa-audit.csv", "/audit/loa-audit.jsonl", "/api/v1/audit.jsonl", "/reports/heard.csv"})
"""Taken away as a file, sent as it is read: no pages, their first piece is what is waited for."""
READERS = (DISPATCHER, KEEPER, LEADER, f"{HELPER}1x1", "")
_BY_OTHERS = {
    KEEPER: (
        "/people",
        "/api/v1/users",
        "/api/v1/grants",
        "/api/v1/invitations",
        "/zones/{zone_id}/end",
        "/zones/{zone_id}/new",
        "/receivers/new",
        "/groups/new",
        "/notices/log",
        "/api/v1/notices",
        "/api/v1/webhooks",
        "/retention/new",
    ),
    LEADER: ("/inbox", "/api/v1/inbox", "/deputies"),
    READERS[3]: ("/village",),
    "": ("/sign-in", "/join", "/nghe"),
}
"""Who asks for what begins so; for everything else, who sees most."""


class Address(Struct, frozen=True):
    """`route` as the application has it, `path` with its ids and what must be asked with it, `reader` a login."""

    route: str
    path: str
    reader: str


def routes() -> list[str]:
    """The path of every GET route."""
    return sorted({path for router in (*ROUTERS, pages) for path in _walk(router)})


def addresses(db: Session, now: datetime) -> list[Address]:
    """Each route once, but for what is left out. Raises LookupError where the database has nothing for one."""
    ids = _ids(db, now)
    asked = _asked(ids)
    shown = [route for route in routes() if route not in LEFT_OUT and not unknown(route, ids)]
    return [Address(route, _filled(route, ids) + asked.get(route, ""), _reader(route)) for route in shown]


def unknown(route: str, ids: Mapping[str, str]) -> set[str]:
    """Parameters of a route for which there is no id here: it is left out until somebody names one."""
    return {name for _text, name, _spec, _conversion in Formatter().parse(route) if name} - ids.keys()


def _walk(router: APIRouter, prefix: str = "") -> Iterator[str]:
    for route in router.routes:
        inner: Any = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        elif isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            yield prefix + route.path


def _reader(route: str) -> str:
    return next((login for login, starts in _BY_OTHERS.items() if route.startswith(starts)), DISPATCHER)


def _filled(route: str, ids: Mapping[str, str]) -> str:
    own = {key.partition(" ")[2]: value for key, value in ids.items() if route.startswith(key.partition(" ")[0] + "/")}
    return route.format_map({**ids, **own})


def _asked(ids: Mapping[str, str]) -> dict[str, str]:
    day, zone, month = ids["day"], ids["zone_id"], "length=month"
    return {
        "/api/v1/grants": f"?user_id={ids['user_id']}",
        "/api/v1/plan-heard": f"?day={day}&{month}",
        "/api/v1/summaries": f"?day={day}&{month}",
        "/api/v1/holidays": f"?zone_id={zone}&year={day[:4]}",
        "/api/v1/live/advice": f"?zone_id={zone}",
        "/api/v1/library": "?q=tra",
        "/reports": f"?{month}",
        "/reports/stations": f"?{month}",
        "/reports/stations.{kind}": f"?{month}",
        "/reports/heard.csv": f"?{month}",
        "/live/advice": f"?zone_ids={zone}",
        "/zones/{zone_id}/day": f"?date={day}",
        "/zones/{zone_id}/day.txt": f"?date={day}",
        "/places": f"?of=zone.read&zone={zone}",
        "/places/options": "?of=zone.read",
        "/broadcasts/{broadcast_id}/move/preview": f"?date={ids['later']}&time=10:00",
    }


def _ids(db: Session, now: datetime) -> dict[str, str]:
    """By parameter; `PREFIX name` is what it is under that prefix."""
    yesterday = (now - timedelta(days=1)).date().isoformat()
    village = _one(db, Zone, col(Zone.kind) == ZoneKind.VILLAGE, col(Zone.id).in_(select(Receiver.zone_id)))
    heard = db.exec(
        select(PlannedAiring.publication_id, PlannedAiring.zone_ids)
        .where(col(PlannedAiring.publication_id).is_not(None), col(PlannedAiring.start_at) < now)
        .order_by(col(PlannedAiring.start_at).desc())
    ).first()
    if heard is None:
        raise LookupError("nothing public was aired")
    return {
        "zone_id": village,
        "receiver_id": _one(db, Receiver, col(Receiver.zone_id) == village),
        "announcement_id": _one(db, Announcement),
        "broadcast_id": _one(db, Broadcast, col(Broadcast.state) == State.APPROVED, col(Broadcast.rrule).is_(None)),
        "bulletin_id": _one(db, Bulletin),
        "day": yesterday,
        "later": (now + timedelta(days=3)).date().isoformat(),
        "at": "05:00",
        "order_id": _one(db, EmergencyOrder, col(EmergencyOrder.purpose) == "drill"),
        "/emergency order_id": _one(db, EmergencyOrder, col(EmergencyOrder.purpose) == "real"),
        "/api/v1/emergencies order_id": _one(db, EmergencyOrder, col(EmergencyOrder.purpose) == "real"),
        "talk_id": _one(db, LiveTalk),
        "bank_id": _one(db, BankEntry, col(BankEntry.name) == "storm"),
        "name": "storm",
        "group_id": _one(db, Group),
        "user_id": db.exec(select(User.id).where(User.login == LEADER)).one(),
        "run_id": _one(db, RehearsalRun),
        "relay_id": _one(db, Relay),
        "feedback_id": _one(db, Feedback),
        "key": heard[1][0],
        "notice_id": str(heard[0]),
        "kind": "xlsx",
    }


def _one(db: Session, model: type[SQLModel], *conditions: ColumnElement[bool]) -> str:
    key: Any = model.__table__.c.id  # type: ignore[attr-defined]
    found = db.exec(select(func.max(key)).where(*conditions)).one()
    if found is None:
        raise LookupError(f"no {model.__name__} for these addresses")
    return str(found)
