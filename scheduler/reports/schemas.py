"""What the API and the pages get of reports."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from broadcast.wire.documents import BroadcastClass
from scheduler.fleet.upkeep.schemas import Confirmed
from scheduler.reports.figures import Kind
from scheduler.reports.spans import Length
from scheduler.zones.schemas import Id


class FiguresOut(BaseModel):
    """`airings` counts an airing once in each village; `plays` once for each receiver. `ratio` is of seconds."""

    bulletins: int = Field(examples=[60], description="Different airings; a live talk is one.")
    airings: int = Field(examples=[180], description="Airings, each counted once in each village.")
    heard: int = Field(examples=[176], description="Of these, those that at least one receiver of the village heard.")
    partly: int = Field(examples=[2], description="Of these, those that not all receivers of the village heard.")
    plays: int = Field(examples=[240], description="Airings, each counted once for each receiver.")
    plays_fetched: int = Field(examples=[239])
    plays_started: int = Field(examples=[236])
    plays_heard: int = Field(examples=[235])
    plays_missed: int = Field(examples=[5])
    emergencies: int = Field(examples=[1], description="Emergencies, once in each village; no drills or tests.")
    emergencies_heard: int = Field(examples=[1])
    requested_us: int = Field(examples=[36_000_000_000])
    played_us: int = Field(examples=[35_500_000_000])
    ratio: float | None = Field(examples=[0.986], description="Seconds played of those asked for.")
    error_us: int | None = Field(examples=[-1200], description="The largest error of a start.")


class StationOut(FiguresOut):
    """A commune's station or, in a report by villages, a village."""

    id: Id
    name: str = Field(examples=["Xã Trà Leng"])
    code: str | None = Field(examples=["20935"])
    is_group: bool = Field(False, description="A commune that others were merged into.")
    clusters: int = Field(examples=[10], description="Receivers that stand there today.")
    area: list[str] = Field(examples=[["Thôn 1", "Thôn 2"]], description="The villages that it is heard in.")
    latitude: float | None = Field(examples=[15.28])
    longitude: float | None = Field(examples=[107.99])


class DetailsGone(BaseModel):
    """Before a day a rule of retention has left nothing but the sums of each commune as it was then."""

    before: date
    total_whole: bool = Field(description="Whether these sums are in the total, each as a row of the commune.")


class SummaryOut(BaseModel):
    """`changes` are the days on which stations became others: each can be the day of `boundaries`.

    `gone` is said where villages had to be told apart and no longer can be.
    """

    zone_id: Id
    zone_name: str = Field(examples=["Nam Trà My"])
    length: Length
    first: date
    last: date
    boundaries: date
    changes: list[date]
    stations: list[StationOut]
    total: StationOut
    gone: DetailsGone | None = None


class LineOut(BaseModel):
    """An airing in a village. `missed_by` counts receivers by why they missed it; `waiting` may still report."""

    airing_id: str
    broadcast_id: str
    kind: Kind
    cls: BroadcastClass
    title: str = Field(examples=["Lịch tiêm chủng"])
    zone_id: Id
    zone_name: str = Field(examples=["Thôn 1"])
    station: str = Field(examples=["Xã Trà Leng"])
    day: date
    start: datetime
    timezone: str
    receivers: int
    fetched: int
    started: int
    heard: int
    missed: int
    waiting: int
    microphones: int
    missed_by: dict[str, int] = Field(examples=[{"not_running": 1}])
    error_us: int | None
    level_dbfs: float | None
    microphone_dbfs: float | None
    requested_us: int
    played_us: int
    document_no: str | None = Field(None, examples=["45/TB-UBND"], description="Of the paper that was signed for it.")
    confirmed: Confirmed | None = Field(None, description="How many people in the village say that they heard it.")


class LinePage(BaseModel):
    """`next` is the cursor of the following page; absent on the last. `gone` says that the list is not whole."""

    items: list[LineOut]
    next: str | None = None
    gone: DetailsGone | None = None


class ReceiverHeard(BaseModel):
    """What one receiver reported of an airing; all absent where it has said nothing."""

    receiver_id: Id
    name: str
    result: str | None = Field(None, examples=["heard"])
    reason: str | None = Field(None, examples=["not_running"])
    fetched_at: datetime | None = None
    started_at: datetime | None = None
    error_us: int | None = None
    level_dbfs: float | None = None
    microphone: str | None = None
    microphone_dbfs: float | None = None
    played_us: int = 0


class AiringHeard(LineOut):
    results: list[ReceiverHeard]


class VillageDay(BaseModel):
    zone_id: Id
    zone_name: str
    place: list[str] = Field(description="Names of the zones above, from the root.")
    day: date
    timezone: str
    figures: FiguresOut
    airings: list[AiringHeard]
    gone: DetailsGone | None = None


class SubscriptionOut(BaseModel):
    """Whether you are told each morning what was not heard in the zone."""

    zone_id: Id
    subscribed: bool
