"""What the API and the pages send and get about the message bank."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank.models import BankSource
from scheduler.bank.naming import MAX_NAME
from scheduler.zones.schemas import Id, Input, Language

MAX_TEXT = 600
MAX_LANGUAGES = 16

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Titles = Annotated[
    dict[Language, Title],
    Field(min_length=1, max_length=MAX_LANGUAGES, examples=[{"vi": "Lũ quét", "en": "Flash flood"}]),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
Texts = Annotated[
    dict[Language, Text],
    Field(
        max_length=MAX_LANGUAGES,
        description="By language, for those that are read aloud; other languages are sent as recordings.",
        examples=[{"vi": "Cảnh báo lũ quét. Bà con lên chỗ cao ngay."}],
    ),
]
MessageName = Annotated[
    str,
    StringConstraints(max_length=MAX_NAME, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
    Field(examples=["bridge-closed"], description="For good: `drill-`, `test-` and `siren-` are taken."),
]
SirenName = Annotated[str, StringConstraints(max_length=40), Field(examples=["siren-rise-fall"])]


class BankState(StrEnum):
    """Only what is `ready` is on receivers. `old` is too, for an hour and while an order names it.

    A revision that `failed` in a language in which the one before it sounds is on none: that one stays `ready`.
    `retired` says that the message was taken out of the bank; `gone` is a revision that receivers hold no more.
    """

    PRODUCING = "producing"
    READY = "ready"
    FAILED = "failed"
    OLD = "old"
    RETIRED = "retired"
    GONE = "gone"


class BankNew(Input):
    """A message and, with it, its drill."""

    name: MessageName
    titles: Titles
    texts: Annotated[Texts, Field(min_length=1)]
    siren: SirenName | None = Field(None, description="The tone that is offered before it.")


class BankChange(Input):
    """The next revision; what is not sent stays. `texts` replaces all that is read aloud, recordings stay."""

    titles: Titles | None = None
    texts: Texts | None = None
    siren: SirenName | None = None
    without: list[Language] = Field(default=[], max_length=MAX_LANGUAGES, description="Languages to leave out.")


class NewBankRecording(Input):
    """The language of a recording; the file comes beside it. `title` is the message's in that language."""

    language: Language = Field(examples=["sed"])
    title: Title | None = None


class BankMediaOut(BaseModel):
    """One language of a message. `text` is what is said, of a drill with what frames it.

    `error_code` is why it could not be produced last; `tried_again` that it will be by itself, in a while.
    """

    language: Language
    source: BankSource
    state: RecordingState
    text: str | None = None
    original_name: str | None = None
    error_code: str | None = Field(None, examples=["speech_failed"])
    tried_again: bool = False
    voice: str | None = Field(None, description="Reads the text; none of the one that is always there.")
    sha256: str | None = None
    size_bytes: int | None = Field(None, examples=[48_000])
    duration_us: int | None = Field(None, examples=[14_000_000])
    audio_url: str | None = Field(None, examples=["/api/v1/bank/flash-flood.1/audio?language=vi&v=5f70bf18a086"])


class BankEntryOut(BaseModel):
    """One revision of a message; `id` names it for good. `drill_id` is the newest revision of its drill.

    `duration_us` is of its longest language. `editable` says whether it is changed by itself, and not with another.
    """

    id: str = Field(examples=["flash-flood.1"])
    name: str = Field(examples=["flash-flood"])
    revision: int
    purpose: Purpose
    state: BankState
    titles: dict[str, str]
    siren: str | None = Field(None, examples=["siren-rise-fall"])
    correction: bool = Field(description="It takes an alarm back.")
    editable: bool
    drill_id: str | None = Field(None, examples=["drill-flash-flood.1"])
    duration_us: int | None = None
    size_bytes: int = Field(examples=[96_000])
    made_at: datetime
    made_by: Id | None = Field(None, description="None for what comes with Loa.")
    media: list[BankMediaOut]

    def title(self, language: str) -> str:
        return self.titles.get(language) or self.titles.get("vi") or next(iter(self.titles.values()))


class BankList(BaseModel):
    """`total_bytes` is what a receiver holds with every language, `bytes_by_language` with one of them."""

    items: list[BankEntryOut]
    total_bytes: int
    bytes_by_language: dict[str, int]
    producing: int = Field(description="Sounds still to be made; receivers get what changed once that is 0.")
    failed: int


class BankAtReceiver(BaseModel):
    """`missing` counts the messages that the receiver lacks, at least; None where it said nothing of them yet."""

    receiver_id: Id
    name: str = Field(examples=["Cụm loa thôn 4"])
    missing: int | None = None


class BankCompleteness(BaseModel):
    """Which receivers hold the whole bank: `complete` of `total`. `next` is the `after` of the next page of others."""

    complete: int
    total: int
    incomplete: list[BankAtReceiver]
    next: str | None = None
