"""What a new broadcast's page says of what is chosen so far: in words, and what would happen."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import service as announcements
from scheduler.announcements.schemas import AnnouncementOut
from scheduler.broadcasts import service
from scheduler.broadcasts.schemas import At, BroadcastOut, Now, PreviewOut, Repeat
from scheduler.library.using import used
from scheduler.zones import repository as zone_sql
from scheduler.zones.forest import zones_by_id
from scheduler.zones.rules import effective
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import with_counts
from web.i18n import N_
from web.pages import clashing, places, rehearsed, telling
from web.pages.broadcasts import PLAN, SEND, needs_approval
from web.pages.compose_area import Area, deduplicated
from web.pages.compose_form import (
    ComposeForm,
    asked_when,
    broadcast_in,
)
from web.pages.frame import Page
from web.pages.present import Present
from web.pages.slots import next_slots
from web.pages.sounds import longest_us, sound, state_of
from web.pages.voices import voice_names

EXISTING_SHOWN = 60
SETS_FROM = 30
SETS_SHOWN = 3
SLOTS_SHOWN = 2
SLOTS_TRIED = 4
TIMES_SHOWN = 3


def told(db: Session, page: Page, area: Area, form: ComposeForm, made: AnnouncementOut | None) -> dict[str, str]:
    """What is chosen as the page opens, in sentences; without another choice it is heard at the next usual time."""
    show = page.show.within(area.timezone)
    zones, groups = area.chosen(form)
    asked, _missing_fields = asked_when(form, show.today)
    said = {"what": what(page, made)} if made is not None else {}
    said |= {"where": where(db, page, area, zones, groups)} if zones or groups else {}
    return said | ({"when": telling.when(show, asked).text} if asked is not None else {})


def slots(db: Session, page: Page, area: Area) -> list[dict[str, str]]:
    """The next usual times, or the first free one soon after; where none is, what is in the way is told once asked."""
    show = page.show.within(area.timezone)
    usual = next_slots(page.now, effective(db, area.home.path).rules, SLOTS_TRIED)
    free = service.free_starts(db, page.actor, page.now, area.home.id, usual)
    found = [show.local(start) for start in free or usual][:SLOTS_SHOWN]
    return [
        {
            "value": f"slot:{slot.replace(tzinfo=None).isoformat(timespec='minutes')}",
            "title": show.moment(slot),
            "text": show.from_now(slot),
        }
        for slot in found
    ]


def existing(db: Session, page: Page, made: AnnouncementOut | None) -> list[dict[str, Any]]:
    found = announcements.index(db, page.actor, page.now, limit=EXISTING_SHOWN).items
    if made is not None and made.id not in {item.id for item in found}:
        found = [made, *found]
    has_use = used(db, [a.id for a in found], page.now)
    return [
        {
            "id": a.id,
            "title": a.title,
            "duration_us": longest_us(a.recordings),
            "created_at": a.created_at,
            "tried": a.id not in has_use,
        }
        for a in found
        if state_of(a) != "failed"
    ]


def sets(db: Session, page: Page) -> list[dict[str, str]]:
    """The sets of places that the reader used last."""
    found: dict[str, str] = {}
    for item in service.index(db, page.actor, page.now, limit=SETS_FROM).items:
        if item.author_id != page.actor.user_id or any(target.ended for target in item.targets):
            continue
        parts = sorted(f"group:{t.group_id}" if t.group_id else f"zone:{t.zone_id}" for t in item.targets)
        found.setdefault(" ".join(parts), telling.targets(page.show, item.targets, item.zone_name))
    return [{"targets": targets, "label": label} for targets, label in list(found.items())[:SETS_SHOWN]]


def made_sound(page: Page, made: AnnouncementOut) -> dict[str, Any]:
    names = voice_names(page)
    return {"announcement_id": made.id, "recordings": [sound(recording, names) for recording in made.recordings]}


def what(page: Page, made: AnnouncementOut) -> str:
    length = longest_us(made.recordings)
    return f"“{made.title}” ({page.show.duration(length)})" if length else f"“{made.title}”"


def where(db: Session, page: Page, area: Area, zones: Sequence[ZoneView], groups: Sequence[GroupView]) -> str:
    found = places.summed(page.show, zones, groups, with_counts(db, places.reached(zones, groups, area.zones)))
    horns = page.count("%(num)s loudspeaker", "%(num)s loudspeakers", found.receivers)
    return f"{found.places}, {horns}"


def plan(
    db: Session, page: Page, area: Area, form: ComposeForm, *, asked: Now | At | Repeat, edited: BroadcastOut | None
) -> dict[str, Any]:
    """What would happen: the sentence, what clashes with the ways out of it, and what sending does.

    `met` is what is in the way at the time that was chosen, where another way is ticked.
    """
    show = page.show.within(area.timezone)
    form = deduplicated(area, form)
    plain = ComposeForm(**{name: getattr(form, name) for name in form.__struct_fields__} | {"clash": ""})
    actor, now, sender = page.actor, page.now, area.home.id
    broadcast_id = edited.id if edited else None
    before = broadcast_in(plain, sender, asked, edited)
    found = service.preview(db, actor, now, before, broadcast_id=broadcast_id)
    form.clash = clashing.picked(found, form.clash, timed=not isinstance(asked, Now))
    draft = broadcast_in(form, sender, asked, edited)
    changed = draft != before
    shown = service.preview(db, actor, now, draft, broadcast_id=broadcast_id) if changed else found
    zones, groups = area.chosen(form)
    reached = places.reached(zones, groups, area.zones)
    aimed = places.summed(show, zones, groups, with_counts(db, reached))
    off = () if isinstance(asked, Repeat) else shown.days_off
    aimed_at = {"times": len(shown.occurrences), "villages": _villages(db, reached)}
    made = announcements.view(db, actor, now, form.announcement_id)
    approval = needs_approval(db, [*form.zones, *(m for g in groups for m in g.member_ids)], BroadcastClass(form.cls))
    tried = rehearsed.rehearsed(db, page, show, draft, receivers=aimed.receivers, broadcast_id=broadcast_id)
    return {
        "sentence": _sentence(show, draft.when, made, aimed),
        "heard": clashing.is_heard(shown.places, off, **aimed_at),
        "unheard": clashing.unheard(show, shown.places, off, **aimed_at),
        "met": clashing.places(show, found.places) if changed else [],
        "warnings": clashing.known(show, shown) if tried else clashing.warnings(show, shown),
        "rehearsed": tried,
        "choices": clashing.ways(show, found.choices, form.clash),
        "notes": _notes(page, draft.when, shown, aimed, approval=approval),
        "blocked": page.say(N_("The sound could not be produced. Change the announcement first."))
        if state_of(made) == "failed"
        else "",
        "send_label": page.say(SEND if approval else PLAN),
    }


def _sentence(show: Present, when: Now | At | Repeat, made: AnnouncementOut, aimed: places.Chosen) -> str:
    return telling.sentence(
        show,
        when_said=telling.when(show, when).text,
        title=made.title,
        duration_us=longest_us(made.recordings),
        places=aimed.places,
        receivers=aimed.receivers,
    )


def _villages(db: Session, reached: Sequence[ZoneView]) -> int:
    """In how many places at or below these there is a loudspeaker."""
    paths = [zone.path for zone in zones_by_id(db, {zone.id for zone in reached}).values()]
    total, _online = zone_sql.receiver_counts(db, paths)
    return len(total)


def _notes(
    page: Page, when: Now | At | Repeat, found: PreviewOut, aimed: places.Chosen, *, approval: bool
) -> list[str]:
    notes = []
    if isinstance(when, Repeat) and found.occurrences:
        moments = "; ".join(page.show.moment(moment) for moment in found.occurrences[:TIMES_SHOWN])
        notes.append(page.say(N_("The first times: %(moments)s"), moments=moments))
    if aimed.receivers > aimed.online:
        message = N_("%(count)s loudspeakers are not connected now. They fetch it as soon as they are.")
        notes.append(page.say(message, count=aimed.receivers - aimed.online))
    if approval:
        notes.append(page.say(N_("It plays only after another person has approved it.")))
    return notes
