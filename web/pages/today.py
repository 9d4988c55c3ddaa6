"""Today: what plays where, and how far it is: fetched, ready, on the air, heard."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Response
from msgspec import Struct

from scheduler.approval import inbox
from scheduler.broadcasts import board
from scheduler.broadcasts.schemas import BoardAiring, BoardVillage
from scheduler.fleet import outbox
from scheduler.relays import service as relays
from scheduler.relays.timing import PREFIX
from scheduler.rights import Action
from web.auth import ReadDb
from web.i18n import N_
from web.pages import telling, words
from web.pages.board_area import ZoneId, area_of, villages_of
from web.pages.frame import Page, ThePage

VILLAGES_SHOWN = 100
_SAID_ONE_BY_ONE = 3
_TOLD_OF_TROUBLE = (Action.SETTINGS_EDIT, Action.RECEIVER_EDIT, Action.EMERGENCY_ISSUE)
_SUMMARIES = {
    "fetching": N_("%(count)s/%(total)s loudspeakers have it"),
    "ready": N_("%(count)s/%(total)s loudspeakers have it"),
    "on_air": N_("%(count)s/%(total)s loudspeakers playing"),
    "heard": N_("heard on %(count)s/%(total)s loudspeakers"),
    "part": N_("heard on %(count)s/%(total)s loudspeakers"),
    "not_heard": N_("heard on %(count)s/%(total)s loudspeakers"),
    "waiting_report": N_("heard on %(count)s/%(total)s loudspeakers so far"),
}

router = APIRouter(include_in_schema=False)


class Village(Struct, frozen=True):
    name: str
    state: str
    detail: str


class AiringCard(Struct, frozen=True, kw_only=True):
    """One airing with all its villages; `state` is that of the whole."""

    id: str
    broadcast_id: str
    href: str
    title: str
    cls: str
    start_at: Any
    end_at: Any
    duration_us: int
    state: str
    summary: str
    places: str
    villages: list[Village]
    may_stop: bool


class Group(Struct, frozen=True):
    title: str
    airings: list[AiringCard]


@router.get("/")
def today(db: ReadDb, page: ThePage, day: date | None = None, zone: ZoneId = "") -> Response:
    """All that the reader sees, or one place where that would be too much."""
    area = area_of(db, page, zone) if zone or len(villages_of(db, page)) > VILLAGES_SHOWN else None
    shown = board.board(db, page.actor, page.now, day, zone_id=area.zone_id or None if area else None)
    cards = airing_cards(page, shown.villages)
    waiting = 0
    if page.can(Action.BROADCAST_APPROVE):
        waiting = inbox.count(db, page.actor, page.now) + relays.waiting_count(db, page.actor, page.now)
    return page.render(
        "today.html",
        day=shown.day,
        area=area,
        before=shown.day - timedelta(days=1),
        after=shown.day + timedelta(days=1),
        groups=_groups(page, cards),
        spoken=_spoken(page, cards),
        waiting=waiting,
        troubles=len(outbox.troubles(db)) if any(map(page.can, _TOLD_OF_TROUBLE)) else 0,
        may_approve=page.can(Action.BROADCAST_APPROVE),
        may_compose=page.can(Action.BROADCAST_EDIT),
    )


def airing_cards(page: Page, villages: Sequence[BoardVillage], broadcast_id: str | None = None) -> list[AiringCard]:
    """The board turned round: by airing, with the villages of each; of one broadcast if that is given."""
    by_airing: dict[str, list[tuple[BoardVillage, BoardAiring]]] = {}
    for village in villages:
        for airing in village.airings:
            if broadcast_id in (None, airing.broadcast_id):
                by_airing.setdefault(airing.airing_id, []).append((village, airing))
    cards = [_card(page, pairs) for pairs in by_airing.values()]
    return sorted(cards, key=lambda card: (card.start_at, card.id))


def _card(page: Page, pairs: list[tuple[BoardVillage, BoardAiring]]) -> AiringCard:
    airings = [airing for _village, airing in pairs]
    first = min(airings, key=lambda airing: airing.start)
    state = whole_state([village_state(airing) for airing in airings])
    playing = [airing for airing in airings if airing.state != "not_played"]
    start, end = min(a.start for a in playing or airings), max(a.end for a in playing or airings)
    return AiringCard(
        id=first.airing_id,
        broadcast_id=first.broadcast_id,
        href=telling.page_of(first.broadcast_id),
        title=first.title,
        cls=first.cls.value,
        start_at=start,
        end_at=end,
        duration_us=round((first.end - first.start).total_seconds() * 1_000_000),
        state=state,
        summary=_summary(page, state, sum(a.count for a in airings), sum(a.total for a in airings)),
        places=_places(page, [village for village, _airing in pairs]),
        villages=[_village(page, village, airing) for village, airing in pairs],
        may_stop=state == "on_air" and not first.broadcast_id.startswith(PREFIX) and page.can(Action.BROADCAST_STOP),
    )


def whole_state(states: Sequence[str]) -> str:
    """The state of an airing in all its villages: what is still going on first, and heard only if heard everywhere."""
    counts = Counter(states)
    for going_on in ("on_air", "no_sound", "fetching", "waiting_report"):
        if counts[going_on]:
            return going_on
    if counts["heard"] or counts["part"]:
        return "heard" if counts["heard"] == len(states) else "part"
    for state in ("ready", "planned", "stopped", "not_kept", "not_heard"):
        if counts[state]:
            return state
    return "not_played"


def village_state(airing: BoardAiring) -> str:
    """The board's word for it, but heard only where every receiver of the village heard it."""
    return "part" if airing.state == "heard" and airing.count < airing.total else airing.state


def _village(page: Page, village: BoardVillage, airing: BoardAiring) -> Village:
    detail = f"{airing.count}/{airing.total}" if airing.state != "not_kept" else ""
    if airing.state == "not_played":
        reason = words.NOT_PLAYED.get(airing.reason.value) if airing.reason else None
        detail = page.say(reason) if reason else ""
    return Village(village.zone_name, village_state(airing), detail)


def _summary(page: Page, state: str, count: int, total: int) -> str:
    message = _SUMMARIES.get(state)
    return page.say(message, count=count, total=total) if message else ""


def _places(page: Page, villages: Sequence[BoardVillage]) -> str:
    """`Thôn 1, Thôn 2 (Xã Trà Leng)`, or how many places of which communes."""
    parents = list(dict.fromkeys(village.parent_name for village in villages if village.parent_name))
    inside = f" ({', '.join(parents[:2])}{'…' if len(parents) > 2 else ''})" if parents else ""  # noqa: PLR2004
    if len(villages) <= _SAID_ONE_BY_ONE:
        return ", ".join(village.zone_name for village in villages) + inside
    return page.count("%(num)s place", "%(num)s places", len(villages)) + inside


def _groups(page: Page, cards: Sequence[AiringCard]) -> list[Group]:
    on_air = [card for card in cards if card.state == "on_air"]
    coming = [card for card in cards if card not in on_air and card.start_at > page.now]
    over = [card for card in cards if card not in on_air and card.start_at <= page.now]
    parts = ((N_("On air now"), on_air), (N_("To come"), coming), (N_("Over"), over))
    return [Group(page.say(title), found) for title, found in parts if found]


def _spoken(page: Page, cards: Sequence[AiringCard]) -> str:
    """What a screen reader says when the board changes: the title and state of what is near."""
    near = [card for card in cards if abs(card.start_at - page.now) < timedelta(minutes=30)]
    return ". ".join(f"{card.title}: {page.say(words.look(words.AIRING, card.state).word)}" for card in near)
