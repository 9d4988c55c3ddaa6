"""Making revisions: of what comes with Loa, and of what people change. What did not change is not produced again."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct
from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank import naming, repository
from scheduler.bank.models import BankEntry, BankMedia, BankSource
from scheduler.bank.shipped import DEFAULT_LANGUAGE, drill_titles, framed, shipped, spoken_languages, unframed

NO_VOICES: Mapping[str, str] = MappingProxyType({})


class Sound(Struct, frozen=True):
    """What one language says, whatever was made of it."""

    source: BankSource
    text: str | None = None
    original_sha256: str | None = None
    original_name: str | None = None


class Draft(Struct, frozen=True):
    """A message without its revision."""

    name: str
    titles: dict[str, str]
    sounds: dict[str, Sound]
    siren: str | None = None

    @property
    def drill(self) -> "Draft | None":
        """The same as a drill: each text between two “diễn tập”; recordings get theirs when they are produced."""
        name = naming.drill_of(self.name)
        if name is None:
            return None
        return Draft(name, drill_titles(self.titles), {tag: _drilled(sound, tag) for tag, sound in self.sounds.items()})

    @property
    def as_heard(self) -> "Draft":
        """A test between two “diễn tập”, whether it says so already or not; anything else as it is."""
        if naming.purpose_of(self.name) is not Purpose.TEST:
            return self
        return Draft(self.name, self.titles, {tag: _tested(said, tag) for tag, said in self.sounds.items()}, self.siren)


def texts(said: Mapping[str, str]) -> dict[str, Sound]:
    return {language: Sound(BankSource.TEXT, text=text) for language, text in said.items()}


def draft_of(held: repository.Held) -> Draft:
    """What a revision says."""
    sounds = {
        media.language: Sound(media.source, media.text, media.original_sha256, media.original_name)
        for media in held.media
    }
    return Draft(held.entry.name, held.entry.titles, sounds, held.entry.siren)


def seed(db: Session, now: datetime) -> bool:
    """Have what comes with Loa in the bank, in its present words; whether anything changed.

    What people changed stays as they left it; a test of theirs only gets its “diễn tập”.
    """
    changed = False
    for draft in _shipped():
        last = repository.newest(db, draft.name)
        made_by = last.entry.made_by if last is not None else None
        wanted = draft if last is None or made_by is None else draft_of(last)
        if last is None or _words(draft_of(last)) != _words(wanted.as_heard):
            add(db, wanted, now, made_by)
            changed = True
    return changed


def read_otherwise(media: BankMedia, voices: Mapping[str, str]) -> bool:
    """Whether this was read by another voice than `voices` has for its language now."""
    read = media.source is BankSource.TEXT and media.state is RecordingState.READY
    return read and media.language in voices and media.voice != voices[media.language]


def add(
    db: Session, draft: Draft, now: datetime, made_by: str | None, voices: Mapping[str, str] = NO_VOICES
) -> BankEntry:
    """The next revision of the name, to be produced where it says something new, or by another voice than `voices`."""
    draft = draft.as_heard
    last = repository.newest(db, draft.name)
    revision = last.entry.revision + 1 if last is not None else 1
    entry = BankEntry(
        id=naming.bank_id(draft.name, revision),
        name=draft.name,
        revision=revision,
        titles=draft.titles,
        siren=draft.siren,
        made_by=made_by,
        made_at=now,
    )
    db.add(entry)
    db.flush()
    before = {media.language: media for media in last.media} if last is not None else {}
    said_before = draft_of(last).sounds if last is not None else {}
    for language, sound in draft.sounds.items():
        same = before.get(language) if said_before.get(language) == sound else None
        stays = same is not None and not read_otherwise(same, voices)
        db.add(_again(same, entry.id) if same is not None and stays else _queued(entry.id, language, sound))
    db.flush()
    return entry


def _shipped() -> Iterator[Draft]:
    known = shipped()
    for tone in known.sirens:
        sounds = {DEFAULT_LANGUAGE: Sound(BankSource.TONE, text=tone.tone.value)}
        yield Draft(tone.name, tone.title, sounds)
    for message in known.messages:
        draft = Draft(message.name, message.title, texts(message.text), message.siren)
        yield draft
        if draft.drill is not None:
            yield draft.drill


def _words(draft: Draft) -> tuple[object, ...]:
    return draft.titles, draft.siren, {tag: (sound.source, sound.text) for tag, sound in draft.sounds.items()}


def _drilled(sound: Sound, language: str) -> Sound:
    if sound.text is None or language not in spoken_languages():
        return sound
    return Sound(sound.source, text=framed(sound.text, language))


def _tested(sound: Sound, language: str) -> Sound:
    if sound.text is None or language not in spoken_languages():
        return sound
    return Sound(sound.source, text=framed(unframed(sound.text, language), language))


def _queued(entry_id: str, language: str, sound: Sound) -> BankMedia:
    return BankMedia(
        entry_id=entry_id,
        language=language,
        source=sound.source,
        text=sound.text,
        original_sha256=sound.original_sha256,
        original_name=sound.original_name,
    )


def _again(media: BankMedia, entry_id: str) -> BankMedia:
    made = BankMedia(**media.model_dump() | {"entry_id": entry_id})
    if made.state is not RecordingState.READY:
        made.state, made.attempts, made.claimed_at, made.error_code = RecordingState.QUEUED, 0, None, None
    return made
