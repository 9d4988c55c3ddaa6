"""What people do with the message bank.

Rules
- The bank is one for the whole centre: each root zone's receivers hold all of it. So whoever changes what it says needs
  the right to that in every root zone; an administrator has it nowhere.
- It is read by whoever reads broadcasts anywhere.
- A message is never changed: a change is its next revision, and the one before stays until nothing names it. One that
  is taken out of the bank has a last revision without any sound.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.wire import topics
from broadcast.wire.now import Purpose
from scheduler.announcements import naming as typed
from scheduler.announcements.addresses import of_bank
from scheduler.announcements.models import RecordingState
from scheduler.announcements.queueing import StoredSound
from scheduler.bank import entries, naming, repository, trying
from scheduler.bank.models import BankMedia, BankSource
from scheduler.bank.repository import Held
from scheduler.bank.schemas import (
    MAX_LANGUAGES,
    BankChange,
    BankEntryOut,
    BankList,
    BankMediaOut,
    BankNew,
    BankState,
    NewBankRecording,
)
from scheduler.bank.shipped import spoken_languages
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.zones import repository as zones

MAX_NAMES = 50
"""With drills and older revisions in use they fit in a document of 128 messages."""
KEPT_FOR = timedelta(hours=1)
"""How long a replaced revision stays at least: whoever has it before their eyes may still send it."""
_BANK = "bank"
_NO_SUCH = "There is no such message in the bank."


def index(
    db: Session, actor: Actor, now: datetime, zone_id: str | None = None, purpose: Purpose | None = None
) -> BankList:
    """What the bank holds for receivers of `zone_id`, the newest revision of each first; of one purpose if given."""
    _may_read(db, actor, now, zone_id)
    found = [held for held in repository.held(db) if purpose in (None, naming.purpose_of(held.entry.name))]
    items = shown(found)
    on_receivers = [item for item in items if item.state in (BankState.READY, BankState.OLD)]
    sounds = {m.sha256: m for item in on_receivers for m in item.media if m.sha256 is not None}
    by_language: dict[str, int] = {}
    for media in sounds.values():
        by_language[media.language] = by_language.get(media.language, 0) + (media.size_bytes or 0)
    states = [media.state for item in items for media in item.media]
    return BankList(
        items=items,
        total_bytes=sum(by_language.values()),
        bytes_by_language=by_language,
        producing=sum(state in (RecordingState.QUEUED, RecordingState.PRODUCING) for state in states),
        failed=sum(state is RecordingState.FAILED for state in states),
    )


def view(db: Session, actor: Actor, now: datetime, bank_id: str) -> BankEntryOut:
    """One revision, also one that is not produced yet."""
    _may_read(db, actor, now, None)
    held = repository.entry(db, bank_id)
    if held is None or held.entry.dropped_at is not None:
        raise NotFound("no_such_message", _NO_SUCH)
    return shown(repository.held(db, [held.entry.name]), bank_id)[0]


def get(db: Session, bank_id: str) -> BankEntryOut:
    """The message as receivers hold it; NotFound for one that they do not. Asks for no right."""
    held = repository.entry(db, bank_id)
    if held is None or held.entry.dropped_at is not None or not held.ready:
        raise NotFound("no_such_message", _NO_SUCH, field="parts")
    return shown(repository.held(db, [held.entry.name]), bank_id)[0]


def newest(db: Session, name: str) -> BankEntryOut | None:
    """The newest revision of a name that receivers hold, such as of a correction; None if none is ready."""
    found = shown(held for held in repository.held(db, [name]) if held.ready)
    return found[0] if found else None


def duration_us(db: Session, bank_ids: Iterable[str]) -> int:
    """How long these messages sound one after another where their longest language is spoken."""
    return sum(get(db, bank_id).duration_us or 0 for bank_id in bank_ids)


def sound(db: Session, actor: Actor, now: datetime, bank_id: str, language: str | None) -> str:
    """The SHA-256 of what is heard of a message in a language, or in the first that it sounds in."""
    asked = [media for media in view(db, actor, now, bank_id).media if language in (None, media.language)]
    if not asked:
        raise NotFound("no_such_language", "This message is not there in that language.")
    for media in asked:
        if media.sha256 is not None:
            return media.sha256
    raise Conflict("not_ready", "This recording is not produced yet.")


def create(db: Session, actor: Actor, now: datetime, new: BankNew) -> BankEntryOut:
    """A new message, and its drill."""
    _may_change(db, actor, now)
    if not naming.is_free_name(new.name):
        raise Invalid("name_taken", "This name means something else. Choose another one.", field="name")
    held = repository.held(db)
    if repository.newest(db, new.name) is not None:
        raise Invalid("name_taken", "There is a message of this name already.", field="name")
    gone = {one.entry.name for one in held if one.retired}
    if len({one.entry.name for one in held if naming.drill_of(one.entry.name)} - gone) >= MAX_NAMES:
        raise Conflict("bank_full", "The bank has at most %(limit)s messages.", limit=MAX_NAMES)
    draft = entries.Draft(new.name, dict(new.titles), entries.texts(_speakable(new.texts)), _siren(db, new.siren))
    return _made(db, actor, now, draft, "create")


def revise(db: Session, actor: Actor, now: datetime, name: str, *, revision: int, change: BankChange) -> BankEntryOut:
    """The next revision of a message, and of its drill."""
    last = _changeable(db, actor, now, name, revision)
    draft = entries.draft_of(last)
    sounds = draft.sounds
    if change.texts is not None:
        kept = {tag: one for tag, one in sounds.items() if one.source is not BankSource.TEXT}
        sounds = kept | entries.texts(_speakable(change.texts))
    sounds = {tag: one for tag, one in sounds.items() if tag not in change.without}
    siren = _siren(db, change.siren) if "siren" in change.model_fields_set else draft.siren
    titles = dict(change.titles) if change.titles is not None else draft.titles
    return _made(db, actor, now, entries.Draft(name, titles, sounds, siren), "revise")


def add_recording(
    db: Session,
    actor: Actor,
    now: datetime,
    name: str,
    *,
    revision: int,
    asked: NewBankRecording,
    stored: StoredSound,
) -> BankEntryOut:
    """The next revision, with a language that somebody spoke: any, instead of a text that was read aloud too."""
    last = _changeable(db, actor, now, name, revision)
    draft = entries.draft_of(last)
    recording = entries.Sound(
        BankSource.RECORDING, original_sha256=stored.sha256, original_name=typed.file_name(stored.sent_name)
    )
    titles = draft.titles | ({asked.language: asked.title} if asked.title else {})
    made = entries.Draft(name, titles, draft.sounds | {asked.language: recording}, draft.siren)
    return _made(db, actor, now, made, "record", language=asked.language, original=stored.sha256)


def may_record(db: Session, actor: Actor, now: datetime, name: str, *, revision: int) -> None:
    """Refuse before a long body is received what would be refused after it."""
    _changeable(db, actor, now, name, revision)


def retire(db: Session, actor: Actor, now: datetime, name: str, *, revision: int) -> BankEntryOut:
    """Take a message and its drill out of the bank; what orders name stays until they are over."""
    last = _changeable(db, actor, now, name, revision)
    if name in naming.CORRECTIONS or naming.purpose_of(name) is not Purpose.REAL:
        message = "Alarms are taken back, and loudspeakers tested, with this message. Change what it says instead."
        raise Conflict("message_needed", message)
    if last.retired:
        raise Conflict("is_retired", "This message is not in the bank any more.")
    for gone in (name, naming.drill_of(name)):
        if gone is not None:
            entries.add(db, entries.Draft(gone, last.entry.titles, {}, last.entry.siren), now, actor.user_id or None)
    audit.record(db, actor, now, "bank.retire", f"bank:{last.entry.id}")
    return shown(repository.held(db, [name]))[0]


def restore(db: Session, actor: Actor, now: datetime, name: str, *, revision: int) -> BankEntryOut:
    """Put a message back that was taken out, as it was."""
    if not _changeable(db, actor, now, name, revision).retired:
        raise Conflict("not_retired", "This message is in the bank.")
    before = next(held for held in repository.revisions(db, name) if not held.retired)
    return _made(db, actor, now, entries.draft_of(before), "restore")


def try_again(db: Session, actor: Actor, now: datetime) -> list[str]:
    """Have all that failed produced again, as soon as may be, sirens too; the revisions that this is of."""
    _may_change(db, actor, now)
    queued = trying.queue(db, now, at_once=True)
    if not queued:
        raise Conflict("nothing_failed", "Nothing failed that could be produced another time.")
    audit.record(db, actor, now, "bank.retry", "bank", entries=sorted(set(queued)))
    return queued


def read_otherwise(db: Session, voices: Mapping[str, str]) -> list[Held]:
    """The newest revision of each message that another voice reads than `voices` has for its language."""
    newest: dict[str, Held] = {}
    for held in repository.held(db):
        newest.setdefault(held.entry.name, held)
    return [held for held in newest.values() if any(entries.read_otherwise(one, voices) for one in held.media)]


def read_anew(db: Session, actor: Actor, now: datetime, voices: Mapping[str, str]) -> list[str]:
    """The next revision of each of these, with the same words by the voice of now; their ids."""
    _may_change(db, actor, now)
    found = read_otherwise(db, voices)
    if not found:
        raise Conflict("read_already", "All of it is read by the voice that the centre has now.")
    made = [entries.add(db, entries.draft_of(held), now, held.entry.made_by, voices).id for held in found]
    audit.record(db, actor, now, "bank.renew", "bank", entries=made, voices=dict(voices))
    return made


def history(db: Session, actor: Actor, now: datetime, name: str) -> list[BankEntryOut]:
    """All that the bank ever said under this name, the newest first."""
    _may_read(db, actor, now, None)
    found = repository.revisions(db, name)
    if not found:
        raise NotFound("no_such_message", _NO_SUCH)
    drill = naming.drill_of(name)
    drills = repository.held(db, [drill]) if drill is not None else []
    rows = shown([*found, *drills])
    gone = {held.entry.id for held in found if held.entry.dropped_at is not None}
    return [
        row.model_copy(update={"state": BankState.GONE}) if row.id in gone else row for row in rows if row.name == name
    ]


def may_change(db: Session, actor: Actor, now: datetime) -> bool:
    return actor.may_everywhere(Action.BANK_EDIT, repository.root_paths(db), now)


def drop_unused(db: Session, now: datetime) -> bool:
    """Take from the receivers what a newer revision has replaced and no order names; whether there was any."""
    replaced = [held for held, since in repository.replaced(repository.held(db)) if since + KEPT_FOR <= now]
    named = repository.named_by_orders(db) if replaced else frozenset[str]()
    unused = [held for held in replaced if held.entry.id not in named]
    for held in unused:
        held.entry.dropped_at = now
        db.add(held.entry)
    if any(held.ready for held in unused):
        tell_receivers(db, now)
    return bool(unused)


def tell_receivers(db: Session, now: datetime) -> None:
    """Have the bank of every root zone made anew when this transaction is committed."""
    db.flush()
    mark_dirty(db, [topics.bank(zone_id) for zone_id in repository.root_ids(db)], now)


def shown(found: Iterable[Held], bank_id: str | None = None) -> list[BankEntryOut]:
    """As they are shown, all revisions of a name together; only the one with `bank_id` if that is given."""
    rows = list(found)
    old = {held.entry.id for held, _since in repository.replaced(rows)}
    newest_of: dict[str, str] = {}
    for held in rows:
        newest_of.setdefault(held.entry.name, held.entry.id)
    wanted = [held for held in rows if bank_id in (None, held.entry.id)]
    return [_shown(held, newest_of, old=held.entry.id in old) for held in wanted]


def _shown(held: Held, newest_of: dict[str, str], *, old: bool) -> BankEntryOut:
    entry = held.entry
    state = BankState.READY if held.ready else BankState.FAILED if held.settled else BankState.PRODUCING
    state = BankState.RETIRED if held.retired else state
    drill = naming.drill_of(entry.name)
    return BankEntryOut(
        **entry.model_dump(exclude={"dropped_at"}),
        purpose=naming.purpose_of(entry.name),
        state=BankState.OLD if old else state,
        correction=entry.name in naming.CORRECTIONS,
        editable=not entry.name.startswith((naming.SIREN, naming.DRILL)),
        drill_id=newest_of.get(drill) if drill is not None else None,
        duration_us=max((media.duration_us or 0 for media in held.sounds), default=None),
        size_bytes=sum(media.size_bytes or 0 for media in held.sounds),
        media=[_media_shown(media) for media in held.media],
    )


def _media_shown(media: BankMedia) -> BankMediaOut:
    url = of_bank(media.entry_id, media.language, media.sha256) if media.sha256 is not None else None
    own = media.model_dump(include=set(BankMediaOut.model_fields) - {"audio_url", "tried_again"})
    return BankMediaOut(**own, audio_url=url, tried_again=trying.may_succeed(media))


def _may_read(db: Session, actor: Actor, now: datetime, zone_id: str | None) -> None:
    if zone_id is not None:
        zone = zones.zone(db, zone_id)
        if zone is None:
            raise NotFound("not_found", "There is no such zone, or it is not in your area.")
        require(actor, Action.BROADCAST_READ, zone.path, now)
    elif not actor.zones_for(Action.BROADCAST_READ, now):
        raise Forbidden("forbidden", "You do not have the right to do this here.")


def _may_change(db: Session, actor: Actor, now: datetime) -> None:
    alone(db, _BANK)
    if not may_change(db, actor, now):
        message = "Only those who may do so everywhere change what the message bank says."
        raise Forbidden("bank_is_everyones", message)


def _changeable(db: Session, actor: Actor, now: datetime, name: str, revision: int) -> Held:
    _may_change(db, actor, now)
    last = repository.newest(db, name)
    if last is None:
        raise NotFound("no_such_message", _NO_SUCH)
    if name.startswith(naming.DRILL):
        message = "A drill says what its message says. Change the message, and its drill changes with it."
        raise Conflict("drill_follows", message)
    if name.startswith(naming.SIREN):
        raise Conflict("siren_fixed", "The sirens stay as they are, so that everybody knows them.")
    if last.entry.revision != revision:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return last


def _speakable(texts: dict[str, str]) -> dict[str, str]:
    for language in texts:
        if language not in spoken_languages():
            message = "There is no voice for %(language)s: send a recording in that language."
            raise Invalid("no_voice", message, field="texts", language=language)
    return {language: typed.text(text) for language, text in texts.items()}


def _siren(db: Session, name: str | None) -> str | None:
    if name is not None and not (name.startswith(naming.SIREN) and repository.newest(db, name)):
        raise Invalid("no_such_siren", "There is no such siren.", field="siren")
    return name


def _made(db: Session, actor: Actor, now: datetime, draft: entries.Draft, what: str, **detail: str) -> BankEntryOut:
    if not draft.sounds:
        raise Invalid("no_language", "A message is there in at least one language.", field="texts")
    if len(draft.sounds) > MAX_LANGUAGES:
        raise Conflict("too_many_languages", "A message has at most %(limit)s languages.", limit=MAX_LANGUAGES)
    entry = entries.add(db, draft, now, actor.user_id or None)
    if draft.drill is not None:
        entries.add(db, draft.drill, now, actor.user_id or None)
    said = {tag: one.text for tag, one in draft.sounds.items() if one.text is not None}
    audit.record(db, actor, now, f"bank.{what}", f"bank:{entry.id}", texts=said, **detail)
    if not repository.unsettled(db):
        tell_receivers(db, now)
    drill = naming.drill_of(entry.name)
    names = [entry.name, *([drill] if drill is not None else [])]
    return shown(repository.held(db, names), entry.id)[0]
