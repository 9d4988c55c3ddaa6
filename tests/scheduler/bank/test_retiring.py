"""Messages that leave the bank, and the names that new ones get."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire.now import Bank
from scheduler.bank import document, naming, service
from scheduler.bank.schemas import BankNew, BankState
from scheduler.errors import Conflict, Forbidden, Stale
from scheduler.people.actor import Actor


def act(bank: Any, what: str, name: str, *, revision: int, by: Actor | None = None) -> Any:
    with bank.store.writing() as db:
        return getattr(service, what)(db, by or bank.operator, bank.clock.now(), name, revision=revision)


def state(bank: Any, name: str) -> BankState:
    with bank.store.reading() as db:
        found: BankState = service.history(db, bank.operator, bank.clock.now(), name)[0].state
        return found


def drop(bank: Any) -> None:
    with bank.store.writing() as db:
        service.drop_unused(db, bank.clock.now())


def on_receivers(bank: Any) -> set[str]:
    with bank.store.reading() as db:
        draft = document.bank(db, bank.places.province, bank.clock.now())
    assert draft is not None
    assert isinstance(draft.document, Bank)
    return {message.id for message in draft.document.messages}


def test_what_is_taken_out_leaves_the_receivers_with_its_drill_and_nothing_else(filled: Any) -> None:
    before = on_receivers(filled)
    assert act(filled, "retire", "storm", revision=1).state is BankState.RETIRED
    assert state(filled, "storm") is BankState.RETIRED
    assert on_receivers(filled) == before
    filled.later(hours=2)
    drop(filled)
    assert on_receivers(filled) == before - {"storm.1", "drill-storm.1"}
    filled.maker.seed()  # a newer version of Loa does not bring it back
    assert filled.made() == 0
    with pytest.raises(Conflict):
        act(filled, "retire", "storm", revision=2)
    with filled.store.reading() as db:
        assert [one.state for one in service.history(db, filled.operator, filled.clock.now(), "storm")] == [
            BankState.RETIRED,
            BankState.GONE,
        ]


def test_what_is_put_back_says_the_same_again(filled: Any) -> None:
    words = [media.text for media in filled.entry("storm.1").media]
    act(filled, "retire", "storm", revision=1)
    filled.later(hours=2)
    drop(filled)
    act(filled, "restore", "storm", revision=2)
    assert filled.made() == 4
    assert [media.text for media in filled.entry("storm.3").media] == words
    assert filled.entry("drill-storm.3").state is BankState.READY
    with pytest.raises(Conflict):
        act(filled, "restore", "storm", revision=3)


def test_room_is_made_by_what_is_taken_out(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.store.reading() as db:
        listed = service.index(db, filled.operator, filled.clock.now()).items
    monkeypatch.setattr(service, "MAX_NAMES", sum(naming.drill_of(one.name) is not None for one in listed))
    new = BankNew(name="bridge", titles={"vi": "Cầu"}, texts={"vi": "Cấm cầu."})
    with pytest.raises(Conflict), filled.store.writing() as db:
        service.create(db, filled.operator, filled.clock.now(), new)
    act(filled, "retire", "storm", revision=1)
    with filled.store.writing() as db:
        assert service.create(db, filled.operator, filled.clock.now(), new).id == "bridge.1"


def test_who_may_not_change_the_bank_takes_nothing_out(filled: Any) -> None:
    for person in (filled.local, filled.administrator, filled.official):
        for what in ("retire", "restore"):
            with pytest.raises(Forbidden):
                act(filled, what, "storm", revision=1, by=person)
    with pytest.raises(Stale):
        act(filled, "retire", "storm", revision=7)


@pytest.mark.parametrize("name", ["drill-storm", "siren-steady", "false-alarm", "all-clear", "test-announcement"])
def test_what_the_desks_need_is_never_taken_out(filled: Any, name: str) -> None:
    with pytest.raises(Conflict):
        act(filled, "retire", name, revision=1)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Cấm cầu", "cam-cau"),
        ("Đập Sông Tranh 2: xả lũ!", "dap-song-tranh-2-xa-lu"),
        ("Drill", "message-drill-2"),
        ("Siren test", "message-siren-test"),
        ("???", "message"),
        ("Bão", "bao-3"),
    ],
)
def test_a_name_reads_like_its_title_and_is_nobody_else_s(title: str, name: str) -> None:
    taken = {"bao", "bao-2", "message-drill"}
    assert naming.name_for(title, taken) == name


titles = st.text(max_size=90) | st.sampled_from(["drill", "Test", "siren x", "a"])


@given(titles, st.sets(st.sampled_from(["a", "a-2", "drill", "test", "message", "message-2"])))
def test_whatever_the_title_the_name_is_free(title: str, taken: set[str]) -> None:
    made = naming.name_for(title, taken)
    assert naming.is_free_name(made)
    assert made not in taken
