"""Who and what the demo is about: the district, four people, three receivers in three villages of one commune."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from broadcast.clock import Clock
from broadcast.trustroot.folder import TrustRoot
from scheduler.fleet import service as fleet
from scheduler.fleet.schemas import CodeNew
from scheduler.people import repository, service
from scheduler.people.schemas import GrantNew, UserNew
from scheduler.people.signin import machine
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import service as zones
from scheduler.zones.district import District, seed_district
from scheduler.zones.schemas import ZoneSettings

COMMUNE = "20935"  # Trà Leng
RECEIVERS = {"horn1": "20935-01", "horn2": "20935-02", "horn3": "20935-03"}  # one in each of its villages
VILLAGES = ("Thôn 1", "Thôn 2", "Thôn 3")
OFFICIAL, LEADER, KEEPER, DISPATCHER = "bientap", "lanhdao", "quantri", "trucban"
PEOPLE = (
    (OFFICIAL, "Hồ Thị Lan", Role.EDITOR, COMMUNE),
    (LEADER, "Nguyễn Văn Minh", Role.APPROVER, COMMUNE),
    (KEEPER, "Trần Quốc Bảo", Role.ADMINISTRATOR, None),
    (DISPATCHER, "Phạm Thị Hoa", Role.OPERATOR, None),
)


@dataclass(frozen=True)
class Cast:
    """`passwords` are the one-time ones of those who have not chosen an own one yet, by login."""

    district: District
    passwords: dict[str, str]


def gather(store: Store, clock: Clock) -> Cast:
    """Fill the district and make the people, or find them as an earlier demo left them."""
    store.migrate()
    with store.writing() as db:
        district = seed_district(db, clock.now())
        lift_limits(db, clock.now(), district.communes[COMMUNE])
    passwords = {}
    for login, name, role, commune in PEOPLE:
        zone_id = district.communes[commune] if commune else district.district_id
        password = _person(store, clock, UserNew(login=login, name=name, zone_id=zone_id), role)
        if password is not None:
            passwords[login] = password
    return Cast(district, passwords)


def enrolment_code(store: Store, clock: Clock, trust: TrustRoot, receiver_id: str) -> str:
    """A one-time code for a receiver, as its page would show it."""
    with store.writing() as db:
        order_key = trust.order_key.public_key()
        return fleet.new_code(
            db, machine(db), clock.now(), receiver_id, order_key=order_key, asked=CodeNew(hours=1)
        ).code


def lift_limits(db: Session, now: datetime, zone_id: str) -> None:
    """No quiet hours and no quota in the demo's commune, so that it can be tried at any hour; elsewhere they hold."""
    actor = machine(db)
    zone = zones.zone_for(db, actor, now, zone_id)
    if zone.quiet_hours is None:
        settings = ZoneSettings(quiet_hours=[], quota_lifted=True)
        zones.change_settings(db, actor, now, zone_id, version=zone.version, settings=settings)


def _person(store: Store, clock: Clock, new: UserNew, role: Role) -> str | None:
    """The person's one-time password, a new one at each start until they chose their own; None from then on."""
    password, password_hash = service.one_time()
    with store.writing() as db:
        actor, now = machine(db), clock.now()
        found = repository.user_by_login(db, new.login)
        if found is None:
            user = service.create_user(db, actor, now, new, password_hash)
            service.give_role(db, actor, now, GrantNew(user_id=user.id, zone_id=new.zone_id, role=role))
        elif found.must_change_password:
            service.reset_password(db, actor, now, found.id, password_hash)
        else:
            return None
    return password
