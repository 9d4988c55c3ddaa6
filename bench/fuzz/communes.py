"""Two communes with one of everything in each, made through the API, to see what the API gives to whom.

Every word typed for a commune holds its `mark`, and `Commune.ids` are all ids that came into the database with it, so
that what is of one commune is known again wherever it turns up.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import inspect
from sqlmodel import Session, col, select, text

from broadcast.clock import ManualClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from broadcast.trustroot.folder import load_or_make
from scheduler.announcements.models import Recording, RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.broadcasts.models import PlannedAiring
from scheduler.changes import Changes
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.upkeep.models import FaultRecord, ReceiverSample
from scheduler.people import recovery, totp
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.people.signin import actor_of, machine
from scheduler.reports import book
from scheduler.residents import feedback
from scheduler.residents.places import public_place
from scheduler.residents.schemas import FeedbackIn
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones import service as zones
from scheduler.zones.models import ZoneKind
from scheduler.zones.schemas import ZoneNew
from web.app import create_app
from web.auth import CSRF_HEADER, SESSION_COOKIE
from web.centre import Centre
from web.settings import Settings

API = "/api/v1"
MORNING = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday, 08:00 in Vietnam
LATER = MORNING + timedelta(minutes=45)
PASSWORD = "một mật khẩu đủ dài"  # noqa: S105 - of nobody real
RELAY_HOST = "stream.example"
SIREN, FLOOD, FLOOD_DRILL = "siren-rise-fall.1", "flash-flood.1", "drill-flash-flood.1"
SOUND = b"OggS and so on"
_ID = re.compile(r"[0-9A-Z]{26}")


@dataclass
class Commune:
    mark: str
    zone_id: str
    village_id: str
    ids: frozenset[str] = frozenset()

    def named(self, what: str) -> str:
        return f"{what} {self.mark}"


@dataclass(frozen=True)
class Sent:
    """A request that a commune's people made when it was furnished, and that was taken."""

    who: str
    method: str
    path: str
    body: dict[str, Any]


@dataclass
class Town:
    """The application over both communes; each `example` of it begins with the database as it was furnished."""

    app: FastAPI
    folder: Path
    ours: Commune
    theirs: Commune
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """By login, one of the second factor that is good in each example."""
    sent: list[Sent] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def centre(self) -> Centre:
        centre: Centre = self.app.state.centre
        return centre

    @contextmanager
    def example(self) -> Iterator[None]:
        path = self.folder / f"example-{next(self._numbers)}.sqlite3"  # whoever is late with the last one has that one
        shutil.copyfile(self.folder / "furnished.sqlite3", path)
        furnished, store = self.centre, Store(f"sqlite:///{path}")
        self.app.state.centre = replace(furnished, store=store)
        try:
            yield
        finally:
            self.app.state.centre = furnished
            store.close()
            for one in self.folder.glob(f"{path.name}*"):
                one.unlink()

    def headers(self, who: str | None) -> dict[str, str]:
        """What a browser of theirs sends; of nobody, nothing."""
        return {} if who is None else self.cookies[who]


def furnish(folder: Path) -> Town:
    """The town below `folder`; people of our commune are `editor`, `approver`…, of the province `province-operator`."""
    clock, store = ManualClock(MORNING), Store(f"sqlite:///{folder / 'loa.sqlite3'}")
    store.migrate()
    media, originals = MediaStore(folder / "media"), MediaStore(folder / "originals")
    settings = Settings(data_dir=folder, host="testserver", port=80, live_relay_hosts=RELAY_HOST)
    producer = Producer(media, originals, ())
    app = create_app(
        Centre(
            settings=settings, clock=clock, store=store, changes=Changes(), media=media, originals=originals,
            producer=producer, trust=load_or_make(folder / "keys", MORNING),
        )
    )  # fmt: skip
    with store.writing() as db:
        province = _zone(db, None, ZoneKind.PROVINCE, "Tỉnh")
        _bank(db)
    communes = []
    town = Town(app, folder, Commune("", "", ""), Commune("", "", ""))
    with TestClient(app) as client:
        for role in (Role.OPERATOR, Role.ADMINISTRATOR):
            _person(town, client, f"province-{role}", name=f"Tỉnh {role}", zone_id=province, role=role)
        for number, mark in enumerate(("Sương-qv", "Nắng-xz")):
            before = _ids(store)
            clock.step_wall(MORNING - clock.now())
            communes.append(
                _Furnisher(town, client, clock, province, mark=mark, prefix="other-" if number else "").all()
            )
            communes[-1].ids = _ids(store) - before
    town.ours, town.theirs = communes
    store.close()
    shutil.copyfile(folder / "loa.sqlite3", folder / "furnished.sqlite3")
    return town


