"""Live talks: who speaks where, with which right to the air, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from broadcast.wire.documents import BroadcastClass
from scheduler.store.types import Json, UtcDateTime, word_of


class LiveKind(StrEnum):
    MICROPHONE = "microphone"
    RECORDED = "recorded"  # spoken and listened to first, then played at once
    RELAY = "relay"


class LiveState(StrEnum):
    WAITING = "waiting"
    ON_AIR = "on_air"
    ENDED = "ended"


class LiveEnd(StrEnum):
    SPEAKER = "speaker"  # who began it ended it
    FINISHED = "finished"  # the recording is over, or the relay's time
    LIMIT = "limit"
    SILENCE = "silence"
    GONE = "gone"  # the page was closed or the network dropped
    STOPPED = "stopped"  # by STOP ALL, or by another person
    TAKEN_OVER = "taken_over"  # by a higher class
    TURN_MISSED = "turn_missed"
    ROLE_TAKEN = "role_taken"  # whoever speaks has not the right to any more
    ACCOUNT_LOCKED = "account_locked"
    SIGNED_OUT = "signed_out"  # the sign-in that the microphone came with was ended, or has run out
    FAILED = "failed"
    CENTRE_LEFT = "centre_left"  # the process that carried it ended


class LiveTalk(SQLModel, table=True):
    """`id` is also the feed's. `start_us` is the microphone's time of sample 0; it is heard `delay_ms` later.

    The first `opening_ms` are the opening chime's. `turn_at` is since when its turn is, `seen_at` the last sign of life
    of the process that carries it. `silent` warns that nothing has been heard for a while. `withdrawn` says that
    receivers were told that it is over: until then an ended talk stays in the `now` documents with its length, so that
    its last words are heard. One with a `relay_id` speaks by the approval of that relay, not by its speaker's right.
    `recording_id` is what is played, of a relay while its source is silent; `sha256` its sound as it was when it was
    asked for, and no other.
    """

    __tablename__ = "live_talk"
    id: str = Field(primary_key=True, max_length=26)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    kind: LiveKind = Field(sa_type=word_of(LiveKind))
    cls: BroadcastClass = Field(default=BroadcastClass.PRIORITY, sa_type=word_of(BroadcastClass))
    state: LiveState = Field(default=LiveState.WAITING, sa_type=word_of(LiveState), index=True)
    title: str = Field(max_length=200)
    speaker_id: str = Field(foreign_key="app_user.id", index=True)
    order_id: str | None = Field(default=None, max_length=26)
    relay_id: str | None = Field(default=None, max_length=26, index=True)
    recording_id: str | None = Field(default=None, max_length=26)
    sha256: str | None = Field(default=None, max_length=64)
    source_url: str | None = Field(default=None, max_length=500)
    delay_ms: int
    bitrate_bps: int
    limit_s: int
    opening_ms: int = 0
    asked_at: datetime = Field(sa_type=UtcDateTime, index=True)
    starts_at: datetime = Field(sa_type=UtcDateTime)
    turn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    began_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    heard_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn: bool = Field(default=False, index=True)
    silent: bool = False
    start_us: int | None = Field(default=None, sa_type=BigInteger)
    key: str | None = Field(default=None, max_length=43)
    urls: list[str] = Field(default_factory=list, sa_column=Column(Json, nullable=False))
    frames: int | None = Field(default=None, sa_type=BigInteger)
    end_reason: LiveEnd | None = Field(default=None, sa_type=word_of(LiveEnd))
    end_detail: str | None = Field(default=None, max_length=300)
    announcement_id: str | None = Field(default=None, max_length=26, index=True)
    keep_until: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    version: int = 1


class LiveTarget(SQLModel, table=True):
    """A zone that hears the talk, with all below it; `group_id` where it was chosen as a member of a group."""

    __tablename__ = "live_target"
    id: int | None = Field(default=None, primary_key=True)
    talk_id: str = Field(foreign_key="live_talk.id", index=True)
    zone_id: str = Field(foreign_key="zone.id", index=True)
    group_id: str | None = Field(default=None, foreign_key="zone_group.id")
