"""A rehearsal of the coming days in the words of the page: what it comes to, then place by place."""

from msgspec import Struct
from sqlmodel import Session

from scheduler.broadcasts import rehearsing
from scheduler.broadcasts.rehearsal_schemas import LateOut, RehearsalOut
from scheduler.broadcasts.schemas import BroadcastIn, Repeat
from web.i18n import N_
from web.pages import clashing
from web.pages.clashing import Warned
from web.pages.frame import Page
from web.pages.present import Present

WIDE = 5
"""From so many loudspeakers on a single broadcast is rehearsed as well."""


class Rehearsed(Struct, frozen=True):
    said: str
    good: bool
    places: list[Warned]


def rehearsed(
    db: Session, page: Page, show: Present, draft: BroadcastIn, *, receivers: int, broadcast_id: str | None
) -> Rehearsed | None:
    """None for what is neither repeated nor wide."""
    if not isinstance(draft.when, Repeat) and receivers < WIDE:
        return None
    found = rehearsing.rehearsal(db, page.actor, page.now, draft, broadcast_id=broadcast_id)
    return told(page, show, found) if found.villages else None


def told(page: Page, show: Present, found: RehearsalOut) -> Rehearsed:
    places = clashing.places(show, found.places)
    if found.late:
        lines = tuple(_late(page, show, late) for late in found.late)
        if found.more_late:
            lines += (page.count("and %(num)s more", "and %(num)s more", found.more_late),)
        speed = page.say(N_("A link is taken to carry %(speed)s kbit/s."), speed=found.bytes_per_s * 8 // 1000)
        places.append(Warned(page.say(N_("Too much for the link")), speed, lines))
    span = page.say(N_("From %(first)s to %(last)s:"), first=show.day(found.first), last=show.day(found.last))
    times = page.count("%(num)s time", "%(num)s times", found.times)
    villages = page.count("in %(num)s village", "in %(num)s villages", found.villages)
    said = f"{span} {times}, {villages}. "
    if not places:
        said += page.say(N_("All of it sounds whole, and nothing that is planned changes."))
    elif found.unchanged:
        said += page.say(N_("In %(count)s of them nothing is in the way."), count=found.unchanged)
    if found.left_out:
        said += " " + page.say(N_("%(count)s villages were not tried."), count=found.left_out)
    return Rehearsed(said.strip(), not places, places)


def _late(page: Page, show: Present, late: LateOut) -> str:
    message = N_("%(place)s, %(receiver)s: “%(title)s” plays %(start)s, but is there only at %(there)s.")
    return page.say(
        message,
        place=late.zone_name,
        receiver=late.receiver_name,
        title=late.title,
        start=show.moment(late.start),
        there=show.moment(late.there),
    )
