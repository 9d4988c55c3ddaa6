"""What centre and receivers say to each other, as frozen typed values (pure).

Rules
- Instants are UTC microseconds since 1970 (`_us`), intervals are half-open `[start, end)`.
- Down: signed documents (`broadcast.wire.signed` has them all), each the whole truth for its target;
  `broadcast.wire.jws` signs them and `broadcast.wire.trust` is the only door by which a receiver takes one in.
- Up: `ReceiverState` (retained, last will) and `PlayReport` (numbered per receiver, kept until `Ack` names it).
- Unknown fields are ignored, so that an older receiver understands a newer centre; missing or wrong ones refuse.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

MAX_DOCUMENT_BYTES = 512 * 1024
MAX_AIRINGS = 1000  # with one recording each they fit in a document
MAX_FAULT_DETAIL = 200  # what is longer is cut there

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]
AiringId = Annotated[str, Meta(min_length=1, max_length=96, pattern=r"\A[A-Za-z0-9_.-]+\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
SHORT_SHA_CHARS = 12
ShortSha = Annotated[str, Meta(pattern=r"\A[0-9a-f]{12}\Z")]  # how a Sha256 begins
Us = Annotated[int, Meta(ge=0, le=2**53)]
Bytes = Annotated[int, Meta(ge=0, le=2**40)]
MessageName = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\A[a-z0-9-]+\Z")]
LanguageTag = Annotated[str, Meta(max_length=16, pattern=r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")]


class BroadcastClass(StrEnum):
    """Circular 39/2020's three classes, and background below them (waiting music, a relay that fills)."""

    EMERGENCY = "emergency"
    PRIORITY = "priority"
    NORMAL = "normal"
    BACKGROUND = "background"

    @property
    def rank(self) -> int:
        """Greater goes first."""
        return _RANK[self]


_RANK = {
    BroadcastClass.EMERGENCY: 3,
    BroadcastClass.PRIORITY: 2,
    BroadcastClass.NORMAL: 1,
    BroadcastClass.BACKGROUND: 0,
}


class Late(StrEnum):
    """What an airing does that could not begin at its planned start."""

    JOIN = "join"  # enter at the timeline place
    WHOLE = "whole"  # play from the beginning if that can begin within `window_us` of the planned start
    SKIP = "skip"


class AfterCut(StrEnum):
    """What an airing does that a higher one cut off."""

    TIMELINE = "timeline"  # go on where it would be by now
    RESTART = "restart"  # from the beginning, if within `window_us` of the planned start
    DROP = "drop"


class Media(Struct, frozen=True, kw_only=True):
    """One produced file: Opus in Ogg, 48 kHz mono, fetched as `media/{sha256}`."""

    sha256: Sha256
    size_bytes: Bytes
    duration_us: Us
    language: LanguageTag = "vi"


class Airing(Struct, frozen=True, kw_only=True):
    """One occurrence of a broadcast. `order` settles equals of one class: smaller first, as the commune decides."""

    id: AiringId
    broadcast_id: Id
    cls: BroadcastClass
    start_us: Us
    media: Annotated[tuple[Media, ...], Meta(min_length=1, max_length=16)]
    order: int = 0
    late: Late = Late.JOIN
    after_cut: AfterCut = AfterCut.TIMELINE
    window_us: Us = 0

    def media_for(self, languages: tuple[str, ...]) -> Media:
        """The recording in the first of `languages` there is, else the first one."""
        for language in languages:
            for media in self.media:
                if media.language == language:
                    return media
        return self.media[0]


