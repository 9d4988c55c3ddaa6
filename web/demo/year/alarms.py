"""Emergencies, drills, the weekly tests and live talks of the year (rows only)."""

from datetime import date, datetime, time, timedelta
from typing import Any

from broadcast.clock import to_us
from broadcast.wire.documents import BroadcastClass, Hearing
from broadcast.wire.now import Purpose
from scheduler.announcements.models import Category
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow, OrderTarget
from scheduler.emergency.rehearsal.models import Rehearsal, RehearsalRun
from scheduler.emergency.rehearsal.schemas import Verdict
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk, LiveTarget
from scheduler.relays.models import Relay, RelayRun, RelayTarget
from scheduler.reports.begun import LIVE
from scheduler.store.types import new_id
from scheduler.workflow import State as Reached
from web.demo.year import words
from web.demo.year.area import Commune
from web.demo.year.heard import Listeners
from web.demo.year.programme import ZONE, Aired, Year, announce, local, of_commune
from web.demo.year.words import Item

_REAL = (
    ("flash-flood.1", "Lũ quét trên sông Tranh, tin của Ban chỉ huy phòng chống thiên tai."),
    ("landslide.1", "Sạt lở sau trường học, đất còn chuyển động."),
    ("storm.1", "Bão vào bờ trong sáu giờ tới."),
    ("forest-fire.1", "Cháy rừng ở tiểu khu 742, gió đang đổi hướng."),
    ("dam-release.1", "Thuỷ điện xả lũ khẩn cấp."),
)
_DRILL = ("drill-flash-flood.1", "Diễn tập phòng chống lũ quét theo kế hoạch quý.")
_SIREN, _FALSE = "siren-rise-fall.1", "false-alarm.1"
_TALKS = ("Chủ tịch xã nói chuyện với bà con về mùa mưa", "Thông báo tìm trẻ lạc", "Trực tiếp khai giảng năm học mới")
_RELAYED_S = 900
RELAY_HOST = "stream.vov.example"
_URL = f"https://{RELAY_HOST}/vov1.mp3"


