"""The power goes at every single step of what a receiver writes, and takes whatever was not synced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broadcast.wholefile import sync
from broadcast.wire import topics
from broadcast.wire.trust import Reason, Refused
from receivers.identity import Identity, NotEnrolled, load, save
from receivers.lab.trial.shelf import (
    NOON_US,
    RECEIVER,
    Shelf,
    began,
    body,
    identity,
    programme,
    report,
    settings,
    sha256_of,
)
from receivers.ledger import lost_piece
from receivers.outbox import JOURNAL, Sounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from receivers.lab.trial.powercut import Disk
    from tests.receivers.disk.conftest import Cuts

    Tell = Callable[[object], None]

SETTINGS = topics.settings(RECEIVER)
VILLAGE = topics.programme("village")
DOCUMENTS = (
    (SETTINGS, settings(1, "commune", "village")),
    (VILLAGE, programme("village", 2)),
    (topics.programme("commune"), programme("commune", 3)),
    (VILLAGE, programme("village", 4, airings=3)),
    (SETTINGS, settings(5, "commune")),  # the village is left
    (SETTINGS, settings(6, "commune", "village")),
    (VILLAGE, programme("village", 7, airings=1)),
)


def test_documents_are_the_last_believed_or_the_one_on_its_way(cuts: Cuts) -> None:
    held: list[dict[str, int]] = [{}]

    def act(shelf: Shelf, tell: Tell) -> None:
        for topic, raw in DOCUMENTS:
            assert shelf.vault.accept(topic, raw, NOON_US)
            assert shelf.vault.disk_error is None
            held.append(shelf.vault.numbers())
            tell(len(held))

    def judge(shelf: Shelf, disk: Disk) -> None:
        sure = len(disk.told)
        assert shelf.vault.numbers() in held[sure : sure + 2]
        assert not shelf.quarantined
        assert not shelf.vault.refused
        for topic, raw in DOCUMENTS[sure:]:  # what was not said to be held comes again, and is taken or is there
            shelf.vault.accept(topic, raw, NOON_US)
        assert shelf.vault.numbers() == held[-1]
        assert shelf.boot().vault.numbers() == held[-1]

    assert cuts.after(act, judge) > 200


def test_numbers_of_a_zone_that_was_left_never_go_back(cuts: Cuts) -> None:
    def act(shelf: Shelf, tell: Tell) -> None:
        for topic, raw in DOCUMENTS[:5]:
            shelf.vault.accept(topic, raw, NOON_US)
            tell(topic)

    def judge(shelf: Shelf, disk: Disk) -> None:
        if len(disk.told) < 5:
            return
        shelf.vault.accept(*DOCUMENTS[5], NOON_US)
        with pytest.raises(Refused) as refusal:
            shelf.vault.accept(*DOCUMENTS[1], NOON_US)
        assert refusal.value.reason == Reason.OLDER

    assert cuts.after(act, judge) > 100


def test_since_when_a_zone_is_ours_is_never_from_before_it_was_left(cuts: Cuts) -> None:
    def act(shelf: Shelf, tell: Tell) -> None:
        for topic, raw in DOCUMENTS[:5]:
            shelf.vault.accept(topic, raw, NOON_US - 5)
            tell(topic)

    def judge(shelf: Shelf, disk: Disk) -> None:
        if shelf.vault.settings is not None and shelf.vault.settings.number == 5:
            shelf.vault.accept(*DOCUMENTS[5], NOON_US)
            shelf.vault.accept(*DOCUMENTS[6], NOON_US)
            assert shelf.vault.first_us(VILLAGE) == NOON_US

    cuts.after(act, judge)


def _reports(shelf: Shelf, tell: Tell) -> None:
    """Airings that sound and are reported; some acknowledged, which makes the journal anew."""
    outbox = shelf.outbox
    for number in range(1, 9):
        name = f"a{number}"
        outbox.add(began(name))
        tell(("began", name))
        outbox.add(Sounded(piece=lost_piece(name, NOON_US)))
        tell(("sounded", name))
        outbox.add(report(number, name))
        assert outbox.disk_error is None
        tell(("reported", number))
        if number in {3, 6, 7}:
            stored = number - 1 if number == 6 else number
            tell(("acknowledged", stored))
            outbox.to_send()
            outbox.acknowledge(stored, NOON_US)


def test_reports_are_kept_once_each_under_their_numbers(cuts: Cuts) -> None:
    def judge(shelf: Shelf, disk: Disk) -> None:
        said = [word for word in disk.told if isinstance(word, tuple)]
        numbers = [number for what, number in said if what == "reported"]
        stored = max((number for what, number in said if what == "acknowledged"), default=0)
        outbox = shelf.outbox
        assert outbox.disk_error is None
        assert len(numbers) <= outbox.number <= len(numbers) + 1
        assert list(outbox.pending) == list(range(outbox.acknowledged + 1, outbox.number + 1))
        assert outbox.acknowledged <= stored
        assert set(range(stored + 1, len(numbers) + 1)) <= set(outbox.pending)
        assert {number: one.airing_id for number, one in outbox.pending.items()} == {
            number: f"a{number}" for number in outbox.pending
        }
        assert outbox.over.keys() == {f"a{number}" for number in range(1, outbox.number + 1)}
        begun = {name for what, name in said if what == "began"}
        assert begun <= outbox.over.keys() | outbox.planned.keys()
        assert not outbox.sounding
        assert not shelf.quarantined

    assert cuts.after(_reports, judge) > 150


def test_the_next_report_after_a_cut_goes_on_in_the_numbers(cuts: Cuts) -> None:
    def judge(shelf: Shelf, disk: Disk) -> None:
        before = dict(shelf.outbox.pending)
        shelf.outbox.add(report(shelf.outbox.number + 1, "next"))
        again = shelf.boot().outbox
        assert list(again.pending.values())[:-1] == list(before.values())
        assert again.pending[again.number].airing_id == "next"

    assert cuts.after(_reports, judge) > 150


def test_a_journal_that_is_mended_loses_nothing_when_the_power_goes_again(cuts: Cuts) -> None:
    def act(shelf: Shelf, tell: Tell) -> None:
        path = shelf.root / RECEIVER / "reports" / JOURNAL
        for number in range(1, 6):
            shelf.outbox.add(report(number, f"a{number}"))
        lines = path.read_bytes().splitlines(keepends=True)
        lines[2] = b"?" + lines[2][1:]
        path.write_bytes(b"".join(lines))
        sync(path)
        tell("rotten")
        shelf.boot()

    def judge(shelf: Shelf, disk: Disk) -> None:
        if disk.told:
            assert list(shelf.outbox.pending) == [1, 2, 3, 4, 5]
            assert len(shelf.quarantined) <= 1

    cuts.after(act, judge)


def _recordings(shelf: Shelf, tell: Tell) -> None:
    store = shelf.media
    for name in "abc":
        shelf.fetch(name)
        assert store.finish(sha256_of(name), NOON_US)
        tell(sha256_of(name))
        if name == "b":
            store.remove(sha256_of("a"))
            store.part(sha256_of("z")).write_bytes(b"begun")
            store.remove_parts(frozenset())


def test_a_recording_that_was_ready_is_ready_and_none_is_that_is_not_whole(cuts: Cuts) -> None:
    gone = sha256_of("a")

    def judge(shelf: Shelf, disk: Disk) -> None:
        removed_maybe = gone if sha256_of("b") in disk.told else None
        assert set(disk.told) - {removed_maybe} <= shelf.media.ready.keys()
        for sha256 in shelf.media.ready:
            assert body(next(name for name in "abc" if sha256_of(name) == sha256)) == (
                shelf.media.path(sha256).read_bytes()
            )

    assert cuts.after(_recordings, judge) > 100


def test_a_part_that_a_cut_left_is_finished_or_begun_anew(cuts: Cuts) -> None:
    def judge(shelf: Shelf, disk: Disk) -> None:
        for name in "abc":
            sha256 = sha256_of(name)
            if sha256 not in shelf.media.ready:
                shelf.fetch(name)
                if not shelf.media.finish(sha256, NOON_US):  # what the cut left of it was not right
                    shelf.fetch(name)
                    assert shelf.media.finish(sha256, NOON_US)

    cuts.after(_recordings, judge)


def test_an_identity_is_the_former_or_the_new_one(cuts: Cuts) -> None:
    first, second = identity("rx1", b"key one"), identity("rx2", b"key two")

    def act(shelf: Shelf, tell: Tell) -> None:
        for made, pem in ((first, b"key one"), (second, b"key two")):
            save(shelf.root, made, pem)
            tell(made)

    def judge(shelf: Shelf, disk: Disk) -> None:
        found = _loaded(shelf)
        assert found in ([None, first], [first, second], [second])[len(disk.told)]
        if found is not None:
            assert (shelf.root / found.credentials).read_bytes() == (b"key one" if found == first else b"key two")

    assert cuts.after(act, judge) > 50


def _loaded(shelf: Shelf) -> Identity | None:
    try:
        return load(shelf.root)
    except NotEnrolled:
        return None