class QuietHours(Struct, frozen=True, kw_only=True):
    """Local minutes of the day `[start_minute, end_minute)`; past midnight when the end is not after the start.

    `weekdays` are those on which the interval begins, Monday 0; all by default.
    """

    start_minute: Annotated[int, Meta(ge=0, le=1439)]
    end_minute: Annotated[int, Meta(ge=0, le=1440)]
    weekdays: tuple[Annotated[int, Meta(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)


class Quota(Struct, frozen=True, kw_only=True):
    """Sessions a local day and the length of one; a session is sound with pauses shorter than `gap_us`."""

    sessions_per_day: Annotated[int, Meta(ge=0, le=96)]
    session_us: Us
    gap_us: Us = 300_000_000


class Rules(Struct, frozen=True, kw_only=True):
    """What a zone allows, held on the node too; only an emergency passes quiet hours, quota and `max_airing_us`."""

    timezone: Annotated[str, Meta(max_length=64)] = "Asia/Ho_Chi_Minh"
    quiet_hours: Annotated[tuple[QuietHours, ...], Meta(max_length=32)] = ()
    quota: Quota | None = None
    max_airing_us: Us = 2 * 3600 * 1_000_000


class Document(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every signed document carries inside the signature."""

    target: Id
    number: Annotated[int, Meta(ge=1, le=2**53)]
    issued_us: Us
    expires_us: Us


class Programme(Document, frozen=True, kw_only=True, tag="programme"):
    """What zone `target` plays from the start of the local day on, seven days ahead."""

    airings: Annotated[tuple[Airing, ...], Meta(max_length=MAX_AIRINGS)] = ()


class LocalMessage(Struct, frozen=True, kw_only=True):
    """A prepared message that someone at the node starts (a contact closes, a command is given)."""

    name: MessageName
    media: Media
    cls: BroadcastClass = BroadcastClass.PRIORITY


class Amplifier(Struct, frozen=True, kw_only=True):
    """When the amplifier's relay closes before a sound, and how long it stays closed after one."""

    lead_us: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    tail_us: Annotated[int, Meta(ge=0, le=600_000_000)] = 0


class SelfTest(Struct, frozen=True, kw_only=True):
    """A short chirp that the node's microphone should hear.

    Each local day at `minute`, unless the zone is in its quiet hours; `asked_us` asks for one more, done once, as soon
    as nothing sounds. `level_dbfs` is the chirp's level at the device.
    """

    minute: Annotated[int, Meta(ge=0, le=1439)] | None = None
    asked_us: Us | None = None
    level_dbfs: Annotated[float, Meta(ge=-60, le=-6)] = -40.0


class ReceiverSettings(Document, frozen=True, kw_only=True, tag="settings"):
    """How receiver `target` behaves. `zone_path` runs from the root to its own zone; it obeys each of them.

    `restart_asked_us` asks the daemon to end once, for its supervisor to start it again, when nothing sounds.
    """

    zone_path: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=16)]
    rules: Rules = Rules()
    languages: tuple[LanguageTag, ...] = ("vi",)
    volume_by_hour: Annotated[tuple[Annotated[int, Meta(ge=0, le=100)], ...], Meta(min_length=24, max_length=24)] = (
        100,
    ) * 24
    fallback: Media | None = None
    messages: Annotated[tuple[LocalMessage, ...], Meta(max_length=16)] = ()
    amplifier: Amplifier = Amplifier()
    self_test: SelfTest | None = None
    month_budget_bytes: Bytes | None = None
    restart_asked_us: Us | None = None


class MediaProgress(Struct, frozen=True, kw_only=True):
    """One file that the programme needs and that is not whole on the receiver yet."""

    sha256: Sha256
    done_bytes: Bytes
    size_bytes: Bytes


class Fault(Struct, frozen=True, kw_only=True):
    """A condition that holds now. `code` is one of `broadcast.wire.fault_codes`, or of a newer receiver's."""

    code: Annotated[str, Meta(max_length=40)]
    detail: Annotated[str, Meta(max_length=MAX_FAULT_DETAIL)] = ""
    since_us: Us = 0


class Hearing(StrEnum):
    """What the node's microphone says of a sound."""

    HEARD = "heard"
    FAINT = "faint"  # recognised, but weak against what else is to be heard there
    NOT_HEARD = "not_heard"


class Heard(Struct, frozen=True, kw_only=True):
    """The microphone's verdict on one sound, by correlation with what was given to the device.

    `correlation` runs from 0 to 1; `delay_us` is from the device's instant to the microphone's, None when not heard;
    `level_dbfs` is the level at the microphone while it sounded.
    """

    verdict: Hearing
    correlation: float
    delay_us: int | None = None
    level_dbfs: float | None = None


class SelfTestResult(Struct, frozen=True, kw_only=True):
    """The last self-test; `heard` is None when there was no microphone to hear it."""

    at_us: Us
    heard: Heard | None = None


class ClockState(Struct, frozen=True, kw_only=True):
    """What the node knows of its clock.

    `error_us` is the kernel's estimate, None when nothing disciplines the clock. `offset_us` is the centre's clock less
    the node's as last measured, right within `offset_error_us`. A clock that is not `trusted` plays emergencies only;
    `reason` says why it is not.
    """

    trusted: bool
    reason: Annotated[str, Meta(max_length=40)] = ""
    error_us: int | None = None
    offset_us: int | None = None
    offset_error_us: int | None = None


class PowerState(Struct, frozen=True, kw_only=True):
    """Where the node's power comes from."""

    on_mains: bool | None = None
    battery_percent: float | None = None
    battery_v: float | None = None


class SignalState(Struct, frozen=True, kw_only=True):
    """The node's way to the network, e.g. kind `lte` or `wifi`."""

    kind: Annotated[str, Meta(max_length=20)]
    percent: float | None = None
    dbm: float | None = None
    operator: Annotated[str, Meta(max_length=60)] = ""


class DataUse(Struct, frozen=True, kw_only=True):
    """Bytes on the node's link, headers and all, in the zone's local day and month."""

    day_up_bytes: Bytes = 0
    day_down_bytes: Bytes = 0
    month_bytes: Bytes = 0


class OrderProgress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an order or a live session in force, told as soon as it changes.

    `sounding_us` is when its first sample was heard, `ended_us` when the horn fell silent after it ended or was taken
    back; `level_dbfs` is of what was written to the device. `reason` is why it does not sound.
    """

    id: Id
    received_us: Us
    sounding_us: Us | None = None
    ended_us: Us | None = None
    level_dbfs: float | None = None
    heard: Heard | None = None
    reason: Annotated[str, Meta(max_length=80)] = ""


class ReceiverState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver's retained state. `online` false is the last will; what was not measured is absent, never zero.

    `player` is where its life stands (`receivers.life`): `idle`, `playing`, `interrupted`, `emergency`, `fallback`,
    `stopped`, `no_device`, `off`. `acknowledged` is the highest report number that it was ever told the centre had:
    what it has let go. `refused` counts refused orders by reason. Of the recordings that its programme needs, `ready`
    are whole and verified, `media` are not yet.
    """

    online: bool
    at_us: Us
    player: Annotated[str, Meta(max_length=20)] = "idle"
    airing_id: AiringId | None = None
    level_dbfs: float | None = None
    orders: Annotated[tuple[OrderProgress, ...], Meta(max_length=32)] = ()
    numbers: dict[str, int] = {}
    ready: Annotated[tuple[ShortSha, ...], Meta(max_length=MAX_AIRINGS)] = ()
    media: Annotated[tuple[MediaProgress, ...], Meta(max_length=MAX_AIRINGS)] = ()
    faults: Annotated[tuple[Fault, ...], Meta(max_length=50)] = ()
    refused: dict[str, int] = {}
    pending_reports: int = 0
    acknowledged: Annotated[int, Meta(ge=0, le=2**53)] = 0
    cache_bytes: Bytes = 0
    free_bytes: Bytes | None = None
    clock: ClockState | None = None
    volume_percent: int | None = None
    power: PowerState | None = None
    signal: SignalState | None = None
    temperature_c: float | None = None
    data: DataUse | None = None
    self_test: SelfTestResult | None = None
    started_us: Us | None = None
    version: Annotated[str, Meta(max_length=40)] = ""


class Outcome(StrEnum):
    """How an airing ended on one receiver."""

    HEARD = "heard"  # played to its end with sound at the device
    # Played to its end, but the device was given silence; or sound, and the node's microphone did not hear it: then the
    # reason is `not_heard_by_microphone` and `heard` says what it measured. What the microphone hears faintly is heard.
    SILENT = "silent"
    CUT = "cut"  # a part sounded
    SKIPPED = "skipped"  # the rules forbade it or it came too late
    FAILED = "failed"  # it should have sounded and could not


class PlayReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one receiver measured for one airing; `number` counts the receiver's reports without a hole.

    Levels, gaps, underruns and `clipped_frames` are of what was written to the device, `heard` is the microphone's.
    Of a feed, `late_chunks` of `chunks` came after their place on the timeline or not at all, and `concealed_us` was
    made up.
    """

    number: Annotated[int, Meta(ge=1, le=2**53)]
    airing_id: AiringId
    broadcast_id: Id
    outcome: Outcome
    planned_start_us: Us
    planned_duration_us: Us
    start_us: Us | None = None
    start_error_us: int | None = None
    end_us: Us | None = None
    played_us: Us = 0
    gap_us: Us = 0
    underruns: int = 0
    rms_dbfs: float | None = None
    peak_dbfs: float | None = None
    clipped_frames: int = 0
    heard: Heard | None = None
    chunks: int = 0
    late_chunks: int = 0
    concealed_us: Us = 0
    media_sha256: Sha256 | None = None
    media_ready_us: Us | None = None
    reason: Annotated[str, Meta(max_length=80)] = ""


class Ack(Struct, frozen=True, kw_only=True):
    """The highest report number of a receiver that the centre has stored, with none missing below it."""

    number: Annotated[int, Meta(ge=0, le=2**53)]


class Beat(Struct, frozen=True, kw_only=True):
    """A sign of life now and then, and a question for the time: `at_us` by the receiver's clock."""

    at_us: Us


class TimeTold(Struct, frozen=True, kw_only=True):
    """The answer: the beat's own `at_us`, and the centre's clock when it answered."""

    at_us: Us
    centre_us: Us
