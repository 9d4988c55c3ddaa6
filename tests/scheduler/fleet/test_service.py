from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, col, select

from broadcast.wire import enrolment_code, topics
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet import repository, service
from scheduler.fleet.models import DirtyTopic, EnrolmentSecret, Receiver, StoredReport
from scheduler.fleet.schemas import (
    CodeNew,
    Condition,
    ReceiverChange,
    ReceiverDetail,
    ReceiverMove,
    ReceiverNew,
    ReceiverVolume,
)
from scheduler.fleet.upkeep.models import VillageReport
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.rights import Grant, Role
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

CONNECTED = {"enrolled": True, "online": True, "seen": 0}
"""`seen` so many minutes ago."""
KEY = Ed25519PrivateKey.generate().public_key()


def actor(role: Role, zone_id: str = "district") -> Actor:
    return Actor(user_id="u1", login="lan", name="Lan", grants=(Grant(role, zone_id),))


ADMINISTRATOR = actor(Role.ADMINISTRATOR)
OPERATOR = actor(Role.OPERATOR)


@pytest.fixture
def placed(store: Store) -> Store:
    """A district with the communes A (villages a1, a2) and B (village b1)."""
    tree = (("district", "/district/"), ("A", "/district/A/"), ("B", "/district/B/"))
    villages = (("a1", "/district/A/a1/"), ("a2", "/district/A/a2/"), ("b1", "/district/B/b1/"))
    with store.writing() as db:
        for zone_id, path in (*tree, *villages):
            db.add(Zone(id=zone_id, path=path, kind=ZoneKind.OTHER, name=f"Thôn {zone_id}"))
            db.flush()
    return store


@pytest.fixture
def made(placed: Store, now: datetime) -> Callable[..., ReceiverDetail]:
    def make(zone_id: str = "a1", **more: object) -> ReceiverDetail:
        new = ReceiverNew.model_validate({"zone_id": zone_id, "name": "Loa 1"} | more)
        with placed.writing() as db:
            detail = service.create(db, ADMINISTRATOR, now, new)
            for row in db.exec(select(DirtyTopic)):
                db.delete(row)
            return detail

    return make


def dirty(db: Session) -> set[str]:
    return {row.topic for row in db.exec(select(DirtyTopic))}


def test_a_new_receiver_is_listed_and_its_documents_are_made(placed: Store, now: datetime) -> None:
    new = ReceiverNew(zone_id="a1", name="  Nhà  văn hóa ", code="TL-01", horns=3)
    with placed.writing() as db:
        made = service.create(db, ADMINISTRATOR, now, new)
        assert dirty(db) == {
            topics.settings(made.id),
            *(topics.programme(zone_id) for zone_id in ("district", "A", "a1")),
        }
        entry = db.exec(select(AuditEntry)).one()
    assert (made.name, made.place) == ("Nhà văn hóa", ["Thôn district", "Thôn A", "Thôn a1"])
    assert made.condition is Condition.UNENROLLED
    assert (entry.action, entry.subject, entry.zone_path) == (
        "receiver.create",
        f"receiver:{made.id}",
        "/district/A/a1/",
    )
    with placed.reading() as db:
        assert [item.id for item in service.index(db, ADMINISTRATOR, now).items] == [made.id]


