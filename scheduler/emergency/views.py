"""Orders as people see them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from broadcast.clock import from_us
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.bank import repository as bank
from scheduler.emergency import repository
from scheduler.emergency.life import Event, State
from scheduler.emergency.models import EmergencyOrder, OrderSound
from scheduler.emergency.repository import Placed
from scheduler.emergency.rights import ISSUE, alone, steps_for, strictest
from scheduler.emergency.schemas import WORDS, OrderOut, OrderTargetOut, PartOut
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import SecondPerson, Zone
from scheduler.zones.rules import effective, inherited
from scheduler.zones.schemas import ZoneView
from scheduler.zones.views import zone_views

CORRECTED_FOR = timedelta(hours=24)
"""So long after it began an order can still be corrected."""
TITLE_LETTERS = 60
_STATES = {RecordingState.READY: "ready", RecordingState.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Held:
    """An order with where it sounds."""

    row: EmergencyOrder
    placed: Sequence[Placed]

    @property
    def zones(self) -> list[Zone]:
        """Where it was not taken back; everywhere it was aimed at once that is nowhere."""
        return [zone for target, zone in self.placed if target.ended_at is None] or [zone for _t, zone in self.placed]

    @property
    def paths(self) -> list[str]:
        return [zone.path for zone in self.zones]

    @property
    def unstopped(self) -> list[str]:
        """The paths of where it sounds, or sounded to its end: no STOP was there before."""
        end = self.row.ended_at
        return [
            zone.path
            for target, zone in self.placed
            if target.ended_at is None or (end is not None and target.ended_at >= end)
        ]


@dataclass(frozen=True, slots=True)
class _Around:
    """What some orders name, read at once: zones and those above by id, messages, recordings, undelivered zones."""

    views: Mapping[str, ZoneView]
    zones: Mapping[str, Zone]
    banked: Mapping[str, bank.Held]
    recordings: Mapping[str, tuple[Recording, Announcement, str]]
    undelivered: set[str]
    two_people: Collection[str]
    """The paths of zones at or below these that want two people themselves."""

    def mode(self, zones: Collection[Zone]) -> SecondPerson:
        if any(path.startswith(zone.path) for path in self.two_people for zone in zones):
            return SecondPerson.TWO_PEOPLE
        lineages = ([self.zones[key] for key in zone_sql.ids_of(zone.path) if key in self.zones] for zone in zones)
        return strictest(inherited(lineage).second_person for lineage in lineages)


def state_now(row: EmergencyOrder, now: datetime) -> State:
    """Its state, also where nobody has noted yet what time did to it."""
    state = State(row.state)
    if state is State.ASKED and now >= row.lapses_at:
        return State.EXPIRED
    if state is State.ISSUED and row.until_at is not None and now >= row.until_at:
        return State.OVER
    return state


def mode_of(db: Session, zones: Collection[Zone], now: datetime) -> SecondPerson:
    """Who must let an order for these zones sound, and so for all below them."""
    if repository.two_people(db, [zone.path for zone in zones], now):
        return SecondPerson.TWO_PEOPLE
    return strictest(effective(db, zone.path).second_person for zone in zones)


def shown(db: Session, actor: Actor, now: datetime, rows: Sequence[EmergencyOrder]) -> list[OrderOut]:
    """Each order with what `actor` may do with it."""
    if not rows:  # as every page finds it but for some minutes of a year
        return []
    ids = [row.id for row in rows]
    placed, sounds, corrections = (
        repository.targets(db, ids),
        repository.sounds(db, ids),
        repository.corrections(db, ids),
    )
    names = people.names_of(db, {i for row in rows for i in (row.author_id, row.confirmer_id, row.ender_id) if i})
    user = people.user(db, actor.user_id) if actor.user_id else None
    around = _around(db, now, rows, placed)
    found = []
    for row in rows:
        made = _order(around, actor, now, Held(row, placed[row.id]), sounds[row.id])
        made.corrected_by = corrections[row.id]
        made.author_name = names.get(row.author_id or "")
        made.confirmer_name, made.ender_name = names.get(row.confirmer_id or ""), names.get(row.ender_id or "")
        coded = actor.scope is not None or alone(row, actor) or (user is not None and user.totp_confirmed)
        made.code_needed = Event.CONFIRM in made.possible and coded
        found.append(made)
    return found


def correctable(row: EmergencyOrder, now: datetime) -> bool:
    """Whether it sounded and that is not long ago."""
    return row.issued_at is not None and row.corrects_id is None and now - row.issued_at <= CORRECTED_FOR


def _around(
    db: Session, now: datetime, rows: Sequence[EmergencyOrder], placed: Mapping[str, Sequence[Placed]]
) -> _Around:
    zones = {zone.id: zone for row in rows for _target, zone in placed[row.id]}
    named: dict[str, set[str]] = defaultdict(set)
    for part in (part for row in rows for part in row.parts if "id" in part):
        named[part["kind"]].add(part["id"])
    sent = [row.id for row in rows if row.state == State.ISSUED]
    live = {zone.id for order_id in sent for target, zone in placed[order_id] if target.ended_at is None}
    return _Around(
        views={view.id: view for view in zone_views(db, list(zones.values()))} if zones else {},
        zones=zone_sql.zones(db, {key for zone in zones.values() for key in zone_sql.ids_of(zone.path)}),
        banked=bank.entries(db, named["bank"]),
        recordings=repository.recordings(db, named["recording"]),
        undelivered=repository.undelivered(db, live),
        two_people=repository.two_people(db, [zone.path for zone in zones.values()], now),
    )


def _order(around: _Around, actor: Actor, now: datetime, held: Held, sounds: Mapping[int, OrderSound]) -> OrderOut:
    """The order without the names of people."""
    row, state, mode = held.row, state_now(held.row, now), around.mode(held.zones)
    steps: list[Any] = list(steps_for(actor, row, state, mode=mode, paths=held.paths, now=now))
    if correctable(row, now) and actor.may_everywhere(ISSUE[row.purpose], held.unstopped, now):
        steps.append("correct")
    live = [zone.id for target, zone in held.placed if target.ended_at is None]
    sent = state is State.ISSUED and any(part["kind"] != "live" for part in row.parts)
    kept = ("id", "purpose", "every_s", "minutes", "reason", "author_id", "corrects_id", "version")
    times = ("asked_at", "lapses_at", "issued_at", "ended_at")
    return OrderOut(
        **{name: getattr(row, name) for name in (*kept, *times)},
        state=state,
        parts=[_part(around, actor, part, sounds.get(place)) for place, part in enumerate(row.parts)],
        targets=_targets(around, held.placed),
        until=row.until_at,
        second_person=mode,
        starts_at=from_us(row.start_us) if row.start_us is not None else None,
        delivered=sent and around.undelivered.isdisjoint(live),
        word=WORDS.get(row.purpose, ""),
        possible=steps,
    )


def _targets(around: _Around, placed: Sequence[Placed]) -> list[OrderTargetOut]:
    views = [around.views[zone.id] for _target, zone in placed]
    return [
        OrderTargetOut(
            zone_id=view.id,
            name=view.name,
            place=view.place,
            group_id=target.group_id,
            receivers=view.receivers,
            receivers_online=view.receivers_online,
            ended_at=target.ended_at,
        )
        for (target, _zone), view in zip(placed, views, strict=True)
    ]


def _part(around: _Around, actor: Actor, part: Mapping[str, Any], sound: OrderSound | None) -> PartOut:
    kind = part["kind"]
    if kind == "bank":
        return _banked(around, actor, part["id"])
    if kind == "live" or sound is None:
        return PartOut(kind="live", title="")
    text = part.get("text")
    found = around.recordings.get(part["id"]) if kind == "recording" else None
    title = found[1].title if found is not None else " ".join((text or "").split())
    return PartOut.model_validate(
        {
            "kind": kind,
            "title": _shortened(title),
            "recording_id": part.get("id"),
            "text": text,
            "language": sound.language,
            "state": _STATES.get(sound.state, "making"),
            "error": sound.error_code,
            "sha256": sound.sha256,
            "duration_us": sound.duration_us,
        }
    )


def _shortened(title: str) -> str:
    """Cut at a word's end where it is long."""
    if len(title) <= TITLE_LETTERS:
        return title
    return title[: TITLE_LETTERS + 1].rsplit(" ", 1)[0][:TITLE_LETTERS].rstrip(",.;:–-") + "…"


def _banked(around: _Around, actor: Actor, bank_id: str) -> PartOut:
    held = around.banked.get(bank_id)
    if held is None:
        return PartOut(kind="bank", title=bank_id, bank_id=bank_id, state="failed", error="no_such_message")
    titles = held.entry.titles
    title = titles.get(actor.language) or next(iter(titles.values()), bank_id)
    if not held.sounds:
        return PartOut(kind="bank", title=title, bank_id=bank_id, state="making")
    first = held.sounds[0]
    return PartOut(
        kind="bank",
        title=title,
        bank_id=bank_id,
        text=first.text,
        language=first.language,
        sha256=first.sha256,
        duration_us=max(media.duration_us or 0 for media in held.sounds),
    )
