"""Approving for another time, the number of the paper, and what is compared."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from scheduler.announcements.models import Recording
from scheduler.approval import editions
from scheduler.approval.differences import Edition, PieceKind, differences, word_diff
from scheduler.broadcasts import service
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import ApproveIn
from scheduler.errors import Conflict, Invalid
from scheduler.workflow import State
from scheduler.zones.models import Zone

WEEKLY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=WEEKLY", "until": "2026-12-31"}


def approve(commune: Any, waiting: Any, **asked: Any) -> Any:
    with commune.store.writing() as db:
        return service.approve(
            db, commune.leader, commune.now, waiting.id, version=waiting.version, asked=ApproveIn.model_validate(asked)
        )


@pytest.mark.parametrize("when", ["2026-11-23T17:00", {"kind": "now"}])
def test_another_time_is_the_approvers_and_what_was_asked_for_is_kept(commune: Any, when: Any) -> None:
    done = approve(commune, commune.submitted(commune.draft(when=when)), starts_local="2026-11-24T05:30")
    assert (done.state, done.starts_local) == (State.APPROVED, "2026-11-24T05:30:00")
    assert done.asked_local == ("now" if isinstance(when, dict) else "2026-11-23T17:00:00")
    with commune.store.writing() as db:
        row = db.get_one(Broadcast, done.id)
        assert commune.leader.user_id not in row.editor_ids
        back = service.give_back(db, commune.leader, commune.now, done.id, "Sai ngày", version=done.version)
        assert back.when.model_dump() == commune.draft(when=when).when.model_dump() | (
            {} if isinstance(when, dict) else {"starts_local": "2026-11-23T17:00:00"}
        )
        assert (back.asked_local, row.approver_id) == (None, None)


def test_a_time_at_which_something_is_in_the_way_is_refused(commune: Any) -> None:
    commune.approved(commune.draft(commune.announce("Khác"), when="2026-11-23T18:00"))
    waiting = commune.submitted()
    with pytest.raises(Invalid) as refused:
        approve(commune, waiting, starts_local="2026-11-23T18:00")
    assert (refused.value.code, refused.value.field) == ("not_free", "starts_local")
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_1).quiet_hours = [{"start_minute": 1260, "end_minute": 300}]
    for late in ("2026-11-23T22:00", "2026-11-22T17:00"):
        with pytest.raises(Invalid):
            approve(commune, waiting, starts_local=late)
    assert approve(commune, waiting, starts_local="2026-11-23T19:00").state is State.APPROVED


def test_what_repeats_keeps_the_times_of_its_author(commune: Any) -> None:
    with pytest.raises(Conflict, match="its author"):
        approve(commune, commune.submitted(commune.draft(when=WEEKLY)), starts_local="2026-11-24T05:30")


def test_the_number_of_the_paper_is_found_and_goes_with_the_approval(commune: Any) -> None:
    done = approve(commune, commune.submitted(), document_no="  45/TB-UBND  ngày 20 ")
    assert done.document_no == "45/TB-UBND ngày 20"
    commune.approved()

    def found(text: str) -> list[str]:
        with commune.store.reading() as db:
            return [item.id for item in service.index(db, commune.official, commune.now, document=text).items]

    assert found("45/tb-ubnd") == found("UBND NGÀY") == [done.id]
    assert found("%") == found("46") == []
    with commune.store.writing() as db:
        draft = commune.draft(when="2026-11-23T19:00")
        changed = service.edit(db, commune.official, commune.now, done.id, draft, version=done.version)
    assert (changed.state, changed.document_no) == (State.DRAFT, None)
    assert found("45") == []


def test_what_changed_since_it_was_seen_last(commune: Any) -> None:
    waiting = commune.submitted()
    with commune.store.writing() as db:
        back = service.give_back(db, commune.leader, commune.now, waiting.id, "Sai giờ", version=waiting.version)
        text = db.exec(select(Recording).where(Recording.announcement_id == commune.announcement_id)).one()
        text.text = "Mất điện từ tám giờ."
        draft = commune.draft(when="2026-11-24T17:00", zone_ids=[commune.places.leng_1], cls="priority")
        changed = service.edit(db, commune.official, commune.now, back.id, draft, version=back.version)
        service.submit(db, commune.official, commune.now, back.id, version=changed.version)
    other = commune.submitted()
    with commune.store.reading() as db:
        found = editions.since_last(db, [waiting.id, other.id])
    assert found.keys() == {waiting.id}
    told = found[waiting.id]
    assert (told.title_before, told.cls_before, told.places_removed) == (None, "normal", ("Thôn 2",))
    assert told.when_before == {"kind": "at", "starts_local": "2026-11-23T17:00:00", "skip_holidays": False}
    [text_changed] = told.texts
    assert [(piece.kind, piece.text) for piece in text_changed.pieces] == [
        (PieceKind.SAME, "Mất điện từ "),
        (PieceKind.REMOVED, "bảy "),
        (PieceKind.ADDED, "tám "),
        (PieceKind.SAME, "giờ."),
    ]


words = st.lists(st.sampled_from(["Mất", "điện", "từ", "bảy", "giờ."]), max_size=12).map(" ".join)


@given(words, words)
def test_a_word_diff_holds_both_texts(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert all(piece.text for piece in pieces)
    assert all(one.kind is not other.kind for one, other in pairwise(pieces))
    assert "".join(piece.text for piece in pieces if piece.kind is not PieceKind.REMOVED) == new
    was = "".join(piece.text for piece in pieces if piece.kind is not PieceKind.ADDED)
    assert was.split() == old.split()


def test_nothing_changed_is_no_difference() -> None:
    same = Edition(title="A", cls="normal", when={}, timezone="UTC", places=("X",), texts={"vi": "a"}, sounds={})
    assert differences(same, same).none


def test_places_of_one_name_are_told_apart(commune: Any) -> None:
    with commune.store.writing() as db:
        db.get_one(Zone, commune.places.leng_2).name = db.get_one(Zone, commune.places.leng_1).name
    waiting = commune.submitted()
    with commune.store.writing() as db:
        back = service.give_back(db, commune.leader, commune.now, waiting.id, "Sai nơi", version=waiting.version)
        draft = commune.draft(zone_ids=[commune.places.leng_1])
        changed = service.edit(db, commune.official, commune.now, back.id, draft, version=back.version)
        service.submit(db, commune.official, commune.now, back.id, version=changed.version)
        told = editions.since_last(db, [waiting.id])[waiting.id]
    assert (told.places_added, told.places_removed) == ((), ("Thôn 1",))