def test_lists_come_in_pages_and_only_of_ones_own_area(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    ids = sorted(made(zone_id).id for zone_id in ("a1", "a2", "b1", "a1"))
    theirs = next(item.id for item in service_items(placed, actor(Role.VIEWER, "B"), now))
    assert len(ids) == 4
    got: list[str] = []
    after = None
    with placed.reading() as db:
        while True:
            page = service.index(db, OPERATOR, now, after=after, limit=3)
            got += [item.id for item in page.items]
            if page.next is None:
                break
            after = page.next
        assert got == ids
        assert {item.id for item in service.index(db, OPERATOR, now, zone_id="A").items} == set(ids) - {theirs}
        assert service.index(db, actor(Role.VIEWER, "nowhere"), now).items == []
        with pytest.raises(NotFound):
            service.index(db, actor(Role.VIEWER, "B"), now, zone_id="A")


def service_items(store: Store, who: Actor, now: datetime) -> list[Receiver]:
    with store.reading() as db:
        found = []
        for item in service.index(db, who, now).items:
            row = db.get(Receiver, item.id)
            assert row is not None
            found.append(row)
        return found


def test_another_communes_receiver_does_not_exist(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made("b1")
    stranger = actor(Role.ADMINISTRATOR, "A")
    with placed.writing() as db:
        for attempt in (
            lambda: service.view(db, stranger, now, receiver.id),
            lambda: service.reports(db, stranger, now, receiver.id),
            lambda: service.revoke(db, stranger, now, receiver.id),
            lambda: service.new_code(db, stranger, now, receiver.id, order_key=KEY, asked=CodeNew()),
            lambda: service.change(db, stranger, now, receiver.id, version=1, change=ReceiverChange(note="x")),
            lambda: service.move(db, stranger, now, receiver.id, version=1, move=ReceiverMove(zone_id="a1")),
            lambda: service.test_now(db, stranger, now, receiver.id),
            lambda: service.message_choices(db, stranger, now, receiver.id),
            lambda: service.view(db, stranger, now, "no such"),
        ):
            with pytest.raises(NotFound):
                attempt()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, set()),
        (Role.EDITOR, set()),
        (Role.APPROVER, set()),
        (Role.OPERATOR, {"volume", "test"}),
        (Role.ADMINISTRATOR, {"volume", "test", "change", "settings", "messages", "move", "revoke", "remove"}),
    ],
)
def test_who_may_do_what(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime, role: Role, allowed: set[str]
) -> None:
    """Whoever has the right gets past it: to Stale or Conflict, for what they name is no version and not enrolled."""
    receiver_id = made().id
    who = actor(role)
    attempts: dict[str, Callable[[Session], object]] = {
        "volume": lambda db: service.set_volume(
            db, who, now, receiver_id, version=9, volume=ReceiverVolume(volume_by_hour=None)
        ),
        "change": lambda db: service.change(db, who, now, receiver_id, version=9, change=ReceiverChange(note="x")),
        "settings": lambda db: service.change(
            db, who, now, receiver_id, version=9, change=ReceiverChange(amplifier_lead_ms=5, self_test_at="12:00")
        ),
        "messages": lambda db: service.change(db, who, now, receiver_id, version=9, change=ReceiverChange(messages=[])),
        "test": lambda db: service.test_now(db, who, now, receiver_id),
        "move": lambda db: service.move(db, who, now, receiver_id, version=9, move=ReceiverMove(zone_id="a2")),
        "revoke": lambda db: service.revoke(db, who, now, receiver_id, version=9),
        "remove": lambda db: service.remove(db, who, now, receiver_id, version=9),
    }
    for name, attempt in attempts.items():
        with placed.writing() as db, pytest.raises((Stale, Conflict) if name in allowed else Forbidden):
            attempt(db)
    if "revoke" not in allowed:
        with placed.writing() as db, pytest.raises(Forbidden):
            service.new_code(db, who, now, receiver_id, order_key=KEY, asked=CodeNew())


