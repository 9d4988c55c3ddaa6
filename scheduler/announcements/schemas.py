"""What the API and the pages send and get about announcements."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from broadcast.produce.request import MAX_PARTS, MAX_PAUSE_MS, MAX_REPEATS, Chime
from broadcast.speech.voice import MAX_SPEED, MIN_SPEED
from scheduler.announcements import naming
from scheduler.announcements.models import Category, RecordingState, Source
from scheduler.zones import schemas as zones
from scheduler.zones.schemas import Id, Input

Language = Annotated[zones.Language, Field(description="BCP 47.", examples=["vi"])]
# The exact limits and their messages are `naming`'s; these only keep nonsense out early.
Title = Annotated[str, Field(max_length=10 * naming.MAX_TITLE, examples=["Lịch tiêm chủng mở rộng"])]
Text = Annotated[
    str,
    Field(
        max_length=10 * naming.MAX_TEXT,
        description=f"At most {naming.MAX_TEXT} characters.",
        examples=["Sáng thứ Bảy, ngày 14/6, từ 7h30, trạm y tế tiêm chủng cho trẻ từ 2 đến 18 tháng."],
    ),
]


AnyChime = Annotated[
    Chime | None,
    BeforeValidator(lambda word: None if word == "none" else word),
    Field(description="`none` in a form, or null, is no chime."),
]


class Recipe(Input):
    """Opening chime, the announcement `repeat_count` times with pauses between, closing chime."""

    opening: AnyChime = Chime.NORMAL
    closing: AnyChime = None
    repeat_count: int = Field(default=1, ge=1, le=MAX_REPEATS)
    pause_ms: int = Field(default=1500, ge=0, le=MAX_PAUSE_MS)
    between: Annotated[AnyChime, Field(description="Between two parts of what is put together.")] = None


class NewPlaylist(Input):
    """Announcements one after the other as a new one: each is said once, without its own chimes.

    `recipe.pause_ms` and `recipe.between` stand between two of them.
    """

    zone_id: Id
    title: Title
    announcement_ids: list[Id] = Field(min_length=1, max_length=MAX_PARTS, examples=[["01KB0ZTVXY0000000000000000"]])
    recipe: Recipe = Recipe()


class PlaylistParts(Input):
    """Other announcements, another order, or other chimes."""

    announcement_ids: list[Id] = Field(min_length=1, max_length=MAX_PARTS, examples=[["01KB0ZTVXY0000000000000000"]])
    recipe: Recipe = Recipe()


class TextRecording(Input):
    """One language, typed and read aloud."""

    language: Language = "vi"
    text: Text
    voice: str = Field(default="vi-north", max_length=80)
    speed: float = Field(default=1.0, ge=MIN_SPEED, le=MAX_SPEED)
    recipe: Recipe = Recipe()


class SoundRecording(Input):
    """One language, sent as a sound file; the file itself comes beside this."""

    language: Language = "vi"
    source: Literal[Source.FILE, Source.MICROPHONE] = Source.FILE
    recipe: Recipe = Recipe()


class NewAnnouncement(Input):
    """An announcement whose recordings are read aloud from text; `urgent` lets them be produced before all others."""

    zone_id: Id
    title: Title
    recordings: list[TextRecording] = Field(
        min_length=1,
        max_length=16,
        examples=[[{"language": "vi", "text": "Sáng thứ Bảy, ngày 14/6, từ 7h30, trạm y tế tiêm chủng cho trẻ."}]],
    )
    urgent: bool = False


class NewUpload(Input):
    """An announcement that is sent as a sound file, or recorded in the browser."""

    zone_id: Id
    title: Title
    urgent: bool = False
    recording: SoundRecording = SoundRecording()


class CopyOf(Input):
    """An existing announcement again, in another zone or under another title; nothing is produced anew."""

    zone_id: Id | None = None
    title: Title | None = None


class NewTitle(Input):
    title: Title


class SpokenRequest(Input):
    text: Text
    voice: str = Field(default="vi-north", max_length=80)


class SpokenText(BaseModel):
    """The text as it will be read."""

    spoken_text: str = Field(examples=["sáng thứ bảy, ngày mười bốn tháng sáu, từ bảy giờ ba mươi"])


class VoiceOut(BaseModel):
    id: str = Field(examples=["vi-north"])
    name: str
    language: str = Field(examples=["vi"])
    region: str = Field(examples=["north"])
    engine: str = Field(examples=["espeak-ng"])


class RecordingOut(BaseModel):
    """One language of an announcement. `progress` runs from 0 to 1 while `state` is `producing`.

    `error_code` and `warnings` are stable words, for example `not_audio` or `silence_only`.
    """

    model_config = ConfigDict(from_attributes=True)

    id: Id
    announcement_id: Id
    language: Language
    source: Source
    state: RecordingState
    progress: float = Field(ge=0, le=1)
    urgent: bool
    text: str | None = None
    voice: str | None = None
    speed: float
    recipe: Recipe
    original_name: str | None = Field(default=None, examples=["tiem-chung.mp3"])
    error_code: str | None = Field(default=None, examples=["not_audio"])
    warnings: list[str] = Field(default=[], examples=[["silence_only"]])
    sha256: str | None = None
    size_bytes: int | None = Field(default=None, examples=[389120])
    duration_us: int | None = Field(default=None, examples=[130_000_000])
    loudness_lufs: float | None = Field(default=None, examples=[-16.0])
    true_peak_dbtp: float | None = Field(default=None, examples=[-2.1])
    created_at: datetime
    produced_at: datetime | None = None


class AnnouncementOut(BaseModel):
    """`may_edit` says whether whoever asks may change it; `in_use` that broadcasts hold it as it is."""

    model_config = ConfigDict(from_attributes=True)

    id: Id
    zone_id: Id
    zone_name: str = Field(examples=["Xã Trà Leng"])
    title: str = Field(examples=["Lịch tiêm chủng mở rộng"])
    author_id: Id
    author_name: str = Field(examples=["Nguyễn Thị Lan"])
    copied_from_id: Id | None = None
    category: Category | None = None
    tags: list[str] = Field(default=[], examples=[["vụ đông xuân"]])
    created_at: datetime
    version: int
    recordings: list[RecordingOut]
    in_use: bool
    may_edit: bool


class AnnouncementPage(BaseModel):
    """`next` is the cursor of the following page; absent on the last."""

    items: list[AnnouncementOut]
    next: str | None = None