class _Furnisher:
    """Makes one commune; its people's logins begin with `prefix`."""

    def __init__(
        self, town: Town, client: TestClient, clock: ManualClock, province: str, *, mark: str, prefix: str
    ) -> None:
        self._town, self._client, self._clock, self._prefix = town, client, clock, prefix
        self._store = town.centre.store
        with self._store.writing() as db:
            commune = _zone(db, province, ZoneKind.COMMUNE, f"Xã {mark}")
            self.commune = Commune(mark, commune, _zone(db, commune, ZoneKind.VILLAGE, f"Thôn {mark}"))
            self._receiver = Receiver(id=new_id(MORNING), zone_id=self.commune.village_id, name=f"Loa {mark}")
            self._receiver.note, self._receiver.code = f"Ghi chú {mark}", f"L-{mark}"
            db.add(self._receiver)
        self._actors = {
            role: _person(town, client, f"{prefix}{role}", name=f"{role.title()} {mark}", zone_id=commune, role=role)
            for role in Role
        }

    def all(self) -> Commune:
        self._places()
        announcement = self._announcements()
        self._broadcasts(announcement)
        self._programmes(announcement)
        self._orders()
        self._people()
        self._retention()
        self._clock.step_wall(LATER - self._clock.now())
        self._what_was_heard()
        self._voices()
        return self.commune

    def _do(
        self, role: Role, method: str, path: str, body: Any = None, version: int | None = None, *, code: str = ""
    ) -> Any:
        who = f"{self._prefix}{role}"
        headers = self._town.headers(who) | ({} if version is None else {"if-match": f'"{version}"'})
        headers |= {"x-second-factor": code} if code else {}
        answer = self._client.request(method, f"{API}{path}", json=body, headers=headers)
        self._client.cookies.clear()
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        if body is not None:
            self._town.sent.append(Sent(who, method, f"{API}{path}", body))
        return answer.json() if answer.content else None

    def _places(self) -> None:
        zone, village, name = self.commune.zone_id, self.commune.village_id, self.commune.named
        group = {"zone_id": zone, "name": name("Nhóm"), "member_ids": [village]}
        self._do(Role.ADMINISTRATOR, "POST", "/groups", group)
        self._do(Role.ADMINISTRATOR, "POST", "/holidays", {"zone_id": zone, "day": "2026-11-30", "name": name("Lễ")})
        self._do(Role.ADMINISTRATOR, "POST", f"/receivers/{self._receiver.id}/enrolment-code", {"hours": 2})
        with self._store.writing() as db:  # only now: a machine that is there makes the code one for a second factor
            self._receiver.enrolled_at, self._receiver.online = MORNING - timedelta(days=9), True
            db.add(self._receiver)

    def _announcements(self) -> str:
        zone, name = self.commune.zone_id, self.commune.named
        made = []
        for title in ("Tiêm chủng", "Họp dân"):
            body = {"zone_id": zone, "title": name(title), "recordings": [{"text": name(title)}], "urgent": False}
            made.append(self._do(Role.EDITOR, "POST", "/announcements", body))
        labels = {"category": "health", "tags": [self.commune.mark]}
        self._do(Role.EDITOR, "PUT", f"/announcements/{made[0]['id']}/labels", labels, version=1)
        sha256 = self._sound()
        with self._store.writing() as db:
            for row in db.exec(select(Recording).where(Recording.announcement_id == made[0]["id"])):
                row.state, row.sha256, row.size_bytes, row.duration_us = RecordingState.READY, sha256, 9, 60_000_000
        return str(made[0]["id"])

    def _sound(self) -> str:
        media = self._town.centre.media
        if media is None:
            raise LookupError("a town has media")
        with media.staging() as staged:
            staged.write_bytes(SOUND + self.commune.mark.encode())
            return media.put_staged(staged)

    def _broadcasts(self, announcement: str) -> None:
        def broadcast(when: dict[str, Any]) -> Any:
            body = {"zone_id": self.commune.zone_id, "announcement_id": announcement, "when": when,
                    "zone_ids": [self.commune.village_id], "cls": "normal", "late": "join"}  # fmt: skip
            return self._do(Role.EDITOR, "POST", "/broadcasts", body)

        def step(made: Any, what: str, body: Any = None, role: Role = Role.EDITOR) -> Any:
            return self._do(role, "POST", f"/broadcasts/{made['id']}/{what}", body, version=made["version"])

        daily = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
        broadcast({"kind": "now"})
        step(broadcast({"kind": "at", "starts_local": "2026-11-24T17:00"}), "submit")
        for when in ({"kind": "at", "starts_local": "2026-11-23T08:10"}, daily):
            step(step(broadcast(when), "submit"), "approve", {"document_no": self.commune.mark}, Role.APPROVER)
        sent = step(broadcast({"kind": "at", "starts_local": "2026-11-25T17:00"}), "submit")
        step(sent, "return", {"reason": self.commune.named("Sai giờ")}, Role.APPROVER)

    def _programmes(self, announcement: str) -> None:
        zone, village, name = self.commune.zone_id, self.commune.village_id, self.commune.named
        playlist = {"zone_id": zone, "title": name("Danh sách"), "announcement_ids": [announcement]}
        self._do(Role.EDITOR, "POST", "/playlists", playlist)
        bulletin = {"zone_id": zone, "name": name("Bản tin"), "times": ["17:00"], "zone_ids": [village],
                    "slots": [{"name": name("Thời sự"), "stand_in_id": announcement}]}  # fmt: skip
        made = self._do(Role.EDITOR, "POST", "/bulletins", bulletin)
        edition = f"/bulletins/{made['id']}/editions/2026-11-24/17:00"
        self._do(Role.EDITOR, "PUT", edition, {"filled": {"s1": announcement}}, version=0)
        when = {"kind": "repeat", "starts_local": "2026-11-24T05:00", "rrule": "FREQ=DAILY", "until": "2026-12-31"}
        relay = {"zone_id": zone, "title": name("VOV"), "source_url": f"https://{RELAY_HOST}/a.mp3", "limit_min": 15,
                 "when": when, "zone_ids": [village], "fallback_id": announcement}  # fmt: skip
        made = self._do(Role.EDITOR, "POST", "/relays", relay)
        self._do(Role.EDITOR, "POST", f"/relays/{made['id']}/submit", version=1)
        self._do(Role.EDITOR, "PUT", f"/zones/{zone}/digest")

    def _orders(self) -> None:
        zone, name = self.commune.zone_id, self.commune.named

        def ask(path: str, *parts: str) -> Any:
            body = {"zone_ids": [zone], "parts": [{"kind": "bank", "id": part} for part in parts], "minutes": 60,
                    "reason": name("Lũ quét")}  # fmt: skip
            return self._do(Role.OPERATOR, "POST", path, body)

        asked = ask("/emergencies", SIREN, FLOOD)
        ask("/emergencies", FLOOD)
        ask("/drills", FLOOD_DRILL)
        confirm = {"word": "KHẨN CẤP", "code": ""}
        self._do(Role.APPROVER, "POST", f"/emergencies/{asked['id']}/confirm", confirm, version=asked["version"])
        talk = {"zone_id": zone, "zone_ids": [self.commune.village_id], "kind": "microphone", "title": name("Nói"),
                "limit_min": 30}  # fmt: skip
        self._do(Role.OPERATOR, "POST", "/live", talk, code=self._codes(Role.OPERATOR).pop())

    def _people(self) -> None:
        zone, name = self.commune.zone_id, self.commune.named
        codes = self._codes(Role.ADMINISTRATOR)

        def give(path: str, body: dict[str, Any]) -> Any:
            """With a code; the request is kept with another, which is good for whoever sends it again."""
            made = self._do(Role.ADMINISTRATOR, "POST", path, coded := body | {"code": codes.pop()})
            coded["code"] = self._town.codes[f"{self._prefix}{Role.ADMINISTRATOR}"]
            return made

        new = {"login": f"{self._prefix}khac", "name": name("Người khác"), "zone_id": zone, "phone": "0905 1"}
        made = give("/users", new)
        give("/grants", {"user_id": made["id"], "zone_id": zone, "role": "editor"})
        roles = [{"zone_id": zone, "role": "viewer"}]
        give("/invitations", {"name": name("Khách"), "zone_id": zone, "roles": roles})
        token = {"name": name("Mã"), "scope": ["zone.read"], "expires_at": "2026-12-24T00:00:00+07:00"}
        self._do(Role.EDITOR, "POST", "/tokens", token | {"password": PASSWORD})
        until = (MORNING + timedelta(days=3)).isoformat()
        deputy = {"deputy_id": self._actors[Role.EDITOR].user_id, "zone_id": zone, "until": until}
        self._do(Role.APPROVER, "POST", "/deputies", deputy)
        hook = {"zone_id": zone, "name": name("Trung tâm"), "url": "https://ioc.example/loa", "kinds": ["emergency"]}
        self._do(Role.ADMINISTRATOR, "POST", "/webhooks", hook, code=codes.pop())

    def _retention(self) -> None:
        """A rule in force, and one that is only asked for."""
        rule = {"zone_id": self.commune.zone_id, "subject": "announcements", "tag": self.commune.mark, "days": 365}
        self._do(Role.ADMINISTRATOR, "POST", "/retention/rules", rule | {"subject": "live", "tag": None})
        made = self._do(Role.ADMINISTRATOR, "POST", "/retention/rules", rule)
        path = f"/retention/rules/{made['id']}"
        seen = self._do(Role.ADMINISTRATOR, "GET", f"{path}/dry-run")["seen"]
        self._do(Role.ADMINISTRATOR, "POST", f"{path}/in-force", {"seen": seen}, version=made["version"])

    def _codes(self, role: Role) -> list[str]:
        """Of the second factor of the commune's person of this role, who has one from now on."""
        with self._store.writing() as db:
            user = db.get_one(User, self._actors[role].user_id)
            user.totp_secret, user.totp_confirmed = totp.new_secret(), True
            kept, *others = recovery.make(db, user.id)
        self._town.codes[f"{self._prefix}{role}"] = kept
        return others

    def _what_was_heard(self) -> None:
        with self._store.writing() as db:
            rows = db.exec(select(PlannedAiring).where(col(PlannedAiring.start_at) < LATER)).all()
            [airing] = [row for row in rows if self.commune.village_id in row.zone_ids]
            db.add(
                StoredReport(
                    receiver_id=self._receiver.id, number=1, airing_id=airing.id, broadcast_id=airing.broadcast_id,
                    outcome="heard", planned_start_at=airing.start_at, planned_duration_us=60_000_000,
                    start_at=airing.start_at, start_error_us=900, played_us=60_000_000, gap_us=0, underruns=0,
                    rms_dbfs=-21.0, media_ready_at=MORNING, received_at=LATER, reason="",
                )
            )  # fmt: skip
            fault = FaultRecord(id=new_id(LATER), receiver_id=self._receiver.id, code="gap", since=LATER)
            fault.detail = self.commune.mark
            db.add(fault)
            db.add(ReceiverSample(receiver_id=self._receiver.id, at=LATER, signal_percent=61.0))
        book.keep_all(self._store, LATER)
        heard = {"zone_id": self.commune.village_id, "heard": True}
        self._do(Role.VIEWER, "PUT", f"/airings/{airing.id}/heard", heard)

    def _voices(self) -> None:
        name, village = self.commune.named, self.commune.village_id
        report = {"zone_id": village, "receiver_id": self._receiver.id, "text": name("Rè")}
        self._do(Role.VIEWER, "POST", "/village-reports", report)
        schedule = {"weekday": 1, "at": "09:00", "silent": True}
        path = f"/zones/{self.commune.zone_id}/rehearsal"
        self._do(Role.OPERATOR, "PUT", path, schedule, version=0)
        self._do(Role.OPERATOR, "POST", f"{path}/runs", {"silent": True})
        written = FeedbackIn.model_validate(
            {"about": "other", "text": name("Nghe nhỏ quá"), "name": name("Bà"), "phone": "09"}
        )
        with self._store.writing() as db:
            feedback.leave(db, public_place(db, village, LATER), LATER, written, "10.0.0.1")


