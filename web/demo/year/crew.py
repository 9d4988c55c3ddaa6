"""The people of the year: every role, a deputy, roles that end, and a place kept for somebody (rows only)."""

from datetime import datetime, timedelta
from random import Random

from msgspec import Struct

from scheduler.deputies.models import Deputy
from scheduler.notices.models import Channel, Notice, NoticeChoice, NoticeState, Webhook
from scheduler.notices.models import Kind as NoticeKind
from scheduler.people.models import Invitation, RoleGrant, User
from scheduler.reports.models import ReportSubscription
from scheduler.rights import Role
from scheduler.store.types import new_id
from web.demo.year import words
from web.demo.year.area import Area, Commune
from web.demo.year.lots import Lots

EDITOR, LEADER, DEPUTY, HELPER, KEEPER, DISPATCHER = "bientap", "lanhdao", "pho", "thon", "quantri", "trucban"
_LEAVES = timedelta(days=9)


class Staff(Struct, frozen=True):
    """Of a commune; `helpers` are by village, in the order of its villages."""

    editor_id: str
    leader_id: str
    deputy_id: str
    helpers: tuple[str, ...] = ()


class Account(Struct, frozen=True):
    """Somebody to sign in as."""

    login: str
    name: str
    role: Role
    where: str


class Crew(Struct, frozen=True):
    keeper_id: str
    dispatcher_id: str
    staff: tuple[Staff, ...]
    accounts: tuple[Account, ...]


def hire(lots: Lots, dice: Random, area: Area, span: tuple[datetime, datetime], password_hash: str) -> Crew:
    """Everybody, from the beginning of the year on; all have the same password."""
    office = _Office(lots, dice, span, password_hash)
    keeper = office.person(KEEPER, Role.ADMINISTRATOR, area.province_path, "tỉnh", told=True)
    dispatcher = office.person(DISPATCHER, Role.OPERATOR, area.province_path, "tỉnh", told=True)
    staff = tuple(_staff(office, commune, real=commune in area.of_district()) for commune in area.communes)
    _deputise(lots, staff[0], area.communes[0], span)
    _invite(lots, keeper, area, span[1], password_hash)
    hook = Webhook(
        id=new_id(span[0]), zone_id=area.district_id, name="Trung tâm điều hành huyện", url="https://ioc.example/loa",
        secret="0" * 64, kinds=[NoticeKind.EMERGENCY, NoticeKind.FAULT], created_by=keeper, created_at=span[0],
    )  # fmt: skip
    lots.add(Webhook, **hook.model_dump())
    return Crew(keeper, dispatcher, staff, tuple(office.accounts))


def tell(lots: Lots, user_id: str, kind: NoticeKind, *, subject: str, path: str, at: datetime, title: str) -> None:
    """A mail that was sent to somebody."""
    lots.add(
        Notice,
        id=new_id(at),
        key=f"{kind.value}:{subject}:{user_id}",
        channel=Channel.MAIL,
        user_id=user_id,
        kind=kind,
        subject=subject,
        zone_path=path,
        at=at,
        data={"title": title, "zone": "", "timezone": "Asia/Ho_Chi_Minh"},
        state=NoticeState.SENT,
        tries=1,
        created_at=at,
        next_at=at,
        sent_at=at + timedelta(seconds=4),
    )


class _Office:
    def __init__(self, lots: Lots, dice: Random, span: tuple[datetime, datetime], password_hash: str) -> None:
        self._lots, self._dice, self._password_hash = lots, dice, password_hash
        self.began, self.now = span
        self.accounts: list[Account] = []

    def person(self, login: str, role: Role, path: str, where: str, *, told: bool = False) -> str:
        user_id, zone_id = new_id(self.began), path.rstrip("/").rsplit("/", 1)[-1]
        name = self._dice.choice(words.PEOPLE)
        self._lots.add(
            User,
            id=user_id,
            login=login,
            name=name,
            zone_id=zone_id,
            password_hash=self._password_hash,
            must_change_password=False,
            phone=f"09{self._dice.randrange(10**8):08d}",
            created_at=self.began,
        )
        until = self.now + _LEAVES if login == f"{EDITOR}2" else None
        self._lots.add(RoleGrant, id=new_id(self.began), user_id=user_id, zone_id=zone_id, role=role.value, until=until)
        self._lots.act(self.began, None, "user.create", f"user:{user_id}", path, login=login, name=name)
        self._lots.act(self.began, None, "role.give", f"user:{user_id}", path, role=role.value)
        if told:
            kinds = [NoticeKind.WAITING, NoticeKind.FAULT, NoticeKind.EMERGENCY, NoticeKind.DIGEST]
            self._lots.add(NoticeChoice, user_id=user_id, address=f"{login}@loa.example", kinds=kinds)
            self._lots.add(ReportSubscription, user_id=user_id, zone_id=zone_id, since=self.began)
        self.accounts.append(Account(login, name, role, where))
        return user_id


def _staff(office: _Office, commune: Commune, *, real: bool) -> Staff:
    number = str(commune.number + 1) if commune.number else ""
    where = f"xã {commune.name}"
    editor = office.person(f"{EDITOR}{number}", Role.EDITOR, commune.path, where)
    leader = office.person(f"{LEADER}{number}", Role.APPROVER, commune.path, where, told=real)
    deputy = office.person(f"{DEPUTY}{number}", Role.EDITOR, commune.path, where) if real else editor
    helpers = [
        office.person(
            f"{HELPER}{place + 1}x{commune.number + 1}", Role.VIEWER, village.path, f"{village.name}, {where}"
        )
        for place, village in enumerate(commune.villages if real else ())
    ]
    return Staff(editor, leader, deputy, tuple(helpers))


def _deputise(lots: Lots, staff: Staff, commune: Commune, span: tuple[datetime, datetime]) -> None:
    """The leader of the first commune is away for ten days; another was in summer."""
    for number, until in enumerate((span[1] + timedelta(days=8), span[1] - timedelta(days=100))):
        at = until - timedelta(days=10)
        lots.add(
            Deputy,
            id=new_id(at),
            principal_id=staff.leader_id,
            deputy_id=staff.deputy_id,
            zone_id=commune.id,
            until=until,
            named_by=staff.leader_id,
            created_at=at,
            ended_at=until - timedelta(days=1) if number else None,
        )
        until_text = until.isoformat()
        lots.act(at, staff.leader_id, "deputy.name", f"user:{staff.deputy_id}", commune.path, until=until_text)


def _invite(lots: Lots, keeper: str, area: Area, now: datetime, nobodys_hash: str) -> None:
    for number, name in enumerate(("Hồ Thị Thuỷ", "Đinh Văn Sơn", "Nguyễn Văn Lộc")):
        at, commune = now - timedelta(days=2 + 40 * number), area.communes[number % len(area.communes)]
        lots.add(
            Invitation,
            id=new_id(at),
            selector=f"demo{number}",
            code_hash=nobodys_hash,
            tries_left=5,
            name=name,
            zone_id=commune.id,
            roles=[{"zone_id": commune.id, "role": Role.EDITOR.value, "until": None}],
            by_id=keeper,
            created_at=at,
            expires_at=at + timedelta(days=7),
            withdrawn_at=at + timedelta(days=1) if number == 1 else None,
        )
        lots.act(at, keeper, "invitation.create", f"invitation:{name}", commune.path, name=name)