def orders(year: Year, days: int) -> None:
    """Real ones in the rainy months, one of them taken back; a drill each quarter; one that waits to be confirmed."""
    for number in range(max(1, days // 60)):
        commune = year.area.communes[number % min(4, len(year.area.communes))]
        at = year.now - timedelta(days=11 + 60 * number, hours=3)
        bank, reason = _REAL[number % len(_REAL)]
        first = _order(year, commune, Purpose.REAL, bank, reason, at, State.CANCELLED if number == 1 else State.OVER)
        if number == 1:
            _order(
                year,
                commune,
                Purpose.REAL,
                _FALSE,
                "Báo nhầm: cảm biến mưa hỏng.",
                at + timedelta(minutes=4),
                corrects=first,
            )
    for number in range(max(1, days // 90)):
        at = year.now - timedelta(days=25 + 90 * number, hours=5)
        _order(year, year.area.communes[number % min(4, len(year.area.communes))], Purpose.DRILL, *_DRILL, at)
    _order(year, year.area.communes[0], Purpose.DRILL, *_DRILL, year.now - timedelta(minutes=3), State.ASKED)


def _order(
    year: Year, commune: Commune, purpose: Purpose, bank: str, reason: str, at: datetime,
    state: State = State.OVER, corrects: str | None = None,
) -> str:  # fmt: skip
    order_id, crew, staff = new_id(at), year.crew, year.crew.staff[commune.number]
    issued = at + timedelta(minutes=2) if state is not State.ASKED else None
    ended = at + timedelta(minutes=6 if state is State.CANCELLED else 17) if issued else None
    parts = [
        {"kind": "bank", "id": one} for one in ((_SIREN, bank) if purpose is Purpose.REAL and not corrects else (bank,))
    ]
    year.lots.add(
        EmergencyOrder, id=order_id, purpose=purpose, state=state.value, zone_path=commune.path, parts=parts,
        every_s=60, minutes=15, until_at=ended, reason=reason, author_id=crew.dispatcher_id,
        confirmer_id=staff.leader_id if issued else None, corrects_id=corrects, asked_at=at,
        ender_id=crew.dispatcher_id if state is State.CANCELLED else None,
        lapses_at=at + timedelta(minutes=15), issued_at=issued, start_us=to_us(issued) if issued else None,
        ended_at=ended, version=3,
    )  # fmt: skip
    year.lots.add(OrderTarget, order_id=order_id, zone_id=commune.id)
    name = "emergency" if purpose is Purpose.REAL else "drill"
    subject, where = f"order:{order_id}", [commune.name]
    year.lots.act(at, crew.dispatcher_id, f"{name}.ask", subject, commune.path, where=where, reason=reason)
    if issued:
        year.lots.act(issued, staff.leader_id, f"{name}.confirm", subject, commune.path, where=where, state="issued")
        _progress(year, order_id, commune, issued, ended or issued)
    return order_id


def _progress(year: Year, order_id: str, commune: Commune, issued: datetime, ended: datetime) -> None:
    """One fails each time: so there is always somebody to call."""
    dice = year.dice
    failing = dice.choice(commune.receivers)
    for receiver_id in commune.receivers:
        if receiver_id != failing and dice.random() < 0.03:
            continue
        heard = receiver_id != failing and dice.random() < 0.97
        received = issued + timedelta(milliseconds=dice.randrange(90, 1500))
        year.lots.add(
            OrderProgressRow, order_id=order_id, receiver_id=receiver_id, received_at=received,
            sounding_at=received + timedelta(milliseconds=dice.randrange(300, 900)) if heard else None,
            ended_at=ended if heard else None, level_dbfs=round(dice.gauss(-16, 1), 1) if heard else None,
            microphone=Hearing.HEARD.value if heard and dice.random() < 0.4 else None,
            reason="" if heard else "audio_device", told_at=ended + timedelta(seconds=1),
        )  # fmt: skip


def rehearsals(year: Year, weeks: int, listeners: Listeners) -> None:
    """Each commune's silent test of every Wednesday."""
    for commune in year.area.of_district():
        wednesday = (year.now - timedelta(days=(year.now.weekday() - 2) % 7)).date()
        nearest = local(wednesday, time(9, 30))
        following = nearest if nearest > year.now else nearest + timedelta(days=7)
        year.lots.add(
            Rehearsal, zone_id=commune.id, weekday=2, minute=9 * 60 + 30, silent=True, set_by=year.crew.keeper_id,
            next_at=following,
        )  # fmt: skip
        for number in range(1, weeks + 1):
            _run(year, commune, following - timedelta(days=7 * number), listeners)


def _run(year: Year, commune: Commune, at: datetime, listeners: Listeners) -> None:
    homes = {
        key: (village.id, f"Cụm loa {commune.name} - {village.name} - {number}")
        for village in commune.villages
        for number, key in enumerate(village.receivers, 1)
    }
    results: list[dict[str, Any]] = []
    for place, receiver_id in enumerate(commune.receivers):
        away = listeners.is_away(receiver_id, at, at)
        missed = away or year.dice.random() < 0.06
        verdict = Verdict.HEARD if place % 3 else Verdict.PLAYED
        if missed:
            verdict = Verdict.UNREACHABLE if away else year.dice.choice((Verdict.NOT_HEARD, Verdict.UNREACHABLE))
        results.append(
            {
                "receiver_id": receiver_id, "zone_id": homes[receiver_id][0], "name": homes[receiver_id][1],
                "verdict": verdict.value, "level_dbfs": None if missed else round(year.dice.gauss(-33, 1), 1),
                "at": None if missed else at.isoformat(), "troubles": [],
            }
        )  # fmt: skip
    year.lots.add(
        RehearsalRun, id=new_id(at), zone_id=commune.id, due_at=at, began_at=at, silent=True,
        receiver_ids=list(commune.receivers), closes_at=at + timedelta(minutes=10),
        closed_at=at + timedelta(minutes=10), results=results,
    )  # fmt: skip


def talks(year: Year, days: int) -> list[Aired]:
    """What was said live: talks that are kept, and the relays of the first two communes."""
    made = []
    for number in range(max(1, days // 30)):
        commune = year.area.communes[number % min(4, len(year.area.communes))]
        at = year.now - timedelta(days=2 + 30 * number, hours=4)
        title, kept = _TALKS[number % len(_TALKS)], number == 0
        said = Item(title, Category.NEWS, ("trực tiếp",), words.ITEMS[0].text)
        announcement = announce(year, of_commune(year, commune), said, at) if kept else None
        end = LiveEnd.GONE if number == 2 else LiveEnd.SPEAKER
        made.append(
            _talk(year, commune, LiveKind.MICROPHONE, title, at, 340 + 7 * number, end, announcement=announcement)
        )
    for commune in year.area.of_district()[:2]:
        made += _relayed(year, commune, min(days, 45))
    return made


def _talk(
    year: Year, commune: Commune, kind: LiveKind, title: str, at: datetime, length_s: int, end: LiveEnd, *,
    announcement: str | None = None, relay_id: str | None = None,
) -> Aired:  # fmt: skip
    talk_id, ended = new_id(at), at + timedelta(seconds=length_s)
    year.lots.add(
        LiveTalk, id=talk_id, zone_id=commune.id, kind=kind, cls=BroadcastClass.PRIORITY, state=LiveState.ENDED,
        title=title, speaker_id=year.crew.staff[commune.number].editor_id if relay_id else year.crew.dispatcher_id,
        relay_id=relay_id, source_url=_URL if relay_id else None, delay_ms=2000, bitrate_bps=24_000,
        limit_s=_RELAYED_S, opening_ms=2400, asked_at=at, starts_at=at, began_at=at, ended_at=ended,
        heard_until=ended + timedelta(seconds=2), withdrawn=True, start_us=to_us(at), frames=length_s * 48_000,
        end_reason=end, announcement_id=announcement, keep_until=at + timedelta(days=30) if announcement else None,
    )  # fmt: skip
    year.lots.add(LiveTarget, talk_id=talk_id, zone_id=commune.id)
    year.lots.act(at, year.crew.dispatcher_id, "live.begin", f"live:{talk_id}", commune.path, title=title)
    return Aired(f"{LIVE}{talk_id}", talk_id, at + timedelta(seconds=2), length_s * 1_000_000, None, commune.receivers)


def _relayed(year: Year, commune: Commune, days: int) -> list[Aired]:
    today: date = year.now.astimezone(ZONE).date()
    began = local(today - timedelta(days=days), time(6, 0))
    staff, relay_id = year.crew.staff[commune.number], new_id(began)
    following = next(at for at in (local(today + timedelta(days=n), time(6, 0)) for n in (0, 1)) if at > year.now)
    year.lots.add(
        Relay, id=relay_id, zone_id=commune.id, title=words.RELAY, source_url=_URL, cls=BroadcastClass.NORMAL,
        limit_s=_RELAYED_S, state=Reached.APPROVED.value, starts_local=began.strftime("%Y-%m-%dT06:00:00"),
        timezone=ZONE.key, rrule="FREQ=DAILY", until_local=f"{today + timedelta(days=120)}", author_id=staff.editor_id,
        editor_ids=[staff.editor_id], approver_id=staff.leader_id, created_at=began, submitted_at=began,
        approved_at=began, next_at=following, public=True,
    )  # fmt: skip
    year.lots.add(RelayTarget, relay_id=relay_id, zone_id=commune.id)
    made = []
    for number in range(days):
        at = local(today - timedelta(days=days - number), time(6, 0))
        trouble = {days // 2: "centre_was_away", days - 3: "host_not_allowed"}.get(number)
        talk = (
            None
            if trouble
            else _talk(year, commune, LiveKind.RELAY, words.RELAY, at, _RELAYED_S, LiveEnd.FINISHED, relay_id=relay_id)
        )
        made += [talk] if talk else []
        year.lots.add(
            RelayRun, relay_id=relay_id, due_at=at, noted_at=at + timedelta(minutes=20 if trouble else 0),
            zone_ids=[commune.id], talk_id=talk.broadcast_id if talk else None, trouble=trouble,
        )  # fmt: skip
    return made