def _zone(db: Session, parent_id: str | None, kind: ZoneKind, name: str) -> str:
    new = ZoneNew(parent_id=parent_id, kind=kind, name=name)
    return zones.create_zone(db, machine(db), MORNING, new).id


def _bank(db: Session) -> None:
    entries.seed(db, MORNING)
    for number, media in enumerate(db.exec(select(BankMedia)).all()):
        media.state, media.size_bytes, media.duration_us = RecordingState.READY, 1000, 5_000_000
        media.sha256 = f"{number:064x}"


def _person(town: Town, client: TestClient, login: str, *, name: str, zone_id: str, role: Role) -> Actor:
    with town.centre.store.writing() as db:
        hashed = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
        user = User(id=new_id(MORNING), login=login, name=name, zone_id=zone_id, password_hash=hashed,
                    must_change_password=False, created_at=MORNING)  # fmt: skip
        db.add(user)
        db.flush()
        db.add(RoleGrant(id=new_id(MORNING), user_id=user.id, zone_id=zone_id, role=role.value))
        db.flush()
        actor = actor_of(db, user)
    answer = client.post(f"{API}/session", json={"login": login, "password": PASSWORD})
    cookie = answer.cookies[SESSION_COOKIE]
    town.cookies[login] = {"cookie": f"{SESSION_COOKIE}={cookie}", CSRF_HEADER: answer.json()["csrf_token"]}
    client.cookies.clear()
    return actor


def _ids(store: Store) -> frozenset[str]:
    """Every id of the kind that rows have, wherever it stands in the database."""
    found: set[str] = set()
    with store.reading() as db:
        for table in inspect(db.connection()).get_table_names():
            for row in db.connection().execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608 - its own tables
                found |= {value for value in row if isinstance(value, str) and _ID.fullmatch(value)}
    return frozenset(found)
