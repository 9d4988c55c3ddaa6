"""Who holds the bank, by what the newest document says and what receivers said of it."""

from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event

from broadcast.wire import topics
from broadcast.wire.documents import Fault, ReceiverState
from broadcast.wire.fault_codes import FaultCode
from scheduler.bank import completeness, document, service
from scheduler.bank.completeness import Holding
from scheduler.bank.schemas import BankChange, BankCompleteness
from scheduler.errors import NotFound
from scheduler.fleet import intake, outbox
from scheduler.fleet.documents import renewed
from scheduler.fleet.models import Receiver
from scheduler.zones import repository as zones

KEY = Ed25519PrivateKey.generate()
FLOOD, STORM = "flash-flood.1", "storm.1"


def issued(bank: Any) -> int:
    """Have the bank's document made anew; its number."""
    topic, now = topics.bank(bank.places.province), bank.clock.now()
    with bank.store.writing() as db:
        draft = document.bank(db, bank.places.province, now)
        assert draft is not None
        made = renewed(draft, outbox.last(db, topic), KEY, now)
        assert made is not None
        outbox.issue(db, topic, made)
        return made.number


def says(bank: Any, receiver_id: str, number: int | None, missing: Sequence[str] = (), village: str = "leng_1") -> None:
    """A receiver tells of the bank's document that it has, and which of its sounds it lacks."""
    numbers = {"receivers/x/settings": 1} | ({f"zones/{bank.places.province}/bank": number} if number else {})
    faults = (Fault(code=FaultCode.BANK_MISSING, detail=", ".join(missing)[:200]),) if missing else ()
    state = ReceiverState(online=True, at_us=1, numbers=numbers, faults=faults)
    with bank.store.writing() as db:
        if db.get(Receiver, receiver_id) is None:
            zone_id, now = getattr(bank.places, village), bank.clock.now()
            db.add(Receiver(id=receiver_id, zone_id=zone_id, name="Loa", enrolled_at=now))
            db.flush()
        intake.write_states(db, {receiver_id: state})


def complete(bank: Any) -> BankCompleteness:
    with bank.store.reading() as db:
        return completeness.index(db, bank.official, bank.clock.now())


def holding(bank: Any, zone_id: str) -> Holding:
    with bank.store.reading() as db:
        return completeness.holding(db, zones.paths_of(db, [zone_id]))


def test_a_receiver_is_complete_when_it_has_the_newest_document_and_lacks_nothing_of_it(filled: Any) -> None:
    number = issued(filled)
    says(filled, "R1", number)
    says(filled, "R2", number, ["storm.1", "drill-storm.1"])
    says(filled, "R3", number - 1)
    says(filled, "R4", None)
    found = complete(filled)
    assert (found.complete, found.total) == (1, 4)
    missing = {one.receiver_id: one.missing for one in found.incomplete}
    assert missing == {"R2": 2, "R3": len(filled.ids()), "R4": len(filled.ids())}
    with filled.store.reading() as db, pytest.raises(NotFound):
        completeness.index(db, filled.official, filled.clock.now(), filled.places.van)


def test_those_that_lack_something_are_listed_by_name_page_by_page(filled: Any) -> None:
    names = {"R1": "Thôn 3", "R2": "Thôn 1", "R3": "thôn 10", "R4": "Thôn 1"}
    with filled.store.writing() as db:
        for key, name in names.items():
            db.add(Receiver(id=key, zone_id=filled.places.leng_1, name=name, enrolled_at=filled.clock.now()))
    pages, after = [], ""
    while True:
        with filled.store.reading() as db:
            found = completeness.index(db, filled.official, filled.clock.now(), after=after, limit=2)
        pages.append([one.receiver_id for one in found.incomplete])
        if found.next is None:
            break
        after = found.next
    assert pages == [["R2", "R4"], ["R3", "R1"]]


def test_who_said_nothing_is_not_complete(filled: Any) -> None:
    issued(filled)
    with filled.store.writing() as db:
        db.add(Receiver(id="R1", zone_id=filled.places.leng_1, name="Loa", enrolled_at=filled.clock.now()))
    assert [one.missing for one in complete(filled).incomplete] == [None]


def test_nobody_holds_a_revision_before_the_document_with_it_is_theirs(filled: Any) -> None:
    filled.later(hours=2)
    says(filled, "R1", issued(filled))
    with filled.store.writing() as db:
        change = BankChange(texts={"vi": "Bão lớn."})
        service.revise(db, filled.operator, filled.clock.now(), "storm", revision=1, change=change)
    filled.made()
    assert (_held(filled, "storm.2"), _held(filled, FLOOD), complete(filled).complete) == (0, 1, 0)
    number = issued(filled)  # the document is made anew a moment later, and comes to the receiver after that
    assert (_held(filled, "storm.2"), _held(filled, FLOOD), complete(filled).complete) == (0, 1, 0)
    says(filled, "R1", number, ["storm.2"])
    assert (_held(filled, "storm.2"), _held(filled, FLOOD), complete(filled).complete) == (0, 1, 0)
    says(filled, "R1", number)
    assert (_held(filled, "storm.2", FLOOD), complete(filled).complete) == (1, 1)


def test_a_document_from_before_names_only_what_was_long_produced_by_then(filled: Any) -> None:
    early = issued(filled)
    filled.later(hours=1)
    with filled.store.writing() as db:
        outbox.renumber_all(db, filled.clock.now())
    issued(filled)
    for number, held in ((early, 0), (early + 3599, 0), (early + 3600, 1)):
        says(filled, "R1", number)
        assert _held(filled, FLOOD) == held


def _held(bank: Any, *ids: str) -> int:
    return holding(bank, bank.places.province).of(ids)


def test_what_a_long_list_has_no_room_for_is_not_held(filled: Any) -> None:
    names = sorted(filled.ids())
    says(filled, "R1", issued(filled), names[5:])
    held = holding(filled, filled.places.leng_1)
    assert [held.of([name]) for name in names] == [1] * 5 + [0] * (len(names) - 5)


def test_who_holds_what_is_counted_in_the_chosen_places_with_as_many_statements_for_any(filled: Any) -> None:
    number = issued(filled)
    for count, village in enumerate(("leng_1", "leng_2", "van_1")):
        says(filled, f"R{count}", number, [STORM] if village == "leng_2" else (), village)
    places, counted = filled.places, []
    for chosen, total, storm in (([places.leng_1], 1, 1), ([places.leng], 2, 1), ([places.leng, places.van], 3, 2)):
        statements: list[str] = []
        with filled.store.reading() as db:
            paths = zones.paths_of(db, chosen)
            event.listen(db.connection(), "before_cursor_execute", lambda *args, to=statements: to.append(args[2]))
            held = completeness.holding(db, paths)
        counted.append(len(statements))
        assert (held.total, held.of([STORM]), held.of([FLOOD]), held.of([FLOOD, STORM])) == (total, storm, total, storm)
    assert len(set(counted)) == 1
