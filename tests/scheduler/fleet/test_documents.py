from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.clock import to_us
from broadcast.wire.documents import (
    MAX_AIRINGS,
    MAX_DOCUMENT_BYTES,
    AfterCut,
    Airing,
    BroadcastClass,
    Late,
    Media,
    Programme,
)
from broadcast.wire.jws import key_id
from broadcast.wire.now import Bank, Feed, Made, Now, Order, Purpose
from broadcast.wire.topics import now, programme
from broadcast.wire.trust import TrustedDocuments
from scheduler.bank import document as bank
from scheduler.fleet.documents import Draft, Last, Sealed, Unfit, digest, expiry, renewed
from scheduler.store.types import new_id

KEY = Ed25519PrivateKey.generate()
HANOI = "Asia/Ho_Chi_Minh"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam


def airing(number: int, start_us: int = 0) -> Airing:
    media = Media(sha256=f"{number:064x}", size_bytes=1, duration_us=1)
    return Airing(id=f"a{number}", broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=start_us, media=(media,))


def draft(*numbers: int) -> Draft:
    airings = tuple(airing(number) for number in numbers)
    return Draft(Programme(target="z1", number=1, issued_us=0, expires_us=0, airings=airings), HANOI)


def kept(sealed: Sealed) -> Last:
    return Last(sealed.number, sealed.content_sha256, sealed.issued_at, sealed.expires_at)


def made(of: Draft, last: Last | None = None, now: datetime = NOW) -> Sealed:
    sealed = renewed(of, last, KEY, now)
    assert sealed is not None
    return sealed


def test_it_holds_until_the_start_of_the_local_day_in_eight_days() -> None:
    assert expiry(HANOI, NOW) == datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
    late = datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC)  # 23:59:59 in Vietnam
    assert expiry(HANOI, late) == expiry(HANOI, NOW)
    assert expiry(HANOI, late + timedelta(seconds=1)) == expiry(HANOI, NOW) + timedelta(days=1)


def test_what_says_the_same_is_not_made_again() -> None:
    first = made(draft(1))
    assert renewed(draft(1), kept(first), KEY, NOW + timedelta(hours=15)) is None


def test_a_new_local_day_makes_it_anew() -> None:
    first = made(draft(1))
    midnight = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert renewed(draft(1), kept(first), KEY, midnight - timedelta(microseconds=1)) is None
    assert made(draft(1), kept(first), midnight).expires_at == first.expires_at + timedelta(days=1)


def test_a_change_makes_it_anew_at_once() -> None:
    first = made(draft(1))
    second = made(draft(2), kept(first))
    assert second.number == first.number + 1


def test_a_receiver_takes_the_next_document_after_a_restored_backup() -> None:
    """The store forgot an hour of numbers; what it makes next is still newer than what receivers hold."""
    receiver = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    old = made(draft(1))
    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        receiver.accept(programme("z1"), made(draft(minute + 2), kept(old), now).jws, to_us(now))
    later = NOW + timedelta(hours=1)
    assert receiver.accept(programme("z1"), made(draft(100), kept(old), later).jws, to_us(later)) is not None


@settings(max_examples=50)
@given(st.lists(st.timedeltas(timedelta(days=-2), timedelta(days=2)), max_size=20))
def test_the_number_only_grows_however_the_clock_jumps(steps: list[timedelta]) -> None:
    last: Last | None = None
    now = NOW
    for number, step in enumerate(steps):
        now += step
        sealed = made(draft(number), last, now)
        assert last is None or sealed.number > last.number
        last = kept(sealed)


def test_the_digest_is_of_what_is_said() -> None:
    document = draft(1).document
    assert digest(document) == digest(replace(document, number=7, issued_us=8, expires_us=9))
    assert digest(document) != digest(replace(document, target="z2"))


