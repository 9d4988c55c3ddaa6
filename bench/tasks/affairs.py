"""What else lies on the desks of an office: bulletins, people to come, orders of the past, what residents wrote."""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from bench.tasks.office import DUTY, HELPER, KEEPER, LEADER, OFFICIAL, SECOND, ZONE, Office
from broadcast.wire.now import Purpose
from scheduler.announcements import parts
from scheduler.announcements.schemas import NewPlaylist
from scheduler.bulletins import service as bulletins
from scheduler.bulletins.schemas import BulletinIn
from scheduler.deputies import service as deputies
from scheduler.deputies.schemas import DeputyIn
from scheduler.emergency import service as emergencies
from scheduler.emergency.rehearsal import service as rehearsals
from scheduler.emergency.rehearsal.schemas import RunIn
from scheduler.emergency.schemas import WORDS, ConfirmIn, OrderIn
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import village
from scheduler.fleet.upkeep.schemas import VillageReportIn
from scheduler.live import asking as talks
from scheduler.live import service as live
from scheduler.live.asking import Terms
from scheduler.live.schemas import LiveIn
from scheduler.people import invitations
from scheduler.people.schemas import InvitationNew
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayIn
from scheduler.residents import feedback, places
from scheduler.residents.models import Publication
from scheduler.residents.schemas import FeedbackIn
from scheduler.retention import service as retention
from scheduler.retention.schemas import RuleIn
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import groups
from scheduler.zones.schemas import GroupNew
from web.pages.residents_paths import public_path

RELAY_HOST = "stream.example"
FLOOD, FLOOD_DRILL = "flash-flood.1", "drill-flash-flood.1"
SLOTS = ("Tin của xã", "Nông nghiệp", "Y tế và giáo dục")


def occupy(store: Store, office: Office, now: datetime) -> None:
    before = now - timedelta(hours=5)
    with store.writing() as db:
        office.ids["order"] = _order(db, office, before, Purpose.REAL, confirmed=False)
        office.ids["drill"] = _order(db, office, before, Purpose.DRILL, confirmed=True)
        asked = RunIn(silent=True)
        run = rehearsals.run_now(db, office.people[DUTY], before, office.commune, asked)
        office.ids["run"] = run.id
        office.ids["talk"] = _talk(db, office, before)
    with store.writing() as db:
        _desk(db, office, now)
        _residents(db, office, before)
        office.ids["receiver"] = db.exec(select(Receiver.id).where(Receiver.zone_id == office.village())).first() or ""
        village.report(
            db,
            office.people[HELPER],
            before,
            VillageReportIn(zone_id=office.village(), text="Loa ở nhà văn hóa rè, nghe không rõ từ sáng thứ Hai."),
        )


def _order(db: Session, office: Office, now: datetime, purpose: Purpose, *, confirmed: bool) -> str:
    """Of a commune that no other broadcast is in."""
    draft = {
        "zone_ids": [office.district.communes["20941"]],
        "parts": [{"kind": "bank", "id": FLOOD if purpose is Purpose.REAL else FLOOD_DRILL}],
        "reason": "Mưa lớn trên sông Tranh",
        "minutes": 5,
    }
    asked = emergencies.ask(db, office.people[DUTY], now, purpose, OrderIn.model_validate(draft))
    if not confirmed:
        return emergencies.withdraw(db, office.people[DUTY], now, asked.id, purpose=purpose).id
    word = ConfirmIn(word=WORDS[purpose])
    return emergencies.confirm(
        db, office.people[SECOND], now, asked.id, word, purpose=purpose, version=asked.version
    ).id


def _talk(db: Session, office: Office, now: datetime) -> str:
    asked = LiveIn(zone_id=office.commune, zone_ids=[office.commune], title="Chủ tịch xã nói chuyện với bà con")
    talk = talks.ask(db, office.people[DUTY], now, asked, Terms())
    live.stop(db, office.people[DUTY], now, talk.id)
    return talk.id


def _desk(db: Session, office: Office, now: datetime) -> None:
    template = {
        "zone_id": office.commune,
        "name": "Bản tin chiều",
        "slots": [{"name": name} for name in SLOTS],
        "times": ["17:00"],
        "zone_ids": [office.commune],
    }
    made = bulletins.create(db, office.people[OFFICIAL], now, BulletinIn.model_validate(template))
    day = now.astimezone(ZONE).date() + timedelta(days=1)
    _programmes(db, office, now)
    office.ids |= {"bulletin": made.id, "edition": f"{made.id}/{day.isoformat()}/17:00"}
    keeper = office.people[KEEPER]
    for name in ("Lê Thị Mai", "A Lăng Vinh"):
        roles = [{"zone_id": office.commune, "role": Role.VIEWER, "until": now + timedelta(days=200)}]
        new = InvitationNew.model_validate({"name": name, "zone_id": office.commune, "roles": roles})
        code = invitations.new_code()
        invitations.invite(db, keeper, now, new, code)
        office.ids["code"] = code.typed
    members = [office.village(), office.village("Thôn 3")]
    new_group = GroupNew(zone_id=office.district.district_id, name="Lưu vực sông Leng", member_ids=members)
    office.ids["group"] = groups.create_group(db, keeper, now, new_group).id
    named = DeputyIn(deputy_id=office.ids[HELPER], zone_id=office.commune, until=now + timedelta(days=3))
    deputies.name(db, office.people[LEADER], now, named)


def _programmes(db: Session, office: Office, now: datetime) -> None:
    official, day = office.people[OFFICIAL], now.astimezone(ZONE).date()
    asked = {
        "zone_id": office.commune,
        "title": "Thời sự VOV1",
        "source_url": f"https://{RELAY_HOST}/vov1.mp3",
        "limit_min": 15,
        "when": {
            "kind": "repeat",
            "starts_local": f"{day + timedelta(days=1)}T06:00",
            "rrule": "FREQ=DAILY",
            "until": f"{day + timedelta(days=90)}",
        },
        "zone_ids": [office.commune],
    }
    terms = Terms(frozenset({RELAY_HOST}))
    office.ids["relay"] = relays.create(db, official, now, RelayIn.model_validate(asked), terms).id
    playlist = {
        "zone_id": office.commune,
        "title": "Tin buổi sáng",
        "announcement_ids": [office.ids["announcement"]] * 2,
    }
    office.ids["playlist"] = parts.create(db, official, now, NewPlaylist.model_validate(playlist)).id
    rule = RuleIn.model_validate({"zone_id": office.commune, "subject": "live", "days": 60})
    office.ids["rule"] = retention.create(db, office.people[KEEPER], now, rule).id


def _residents(db: Session, office: Office, now: datetime) -> None:
    here = places.public_place(db, office.village(), now)
    asked = FeedbackIn(text="Loa gần trường học phát quá to vào buổi trưa.", name="Hồ Văn Đoàn", phone="0905 123 456")
    office.ids["feedback"] = feedback.leave(db, here, now, asked, "203.0.113.7")
    today = now.astimezone(ZONE).date()
    office.ids |= {"village": public_path(office.village(), here.zone.name), "village-id": office.village()}
    office.ids |= {"commune": office.commune, "today": f"{today}", "tomorrow": f"{today + timedelta(days=1)}"}
    office.ids["publication"] = db.exec(select(Publication.id)).first() or ""