def test_two_officials_cannot_overwrite_each_other(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made()
    with placed.writing() as db:
        changed = service.change(
            db, ADMINISTRATOR, now, receiver.id, version=receiver.version, change=ReceiverChange(note="first")
        )
        assert dirty(db) == {topics.settings(receiver.id)}
    with placed.writing() as db, pytest.raises(Stale):
        service.change(
            db, ADMINISTRATOR, now, receiver.id, version=receiver.version, change=ReceiverChange(note="second")
        )
    assert (changed.note, changed.version) == ("first", receiver.version + 1)


def test_a_moved_receiver_gets_the_documents_of_its_new_zones(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made("a1")
    with placed.writing() as db:
        moved = service.move(db, ADMINISTRATOR, now, receiver.id, version=1, move=ReceiverMove(zone_id="b1"))
        assert dirty(db) == {
            topics.settings(receiver.id),
            *(topics.programme(zone_id) for zone_id in ("district", "B", "b1")),
        }
    assert moved.place == ["Thôn district", "Thôn B", "Thôn b1"]


def noted(store: Store, action: str) -> list[tuple[str | None, dict[str, Any]]]:
    with store.reading() as db:
        rows = db.exec(select(AuditEntry).where(AuditEntry.action == action).order_by(col(AuditEntry.id)))
        return [(row.zone_path, row.detail) for row in rows]


def test_the_record_says_what_was_set_and_what_it_was_before(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    loud = [40] * 12 + [80] * 12
    receiver = made("a1", volume_by_hour=loud, note="Bên suối")
    with placed.writing() as db:
        silent = ReceiverVolume(volume_by_hour=[0] * 24)
        service.set_volume(db, OPERATOR, now, receiver.id, version=1, volume=silent)
        change = ReceiverChange(name="Loa 1", horns=2, note="n" * 2000)
        service.change(db, ADMINISTRATOR, now, receiver.id, version=2, change=change)
    (volume,) = noted(placed, "receiver.volume")
    assert volume[1]["name"] == "Loa 1"
    assert (volume[1]["before"], volume[1]["after"]) == ({"volume_by_hour": loud}, {"volume_by_hour": [0] * 24})
    (changed,) = noted(placed, "receiver.change")
    assert changed[1]["before"] == {"horns": None, "note": "Bên suối"}
    assert changed[1]["after"] == {"horns": 2, "note": "n" * service.KEPT_LETTERS}


def test_a_move_is_in_the_record_of_both_places(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made("a1")
    with placed.writing() as db:
        service.move(db, ADMINISTRATOR, now, receiver.id, version=1, move=ReceiverMove(zone_id="b1"))
    left, came = noted(placed, "receiver.move")
    assert (left[0], came[0]) == ("/district/A/a1/", "/district/B/b1/")
    said = {"name": "Loa 1", "from": "Thôn a1", "to": "Thôn b1"}
    assert (left[1], came[1]) == (said, said | {"before": {"zone_id": "a1"}, "after": {"zone_id": "b1"}})


def test_moving_needs_the_right_at_both_ends(placed: Store, made: Callable[..., ReceiverDetail], now: datetime) -> None:
    receiver = made("a1")
    who = Actor(user_id="u1", login="lan", name="Lan", grants=(Grant(Role.ADMINISTRATOR, "A"), Grant(Role.VIEWER, "B")))
    with placed.writing() as db, pytest.raises(Forbidden):
        service.move(db, who, now, receiver.id, version=1, move=ReceiverMove(zone_id="b1"))


def test_a_code_belongs_to_one_receiver_of_a_zone(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    first, other = made("a1", code="TL-01"), made("b1", code="TL-01")
    with pytest.raises(Invalid, match="Another receiver"):
        made("a1", code="TL-01")
    with placed.writing() as db, pytest.raises(Invalid):
        service.move(db, ADMINISTRATOR, now, other.id, version=1, move=ReceiverMove(zone_id="a1"))
    with placed.writing() as db:
        kept = ReceiverChange(code="TL-01", note="x")
        assert service.change(db, ADMINISTRATOR, now, first.id, version=1, change=kept).note == "x"


def test_of_a_code_only_a_hash_is_kept_and_a_new_one_ends_the_old(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made()
    with placed.writing() as db:
        old = service.new_code(db, ADMINISTRATOR, now, receiver.id, order_key=KEY, asked=CodeNew())
    with placed.writing() as db:
        code = service.new_code(db, ADMINISTRATOR, now, receiver.id, order_key=KEY, asked=CodeNew(hours=1))
    with placed.reading() as db:
        row = db.exec(select(EnrolmentSecret)).one()
        written = " ".join(str(entry.detail) for entry in db.exec(select(AuditEntry)))
    assert old.code != code.code
    assert enrolment_code.parse(code.code).pins(KEY)
    assert row.expires_at == code.expires_at == now + timedelta(hours=1)
    assert enrolment_code.parse(code.code).secret not in str(row) + written


def test_no_chirp_is_asked_for_where_none_can_come(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made("a1")
    with placed.writing() as db:
        db.get_one(Receiver, receiver.id).enrolled_at = now
        hours = {"start_minute": 0, "end_minute": 24 * 60, "weekdays": list(range(7))}
        db.get_one(Zone, "A").quiet_hours = [hours]
    with placed.writing() as db, pytest.raises(Conflict, match="quiet hours"):
        service.test_now(db, OPERATOR, now, receiver.id)
    with placed.writing() as db:
        db.get_one(Zone, "a1").quiet_hours = []
        db.flush()
        assert service.test_now(db, OPERATOR, now, receiver.id).id == receiver.id


def test_revoking_shuts_the_certificate_out(placed: Store, made: Callable[..., ReceiverDetail], now: datetime) -> None:
    receiver = made()
    with placed.writing() as db, pytest.raises(Conflict):
        service.revoke(db, ADMINISTRATOR, now, receiver.id)
    with placed.writing() as db:
        row = db.get(Receiver, receiver.id)
        assert row is not None
        row.enrolled_at, row.certificate_serial, row.certificate_expires_at = now, "ff", now + timedelta(days=1)
    with placed.writing() as db:
        service.new_code(db, ADMINISTRATOR, now, receiver.id, order_key=KEY, asked=CodeNew())
        revoked = service.revoke(db, ADMINISTRATOR, now, receiver.id)
    with placed.reading() as db:
        assert repository.revoked(db, now) == {255: now}
        assert repository.revoked(db, now + timedelta(days=1)) == {}
        assert repository.revoked_receivers(db, [255]) == {receiver.id}
        assert db.exec(select(EnrolmentSecret)).all() == []
    assert revoked.condition is Condition.REVOKED


def test_one_entered_by_mistake_is_taken_out_with_all_that_was_made_for_it(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made("a1", code="TL-01")
    with placed.writing() as db:
        service.new_code(db, ADMINISTRATOR, now, receiver.id, order_key=KEY, asked=CodeNew())
        villager: dict[str, Any] = {
            "id": "V1",
            "zone_id": "a1",
            "text": "Không có loa này",
            "reported_by": "u2",
            "reported_at": now,
        }
        db.add(VillageReport(receiver_id=receiver.id, **villager))
    with placed.writing() as db, pytest.raises(Stale):
        service.remove(db, ADMINISTRATOR, now, receiver.id, version=9)
    with placed.writing() as db:
        service.remove(db, ADMINISTRATOR, now, receiver.id, version=1)
        assert dirty(db) == {topics.settings(receiver.id)}
    with placed.reading() as db:
        assert (db.get(Receiver, receiver.id), db.exec(select(EnrolmentSecret)).all()) == (None, [])
        assert db.get_one(VillageReport, "V1").receiver_id is None
        noted = db.exec(select(AuditEntry).where(AuditEntry.action == "receiver.delete")).one()
        assert (noted.zone_path, noted.detail) == ("/district/A/a1/", {"name": "Loa 1", "code": "TL-01"})
        assert service.index(db, ADMINISTRATOR, now).items == []
    assert made("a1", code="TL-01").code == "TL-01"


@pytest.mark.parametrize("known_by", ["a certificate", "a report"])
def test_what_a_machine_was_is_not_taken_out(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime, known_by: str
) -> None:
    receiver = made()
    with placed.writing() as db:
        if known_by == "a report":
            db.add(report(receiver.id, 1, now))
        else:
            db.get_one(Receiver, receiver.id).enrolled_at = now
    with placed.writing() as db, pytest.raises(Conflict, match="its record stays"):
        service.remove(db, ADMINISTRATOR, now, receiver.id, version=1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Condition.UNENROLLED),
        ({"enrolled": True}, Condition.NEVER),
        ({"enrolled": True, "seen": 0}, Condition.OFFLINE),
        ({**CONNECTED}, Condition.ONLINE),
        ({**CONNECTED, "state": {"airing_id": "a1"}}, Condition.PLAYING),
        ({**CONNECTED, "state": {"faults": [{"code": "disk_full"}]}}, Condition.FAULT),
        ({**CONNECTED, "state": {"of": "a newer version", "media": "?"}}, Condition.ONLINE),
        ({**CONNECTED, "seen": 24}, Condition.ONLINE),
        ({**CONNECTED, "seen": 26}, Condition.SILENT),
        ({**CONNECTED, "seen": 26, "state": {"airing_id": "a1"}}, Condition.SILENT),
        ({"enrolled": True, "online": True}, Condition.SILENT),
    ],
)
def test_a_receiver_in_one_word(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime, values: dict[str, object], expected: Condition
) -> None:
    receiver = made()
    state = values.get("state")
    with placed.writing() as db:
        row = db.get(Receiver, receiver.id)
        assert row is not None
        row.enrolled_at = now if "enrolled" in values else None
        row.seen_at = now - timedelta(minutes=int(str(values["seen"]))) if "seen" in values else None
        row.online = "online" in values
        row.state = {"online": True, "at_us": 1, **state} if isinstance(state, dict) else None
    with placed.reading() as db:
        assert service.view(db, OPERATOR, now, receiver.id).condition is expected


def report(receiver_id: str, number: int, now: datetime, **more: object) -> StoredReport:
    said: dict[str, Any] = {
        "receiver_id": receiver_id,
        "number": number,
        "airing_id": "a",
        "broadcast_id": "b",
        "outcome": "heard",
        "planned_start_at": now,
        "planned_duration_us": 1,
        "played_us": 1,
        "gap_us": 0,
        "underruns": 0,
        "received_at": now,
    }
    return StoredReport(**said | more)


def test_reports_come_latest_first_in_pages(placed: Store, made: Callable[..., ReceiverDetail], now: datetime) -> None:
    receiver = made()
    with placed.writing() as db:
        db.add_all(report(receiver.id, number, now) for number in range(1, 6))
    with placed.reading() as db:
        first = service.reports(db, OPERATOR, now, receiver.id, limit=3)
        rest = service.reports(db, OPERATOR, now, receiver.id, limit=3, before=first.next)
    assert [item.number for item in (*first.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.next is None


def test_reports_of_many_receivers_come_in_pages_each_once(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    ids = [made().id for _one in range(3)]
    with placed.writing() as db:
        for receiver_id in ids:
            starts = (now, now, now - timedelta(microseconds=1))
            db.add_all(report(receiver_id, n, now, planned_start_at=start) for n, start in enumerate(starts, 1))
    got, after = [], None
    with placed.reading() as db:
        while True:
            page = service.all_reports(db, OPERATOR, now, service.ReportFilter(), limit=2, after=after)
            got += [(item.receiver_id, item.number) for item in page.items]
            if page.next is None:
                break
            after = page.next
        with pytest.raises(Invalid):
            service.all_reports(db, OPERATOR, now, service.ReportFilter(), limit=2, after="1.x")
    latest = sorted(ids, reverse=True)
    assert got == [(key, n) for key in latest for n in (2, 1)] + [(key, 3) for key in latest]


def test_a_report_says_what_it_is_of_and_what_the_microphone_adds(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made()
    with placed.writing() as db:
        db.add(report(receiver.id, 1, now, microphone="not_heard", microphone_correlation=0.01))
        db.add(report(receiver.id, 2, now, airing_id="local-fire-7", broadcast_id="local"))
        db.add(report(receiver.id, 3, now, airing_id="lost-3", broadcast_id="lost", outcome="failed"))
    with placed.reading() as db:
        lost, message, unheard = service.reports(db, OPERATOR, now, receiver.id).items
    assert (unheard.of, unheard.outcome, unheard.result) == ("broadcast", "heard", "unheard")
    assert unheard.heard is not None
    assert (unheard.heard.correlation, unheard.heard.delay_us) == (0.01, None)
    assert (message.of, message.result, message.heard) == ("message", "heard", None)
    assert (lost.of, lost.result) == ("lost", "failed")


def test_what_a_receiver_measures_of_itself_is_shown_and_what_it_does_not_is_absent(
    placed: Store, made: Callable[..., ReceiverDetail], now: datetime
) -> None:
    receiver = made()
    state = {
        "clock": {"trusted": False, "reason": "never_set", "offset_us": -4000},
        "power": {"battery_percent": 78.5},
        "signal": {"kind": "lte", "dbm": -87.0},
        "data": {"day_up_bytes": 1, "month_bytes": 5},
        "self_test": {"at_us": 1_000_000, "heard": {"verdict": "faint", "correlation": 0.3}},
    }
    with placed.writing() as db:
        row = db.get_one(Receiver, receiver.id)
        row.state = {"online": True, "at_us": 1, **state}
    with placed.reading() as db:
        shown = service.view(db, OPERATOR, now, receiver.id)
    assert shown.clock is not None
    assert (shown.clock.trusted, shown.clock.offset_us, shown.clock.error_us) == (False, -4000, None)
    assert shown.power is not None
    assert (shown.power.battery_percent, shown.power.on_mains) == (78.5, None)
    assert shown.self_test is not None
    assert shown.self_test.heard is not None
    assert shown.self_test.heard.verdict == "faint"
    assert (shown.temperature_c, receiver.clock, receiver.power, receiver.data) == (None, None, None, None)