def test_as_many_airings_as_are_allowed_fit() -> None:
    ids = [new_id(NOW) for _ in range(MAX_AIRINGS)]
    hour_us = 3600 * 1_000_000
    airings = tuple(
        Airing(
            id=f"{broadcast_id}.{to_us(NOW)}",
            broadcast_id=broadcast_id,
            cls=BroadcastClass.EMERGENCY,
            start_us=to_us(NOW),
            media=(Media(sha256="f" * 64, size_bytes=2**26, duration_us=hour_us),),
            order=-99,
            late=Late.WHOLE,
            after_cut=AfterCut.TIMELINE,
            window_us=hour_us,
        )
        for broadcast_id in ids
    )
    sealed = made(Draft(Programme(target=ids[0], number=1, issued_us=0, expires_us=0, airings=airings), HANOI))
    assert sealed.left_out == 0


@pytest.mark.parametrize("recordings", [1, 8])
def test_a_programme_too_large_for_a_receiver_loses_its_last_airings(recordings: int) -> None:
    """In number and in bytes; the next days' come in as the first ones pass."""
    many = 2 * MAX_AIRINGS
    airings = tuple(airing(number, start_us=10_000 - number) for number in range(many))
    airings = tuple(replace(one, media=one.media * recordings) for one in airings)
    sealed = made(Draft(Programme(target="z1", number=1, issued_us=0, expires_us=0, airings=airings), HANOI))
    assert len(sealed.jws) <= MAX_DOCUMENT_BYTES
    receiver = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    document = receiver.accept(programme("z1"), sealed.jws, to_us(NOW))
    assert isinstance(document, Programme)
    assert len(document.airings) + sealed.left_out == many
    assert document.airings == tuple(sorted(airings, key=lambda one: one.start_us)[: len(document.airings)])
    assert len(document.airings) == MAX_AIRINGS or len(sealed.jws) > 0.9 * MAX_DOCUMENT_BYTES


def test_a_document_of_a_longer_life_is_made_anew_once_a_week() -> None:
    long = Draft(Bank(target="z1", number=1, issued_us=0, expires_us=0), HANOI, life_days=bank.LIFE_DAYS)
    made_at, last = [], None
    for hour in range(24 * 28):
        at = NOW + timedelta(hours=hour)
        sealed = renewed(long, last, KEY, at)
        if sealed is not None:
            made_at.append(hour // 24)
            last = kept(sealed)
        assert last is not None
        assert last.expires_at - at >= timedelta(days=7) - timedelta(hours=1)
    assert len(made_at) == 4


def order(name: str, *parts: str | Made, start_us: int = 0) -> Order:
    return Order(id=name, purpose=Purpose.REAL, start_us=start_us, until_us=2**50, parts=parts or ("storm.1",))


def in_force(*orders: Order, target: str = "z1") -> Draft:
    document = Now(target=target, number=1, issued_us=0, expires_us=0, orders=orders, stop_us=5)
    return Draft(document, HANOI, NOW + timedelta(hours=1))


def spoken(url: str) -> Made:
    media = Media(sha256="a" * 64, size_bytes=1, duration_us=1)
    return Made(media=(media,), feed=Feed(id="f1", key="k" * 43, urls=(url,)))


@pytest.mark.parametrize(
    "bad",
    [order("a b"), order("o", "no bank id"), order("o", spoken("live.example/x")), order("o", start_us=-1)],
    ids=["id", "message", "url", "time"],
)
def test_one_order_that_receivers_would_refuse_keeps_neither_the_others_nor_a_stop_waiting(bad: Order) -> None:
    sealed = made(in_force(order("good"), bad))
    receiver = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    document = receiver.accept(now("z1"), sealed.jws, to_us(NOW))
    assert isinstance(document, Now)
    assert ([one.id for one in document.orders], document.stop_us, sealed.left_out) == (["good"], 5, 1)


@pytest.mark.parametrize(
    "draft",
    [in_force(order("o"), target="a b"), in_force(*(order(f"o{n}") for n in range(9))), in_force()],
    ids=["target", "too many", "over"],
)
def test_a_document_that_receivers_would_refuse_is_not_made(draft: Draft) -> None:
    if not draft.document.orders:  # type: ignore[union-attr]
        draft = replace(draft, ends_at=NOW - timedelta(hours=1))
    with pytest.raises(Unfit, match="would refuse"):
        renewed(draft, None, KEY, NOW)
