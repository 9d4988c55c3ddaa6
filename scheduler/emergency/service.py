"""What people do with emergencies and drills. Each function is part of one transaction and checks the right first.

Whoever calls one that changes what sounds then has the `now` documents of its zones sent (`sender.Urgent`); the topics
are marked as well, so that the publisher sends what this process could not.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire import topics
from broadcast.wire.now import Purpose
from scheduler.bank import naming
from scheduler.bank import repository as bank
from scheduler.emergency import asking, proof, repository, views
from scheduler.emergency.document import wire
from scheduler.emergency.hearing import who_heard
from scheduler.emergency.life import Event, NotPossible, State, step
from scheduler.emergency.models import EmergencyOrder, OrderSound
from scheduler.emergency.reading import get, index, readable
from scheduler.emergency.rights import ISSUE, alone, may_withdraw, require_everywhere
from scheduler.emergency.schemas import WORDS, ConfirmIn, CorrectIn, CorrectOut, LeftOut, OrderIn, OrderOut
from scheduler.emergency.stopping import SOUNDING, stop_all
from scheduler.emergency.views import Held
from scheduler.errors import Conflict, Forbidden, Invalid, Stale, TooMany
from scheduler.fleet.outbox import mark_dirty
from scheduler.notices import told
from scheduler.people import audit
from scheduler.people import repository as people
from scheduler.people.actor import Actor
from scheduler.people.signin import NotSignedIn
from scheduler.rights import Action
from scheduler.store.alone import alone as one_at_a_time
from scheduler.store.types import new_id
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import SecondPerson, Zone
from scheduler.zones.rules import effective_rules

__all__ = (
    "ask", "cancel", "check_word", "confirm", "confirmable", "correct", "get", "index", "may_speak", "readable",
    "rehearse", "spoken", "stop_all", "tick", "who_heard", "withdraw",
)  # fmt: skip
LEAST_LEAD_US = 700_000
"""From the order to its first sample: what it takes to reach the last receiver."""
AFTER_AMPLIFIER_US = 300_000
LONGEST_WAIT_US = 5_000_000
"""For a stop that lies ahead, where the clock was set back; beyond it somebody must see to the clock."""
US_PER_MS = 1000
MAX_ASKED = 10
WINDOW = timedelta(minutes=15)
NAMES = {Purpose.REAL: "emergency", Purpose.DRILL: "drill", Purpose.TEST: "rehearsal"}


def ask(db: Session, actor: Actor, now: datetime, purpose: Purpose, draft: OrderIn) -> OrderOut:
    """Ask for an order; nothing sounds before it is confirmed."""
    one_at_a_time(db, f"asking:{actor.user_id}")
    asked = repository.asked_since(db, actor.user_id, purpose, now - WINDOW)
    if len(asked) >= MAX_ASKED:
        wait_s = max(1, round((asked[-MAX_ASKED] + WINDOW - now).total_seconds()))
        message = "You have asked for %(count)s in the last minutes. Try again in %(wait_s)s seconds."
        raise TooMany("too_many_asked", message, retry_after_s=wait_s, count=len(asked), wait_s=wait_s)
    row = asking.make(db, actor, now, purpose, draft)
    held = Held(row, repository.targets(db, [row.id])[row.id])
    _note(db, actor, now, held, "ask", parts=_said(row), reason=row.reason)
    return views.shown(db, actor, now, [row])[0]


def confirm(
    db: Session, actor: Actor, now: datetime, order_id: str, asked: ConfirmIn, *, purpose: Purpose, version: int
) -> OrderOut:
    """Let it sound; `version` is what the confirmer looked at."""
    one_at_a_time(db, SOUNDING)
    held = confirmable(db, actor, now, order_id, asked, purpose=purpose, version=version)
    row = held.row
    row.state = _after(row, Event.CONFIRM, now)
    _prove(db, actor, now, row, asked.code)
    row.confirmer_id = actor.user_id
    _issue(db, now, held)
    return _done(db, actor, now, held, "confirm")


def confirmable(
    db: Session, actor: Actor, now: datetime, order_id: str, asked: ConfirmIn, *, purpose: Purpose, version: int
) -> Held:
    """The order if everything of its confirmation is right but perhaps the code, which is not looked at; else refuse.

    A code is counted (`proof.count`) only after this: a wrong word is no wrong code.
    """
    held = readable(db, actor, now, order_id, purpose=purpose, lock=True)
    row = held.row
    _check_person(db, actor, now, held)
    if version != row.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    _after(row, Event.CONFIRM, now)
    check_word(asked.word, purpose)
    if row.until_at is not None and to_us(row.until_at) <= to_us(now) + _lead_us(db, held):
        raise Conflict("end_passed", "The time until which it should sound is over. Ask for it again.")
    return held


def check_word(word: str, purpose: Purpose) -> None:
    """Return if `word` is what people type to let something of this purpose sound; else Invalid of field `word`."""
    if " ".join(unicodedata.normalize("NFC", word).split()).upper() != WORDS[purpose]:
        raise Invalid("wrong_word", "Type %(word)s to let it sound.", field="word", word=WORDS[purpose])


def withdraw(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose) -> OrderOut:
    """Take back what was asked for and not confirmed."""
    held = readable(db, actor, now, order_id, purpose=purpose, lock=True)
    if not may_withdraw(actor, held.row, held.paths, now):
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    held.row.state = _after(held.row, Event.WITHDRAW, now)
    held.row.ended_at, held.row.ender_id = now, actor.user_id or None
    return _done(db, actor, now, held, "withdraw")


def cancel(db: Session, actor: Actor, now: datetime, order_id: str, *, purpose: Purpose) -> OrderOut:
    """Silence it everywhere; one person is enough."""
    held = readable(db, actor, now, order_id, purpose=purpose, lock=True)
    require_everywhere(actor, ISSUE[purpose], held.paths, now)
    held.row.state = _after(held.row, Event.CANCEL, now)
    _end(actor, now, held)
    return _done(db, actor, now, held, "cancel")


def correct(
    db: Session, actor: Actor, now: datetime, order_id: str, asked: CorrectIn, *, purpose: Purpose
) -> CorrectOut:
    """Silence it and say so to the same zones, in one act; one person is enough.

    It is said where a STOP was before as well: who heard a siren and then nothing knows no better. Such places, and
    those to which receivers that had it were moved, are left out where the actor has no right to it, the latter also
    where zones lie below them. A correction of it that is in force ends: people who change their mind are not talked
    over by what they said first.
    """
    one_at_a_time(db, SOUNDING)
    held = readable(db, actor, now, order_id, purpose=purpose, lock=True)
    row = held.row
    require_everywhere(actor, ISSUE[purpose], held.unstopped, now)
    if not views.correctable(row, now):
        raise Conflict("not_correctable", "This did not sound in the last day, so there is nothing to correct.")
    _check_words(db, actor, now, asked.bank_id, purpose)
    zones, left_out = _to_tell(db, actor, now, held)
    groups = {target.zone_id: target.group_id for target, _zone in held.placed}
    replaced = repository.corrections_in_force(db, row.id)
    for placed in repository.targets(db, [ended.id for ended in replaced]).values():
        require_everywhere(actor, ISSUE[purpose], [zone.path for _target, zone in placed], now)
    for ended in (row, *replaced):
        _silence(db, actor, now, ended)
    said = _correction_of(row, actor, now, asked)
    asking.add(db, said, [(zone.id, groups.get(zone.id)) for zone in zones])
    said.state = step(State.ASKED, Event.CONFIRM)
    correction = Held(said, repository.targets(db, [said.id])[said.id])
    _issue(db, now, correction)
    mark_dirty(db, (topics.now(zone.id) for zone in zones), now)
    gone = [ended.id for ended in replaced]
    without = [LeftOut(zone_id=zone.id, name=name) for zone, name in zip(left_out, _named(db, left_out), strict=True)]
    unsaid = [place.name for place in without]
    detail = {"correction": said.id, "parts": _said(said), "reason": said.reason, "replaced": gone}
    _note(db, actor, now, held, "correct", where=_where(db, correction), left_out=unsaid, **detail)
    cancelled, made = views.shown(db, actor, now, [row, said])
    return CorrectOut(cancelled=cancelled, correction=made, replaced=gone, left_out=without)


def _correction_of(row: EmergencyOrder, actor: Actor, now: datetime, asked: CorrectIn) -> EmergencyOrder:
    return EmergencyOrder(
        id=new_id(now), purpose=row.purpose, state=State.ASKED, zone_path=row.zone_path,
        parts=[{"kind": "bank", "id": asked.bank_id}], every_s=asked.every_s, minutes=asked.minutes,
        reason=" ".join(asked.reason.split()), author_id=actor.user_id or None, corrects_id=row.id,
        asked_at=now, lapses_at=now,
    )  # fmt: skip


def rehearse(
    db: Session, now: datetime, *, zone_ids: Collection[str], bank_ids: Collection[str], minutes: int, reason: str
) -> EmergencyOrder:
    """A test that the machine itself issues: of nothing but messages for tests, which obey quiet hours."""
    one_at_a_time(db, SOUNDING)
    for bank_id in bank_ids:
        asking.check_bank(db, bank_id, Purpose.TEST)
    zones = zone_sql.zones(db, zone_ids)
    row = EmergencyOrder(
        id=new_id(now), purpose=Purpose.TEST, state=State.ISSUED,
        zone_path=asking.common_path([zone.path for zone in zones.values()]),
        parts=[{"kind": "bank", "id": bank_id} for bank_id in bank_ids], minutes=minutes, reason=reason,
        asked_at=now, lapses_at=now,
    )  # fmt: skip
    asking.add(db, row, [(zone_id, None) for zone_id in sorted(zones)])
    _issue(db, now, Held(row, repository.targets(db, [row.id])[row.id]))
    mark_dirty(db, map(topics.now, zones), now)
    return row


def may_speak(db: Session, actor: Actor, now: datetime, order_id: str) -> Held | None:
    """The order in force that lets `actor` speak live, if it is theirs; None if there is none."""
    row = repository.get(db, order_id)
    live = row is not None and any(part["kind"] == "live" for part in row.parts)
    if row is None or not live or views.state_now(row, now) is not State.ISSUED or row.author_id != actor.user_id:
        return None
    return Held(row, repository.targets(db, [order_id])[order_id])


def spoken(db: Session, now: datetime, order_id: str, place: int) -> list[str]:
    """A text of the order is there: the zones that are to hear it.

    Where nothing of the order could sound before, it begins now. Where nothing of it sounds again, its times move on
    so far that the text is heard from its first word, although what goes before it may be over. Not so where a later
    emergency is in force there: of two the later start has the air, and this one's would become the later one.
    """
    one_at_a_time(db, SOUNDING)
    row = repository.get(db, order_id, lock=True)
    if row is None or row.state != State.ISSUED:
        return []
    placed = repository.targets(db, [order_id])[order_id]
    held = Held(row, placed)
    if row.start_us is not None and not repository.is_superseded(db, order_id, row.start_us, held.paths, now):
        row.start_us = _moved_us(db, now, held, row.start_us, place)
    zone_ids = [target.zone_id for target, _zone in placed]
    mark_dirty(db, map(topics.now, zone_ids), now)
    return zone_ids


def tick(db: Session, now: datetime) -> tuple[str, ...]:
    """Note what time has ended; the words for those who watch."""
    rows = repository.due(db, now)
    for row in rows:
        event = Event.LAPSE if row.state == State.ASKED else Event.FINISH
        row.state = step(State(row.state), event)
        row.ended_at = row.lapses_at if event is Event.LAPSE else row.until_at
        row.version += 1
        if event is Event.FINISH:
            zone_ids = (target.zone_id for target, _zone in repository.targets(db, [row.id])[row.id])
            mark_dirty(db, map(topics.now, zone_ids), now)
    return tuple(f"emergency:{row.id}" for row in rows)


def _check_person(db: Session, actor: Actor, now: datetime, held: Held) -> None:
    """Return if this person could let it sound; else Forbidden."""
    row = held.row
    if not alone(row, actor):
        require_everywhere(actor, Action.EMERGENCY_CONFIRM, held.paths, now)
        return
    require_everywhere(actor, ISSUE[row.purpose], held.paths, now)
    if views.mode_of(db, held.zones, now) is not SecondPerson.SECOND_FACTOR:
        raise Forbidden("own_order", "You asked for this yourself. Another person has to let it sound.")


def _prove(db: Session, actor: Actor, now: datetime, row: EmergencyOrder, code: str) -> None:
    """Take the code of the second factor from whoever has one, comes by a token, or confirms alone; else refuse."""
    user = people.user(db, actor.user_id, lock=True)
    if user is None or not user.totp_confirmed:
        if alone(row, actor) or actor.scope is not None:
            message = "This takes a second factor, and you have none. Set it up on your account page."
            raise Forbidden("second_factor_needed", message)
        return
    if not code.strip():
        raise NotSignedIn("code_needed", "Type the six figures that your telephone shows.", field="code")
    proof.use(db, actor, user, code, now)


def _after(row: EmergencyOrder, event: Event, now: datetime) -> State:
    """Its state after `event`, else NotPossible."""
    state = views.state_now(row, now)
    if state is State.EXPIRED:
        raise NotPossible("lapsed", "Nobody confirmed this in time. Ask for it again.")
    return step(state, event)


def _issue(db: Session, now: datetime, held: Held) -> None:
    """Settle when it begins and ends."""
    row = held.row
    start_us = _start_us(db, now, held)
    if start_us > to_us(now) + _lead_us(db, held) + LONGEST_WAIT_US:
        at = from_us(start_us).astimezone(ZoneInfo(effective_rules(db, held.paths[0]).timezone))
        message = (
            "The centre's clock was set back to before the last STOP there, of %(at)s. Set it right, then repeat this."
        )
        raise Conflict("clock_set_back", message, at=f"{at:%d/%m %H:%M:%S}")
    row.issued_at, row.start_us = now, start_us
    row.until_at = row.until_at or now + timedelta(minutes=row.minutes or asking.MINUTES)


def _start_us(db: Session, now: datetime, held: Held) -> int:
    """As soon as receivers can be ready; a clock that was set back does not put it before a stop, which would win."""
    zone_ids = {zone_id for path in held.paths for zone_id in zone_sql.ids_of(path)}
    return max(to_us(now) + _lead_us(db, held), repository.last_stop_us(db, zone_ids))


def _check_words(db: Session, actor: Actor, now: datetime, bank_id: str, purpose: Purpose) -> None:
    """Return if this person may say this message of the bank by themselves, as a correction; else a Problem."""
    if bank_id.rpartition(".")[0].removeprefix(naming.DRILL) not in naming.CORRECTIONS:
        raise Invalid("no_correction", "Choose one of the bank's corrections.", field="bank_id")
    asking.check_bank(db, bank_id, purpose)
    if asking.are_fresh_words_of(db, bank_id, actor.user_id, now):
        message = "You changed these words yourself within the last day. Another person has to let them sound."
        raise Forbidden("own_words", message)


def _moved_us(db: Session, now: datetime, held: Held, start_us: int, place: int) -> int:
    """When the order begins, which was to begin at `start_us`, now that its text at `place` is there."""
    row = held.row
    sounds = repository.sounds(db, [row.id])[row.id]
    if wire(row, {at: sound for at, sound in sounds.items() if at != place}) is None:
        return _start_us(db, now, held)
    if row.every_s:
        return start_us
    before_us = sum(_least_us(db, part, sounds.get(at)) for at, part in enumerate(row.parts[:place]))
    return max(start_us, to_us(now) + LEAST_LEAD_US - before_us)


def _lead_us(db: Session, held: Held) -> int:
    """From the order to its first sample: documents must arrive and amplifiers be on."""
    amplifiers_us = repository.largest_lead_ms(db, held.paths) * US_PER_MS
    return max(LEAST_LEAD_US, amplifiers_us + AFTER_AMPLIFIER_US)


def _least_us(db: Session, part: Mapping[str, Any], sound: OrderSound | None) -> int:
    """How long a part sounds where its shortest language is spoken."""
    if part["kind"] == "bank":
        held = bank.entry(db, part["id"])
        return min((media.duration_us or 0 for media in held.sounds), default=0) if held is not None else 0
    return sound.duration_us or 0 if sound is not None else 0


def _to_tell(db: Session, actor: Actor, now: datetime, held: Held) -> tuple[list[Zone], list[Zone]]:
    """Where a correction is said, and where it is not.

    Those are the places of the order, and where receivers that had it stand that are in none of them any more. What
    has zones below it is no such place: all of them would hear of an alarm that they never had.
    """
    aimed = [zone for _target, zone in held.placed]
    strayed = repository.strayed(db, held.row.id, [zone.path for zone in aimed])
    above = {zone.parent_id for zone in zone_sql.children_of(db, [zone.id for zone in strayed])}
    stood = [zone for zone in strayed if zone.id not in above]
    told = {zone.path: zone for zone in (*aimed, *stood) if actor.may(ISSUE[held.row.purpose], zone.path, now)}
    left_out = [zone for zone in (*aimed, *strayed) if zone.path not in told]
    return [told[path] for path in asking.outermost(told)], left_out


def _silence(db: Session, actor: Actor, now: datetime, row: EmergencyOrder) -> None:
    """End it where time has not."""
    if views.state_now(row, now) is State.ISSUED:
        row.state = step(State.ISSUED, Event.CANCEL)
        _end(actor, now, Held(row, repository.targets(db, [row.id])[row.id]))
        row.version += 1


def _end(actor: Actor, now: datetime, held: Held) -> None:
    row = held.row
    row.ended_at, row.ender_id = now, actor.user_id or None
    for target, _zone in held.placed:
        target.ended_at = target.ended_at or now


def _said(row: EmergencyOrder) -> list[str]:
    return [str(part.get("id") or part.get("text") or part["kind"])[:200] for part in row.parts]


def _note(db: Session, actor: Actor, now: datetime, held: Held, what: str, **detail: Any) -> None:
    """Put it in the audit record; `where` is all its places, unless `detail` says otherwise."""
    row = held.row
    if row.purpose is Purpose.REAL:
        told.emergency(db, row, what, actor.user_id, now)
    said = {"where": _where(db, held)} | detail
    audit.record(db, actor, now, f"{NAMES[row.purpose]}.{what}", f"order:{row.id}", zone_path=row.zone_path, **said)


def _where(db: Session, held: Held) -> list[str]:
    return _named(db, [zone for _target, zone in held.placed])


def _named(db: Session, places: Sequence[Zone]) -> list[str]:
    """Each with those above it but the root: every commune has a “Thôn 1”."""
    paths = [zone_sql.ids_of(zone.path) for zone in places]
    zones = zone_sql.zones(db, {zone_id for path in paths for zone_id in path})
    return [" › ".join(zones[zone_id].name for zone_id in path[1:] or path) for path in paths]


def _done(db: Session, actor: Actor, now: datetime, held: Held, what: str) -> OrderOut:
    """Count the version, have receivers told, note it in the audit record, and show the outcome."""
    held.row.version += 1
    db.add(held.row)
    db.flush()
    mark_dirty(db, (topics.now(zone.id) for _target, zone in held.placed), now)
    _note(db, actor, now, held, what, state=held.row.state, parts=_said(held.row))
    return views.shown(db, actor, now, [held.row])[0]
