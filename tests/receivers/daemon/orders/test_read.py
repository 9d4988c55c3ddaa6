"""Orders and live sessions as airings: what holds for every order, at every time."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import BroadcastClass, Late, Media, ReceiverSettings
from broadcast.wire.now import Bank, BankMessage, Feed, LiveSession, Made, Now, Order, Purpose
from receivers.orders import (
    LOOK_AHEAD_US,
    LOOK_BACK_US,
    SHORTEST_US,
    Against,
    Documents,
    Read,
    read,
    standing_in,
    stopped,
)

S = 1_000_000
HOUR = 3600 * S
NOON = 1_800_000_000 * S
PATH = ("province", "tra-van")
SETTINGS = ReceiverSettings(target="rx1", number=1, issued_us=NOON, expires_us=2 * NOON, zone_path=PATH)
FEED = Feed(id="f1", key="A" * 43, urls=("http://centre/live/f1",))


def _media(name: str, duration_us: int, language: str = "vi") -> Media:
    return Media(
        sha256=hashlib.sha256(name.encode()).hexdigest(), size_bytes=9, duration_us=duration_us, language=language
    )


def _bank(lengths_us: dict[str, int], purpose: Purpose = Purpose.REAL) -> Bank:
    messages = tuple(BankMessage(id=key, purpose=purpose, media=(_media(key, us),)) for key, us in lengths_us.items())
    return Bank(target="province", number=1, issued_us=NOON, expires_us=2 * NOON, messages=messages)


def _order(*parts: str | Made, **changes: object) -> Order:
    order = Order(id="o1", purpose=Purpose.REAL, start_us=NOON, until_us=NOON + HOUR, parts=parts or ("siren.1",))
    return replace(order, **changes)


def _now(*orders: Order, zone: str = "tra-van", **changes: object) -> Now:
    now = Now(target=zone, number=1, issued_us=NOON, expires_us=NOON + 24 * HOUR, orders=orders)
    return replace(now, **changes)


def _read(
    *orders: Order, bank: Bank | None = None, now_us: int = NOON, received_us: int = NOON, shift_us: int = 0
) -> Read:
    banks = (bank or _bank({"siren.1": 10 * S, "flood.1": 20 * S}),)
    documents = Documents(
        nows=(_now(*orders),), banks=banks, received_us={order.id: received_us for order in orders}, issued_us=NOON
    )
    return read(documents, SETTINGS, now_us - shift_us, shift_us)


def _starts(found: Read) -> list[tuple[str, int]]:
    return [(key, (airing.start_us - NOON) // S) for key, airing in found.airings.items()]


LENGTHS = st.lists(st.integers(0, 100 * S), min_size=1, max_size=4)
ANY_ORDER = st.builds(
    lambda lengths, start, force, every, purpose: (
        _order(
            *(f"m{place}.1" for place in range(len(lengths))),
            start_us=NOON + start,
            until_us=NOON + start + force,
            every_us=every,
            purpose=purpose,
        ),
        _bank({f"m{place}.1": us for place, us in enumerate(lengths)}, purpose),
    ),
    LENGTHS,
    st.integers(-3 * HOUR, 3 * HOUR),
    st.integers(-S, 6 * HOUR),
    st.one_of(st.just(0), st.integers(1, 2 * HOUR)),
    st.sampled_from(Purpose),
)
TIMES = st.integers(NOON - 4 * HOUR, NOON + 8 * HOUR)


@given(ANY_ORDER, TIMES, TIMES)
def test_no_two_parts_sound_at_once_and_nothing_begins_when_the_order_is_over(
    made: tuple[Order, Bank], now_us: int, received_us: int
) -> None:
    order, bank = made
    airings = list(_read(order, bank=bank, now_us=now_us, received_us=received_us).airings.values())
    spans = sorted((one.start_us, one.start_us + one.media[0].duration_us) for one in airings)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(one.start_us + one.window_us < order.until_us for one in airings)
    real = order.purpose is Purpose.REAL
    assert {one.cls for one in airings} <= {BroadcastClass.EMERGENCY if real else BroadcastClass.PRIORITY}


@given(ANY_ORDER, TIMES, TIMES, TIMES)
def test_an_airing_is_the_same_whenever_it_is_read(
    made: tuple[Order, Bank], first_us: int, second_us: int, received_us: int
) -> None:
    one = _read(made[0], bank=made[1], now_us=first_us, received_us=received_us)
    two = _read(made[0], bank=made[1], now_us=second_us, received_us=received_us)
    both = one.airings.keys() & two.airings.keys()
    assert {key: one.airings[key] for key in both} == {key: two.airings[key] for key in both}
    near = range(max(first_us, second_us) - LOOK_BACK_US, min(first_us, second_us) + LOOK_AHEAD_US)
    assert {key for key, airing in one.airings.items() if airing.start_us in near} <= two.airings.keys()


@given(ANY_ORDER, TIMES)
def test_a_rhythm_is_kept_to(made: tuple[Order, Bank], now_us: int) -> None:
    order, bank = made
    length_us = sum(message.media[0].duration_us for message in bank.messages)
    beginnings = {}
    for key, airing in _read(order, bank=bank, now_us=now_us, received_us=0).airings.items():
        _, number, part = key.split(".")
        if part == "0":
            assert airing.start_us == order.start_us + int(number) * order.every_us
            beginnings[int(number)] = airing.start_us
    starts = sorted(beginnings.values())
    assert all(after - before >= max(length_us, SHORTEST_US) for before, after in pairwise(starts))


def test_a_part_keeps_its_number_when_one_before_it_comes_later() -> None:
    text = Made(media=(_media("text", 20 * S),), feed=FEED)
    before = _read(_order("siren.1", places=(1,), every_us=60 * S))
    assert {key.rpartition(".")[2] for key in before.airings} == {"1"}
    after = _read(_order(text, "siren.1", every_us=60 * S))
    assert _starts(after)[:2] == [("o1.0.0", 0), ("o1.0.1", 20)]
    assert after.feeds[text.media[0].sha256].feed == FEED
    late = _read(_order("siren.1", places=(1,)), now_us=NOON + 600 * S, received_us=NOON + 600 * S)
    assert list(late.airings) == ["o1.late.1"]


@given(ANY_ORDER, TIMES, TIMES, st.integers(-(10**15), 10**15))
def test_on_a_clock_that_is_off_all_is_told_in_that_clocks_time(
    made: tuple[Order, Bank], now_us: int, received_us: int, shift_us: int
) -> None:
    right = _read(made[0], bank=made[1], now_us=now_us, received_us=received_us)
    off = _read(made[0], bank=made[1], now_us=now_us, received_us=received_us, shift_us=shift_us)
    assert {key: replace(one, start_us=one.start_us + shift_us) for key, one in off.airings.items()} == right.airings
    assert {key: us + shift_us for key, us in off.ends_us.items()} == right.ends_us
    assert {key: us + shift_us for key, us in off.since_us.items()} == right.since_us


def test_parts_follow_each_other_and_begin_again_until_the_end() -> None:
    for until_s in (149, 90):  # a third beginning could not end before the order does, or not begin
        found = _read(_order("siren.1", "flood.1", every_us=60 * S, until_us=NOON + until_s * S))
        assert _starts(found) == [("o1.0.0", 0), ("o1.0.1", 10), ("o1.1.0", 60), ("o1.1.1", 70)]
        assert found.ends_us == {"o1": NOON + 90 * S}
    whole = _read(_order("siren.1", "flood.1", every_us=60 * S, until_us=NOON + 150 * S))
    assert _starts(whole)[4:] == [("o1.2.0", 120), ("o1.2.1", 130)]


def test_what_is_longer_than_its_order_begins_once() -> None:
    found = _read(_order("siren.1", "flood.1", every_us=60 * S, until_us=NOON + 15 * S))
    assert _starts(found) == [("o1.0.0", 0), ("o1.0.1", 10)]


def test_a_rhythm_too_fast_for_its_parts_leaves_beginnings_out() -> None:
    found = _read(_order("siren.1", "flood.1", every_us=20 * S, until_us=NOON + 110 * S))
    assert [key for key, _ in _starts(found) if key.endswith(".0")] == ["o1.0.0", "o1.2.0", "o1.4.0"]


def test_a_long_rhythm_is_told_piece_by_piece() -> None:
    found = _read(_order(every_us=60 * S, until_us=NOON + 1000 * HOUR), now_us=NOON + 500 * HOUR)
    assert len(found.airings) <= (LOOK_BACK_US + LOOK_AHEAD_US) // (60 * S) + 2
    assert found.until_us is not None


def test_parts_are_as_long_as_in_the_nodes_language() -> None:
    media = (_media("vi", 10 * S), _media("sedang", 30 * S, "sed"))
    bank = replace(_bank({}), messages=(BankMessage(id="siren.1", purpose=Purpose.REAL, media=media),))
    documents = Documents(nows=(_now(_order("siren.1", "siren.1")),), banks=(bank,))
    for languages, second in ((("vi",), 10), (("sed", "vi"), 30)):
        found = read(documents, replace(SETTINGS, languages=languages), NOON)
        assert dict(_starts(found))["o1.0.1"] == second


@pytest.mark.parametrize("late_s", [31, 300])
def test_who_learns_of_it_after_it_was_over_plays_it_once_whole(late_s: int) -> None:
    received_us = NOON + late_s * S
    found = _read(_order("siren.1", "flood.1"), now_us=received_us, received_us=received_us)
    assert _starts(found) == [("o1.late.0", late_s), ("o1.late.1", late_s + 10)]
    assert {one.late for one in found.airings.values()} == {Late.WHOLE}


def test_who_learns_of_it_while_it_sounds_joins_and_after_its_end_hears_nothing() -> None:
    assert set(_read(_order(), received_us=NOON + 9 * S).airings) == {"o1.0.0"}
    assert not _read(_order(), now_us=NOON + 2 * HOUR, received_us=NOON + HOUR).airings


def test_a_message_that_is_not_known_is_left_out_and_of_a_drill_nothing_sounds() -> None:
    found = _read(_order("siren.1", "lost.1"))
    assert (set(found.airings), found.against) == ({"o1.0.0"}, {"o1": Against.UNKNOWN_MESSAGE})
    drill = _read(_order("siren.1", "lost.1", purpose=Purpose.DRILL), bank=_bank({"siren.1": 10 * S}, Purpose.DRILL))
    assert (drill.airings, drill.against) == ({}, {"o1": Against.UNKNOWN_MESSAGE})


def test_the_nodes_own_names_are_no_orders() -> None:
    for name in ("fallback", "local-fire", "self-test"):
        found = _read(_order(id=name))
        assert (found.airings, found.against) == ({}, {name: Against.RESERVED_ID})


def test_the_newest_document_says_what_an_order_is() -> None:
    old = _now(_order(), zone="province")
    new = _now(_order(start_us=NOON + 60 * S), issued_us=NOON + S)
    for nows in ((old, new), (new, old)):
        found = read(Documents(nows=nows, banks=(_bank({"siren.1": 10 * S}),)), SETTINGS, NOON)
        assert _starts(found) == [("o1.0.0", 60)]


def test_what_was_over_well_before_the_newest_document_does_not_come_back() -> None:
    documents = Documents(nows=(_now(_order()),), banks=(_bank({"siren.1": 10 * S}),), received_us={"o1": NOON})
    assert read(documents, SETTINGS, NOON).airings
    assert not read(replace(documents, issued_us=NOON + HOUR), SETTINGS, NOON).airings


def test_a_live_session_is_heard_its_delay_after_it_is_spoken() -> None:
    session = LiveSession(feed=FEED, start_us=NOON, until_us=NOON + 600 * S)
    (airing,) = read(Documents(nows=(_now(sessions=(session,)),)), SETTINGS, NOON).airings.values()
    assert (airing.id, airing.broadcast_id, airing.cls) == ("live.f1", "f1", BroadcastClass.PRIORITY)
    assert (airing.start_us, airing.media[0].duration_us) == (NOON + 2 * S, 598 * S)
    ended = replace(session, frames=48_000 * 30)
    found = read(Documents(nows=(_now(sessions=(ended,)),)), SETTINGS, NOON)
    assert found.airings["live.f1"].media[0].duration_us == 30 * S
    growing = found.feeds[standing_in(FEED)]
    assert (growing.plays_us, growing.said_us, growing.frames) == (NOON + 2 * S, NOON, 48_000 * 30)


def test_a_sound_made_for_an_order_is_fetched_as_a_feed_meanwhile() -> None:
    media = _media("text", 20 * S)
    found = _read(_order("siren.1", Made(media=(media,), feed=FEED), every_us=60 * S))
    assert found.feeds[media.sha256].plays_us == NOON + 10 * S
    later = _read(_order("siren.1", Made(media=(media,), feed=FEED), every_us=60 * S), now_us=NOON + 40 * S)
    assert later.feeds[media.sha256].plays_us == NOON + 70 * S


def test_stop_all_ends_what_came_before_it_there_and_below_and_nothing_above() -> None:
    above = _now(_order(id="above"), zone="province", stop_us=0)
    orders = _order(id="before"), _order(id="after", start_us=NOON + 60 * S)
    here = _now(*orders, stop_us=NOON + 30 * S, issued_us=NOON + 40 * S)
    bank = (_bank({"siren.1": 10 * S}),)
    found = read(Documents(nows=(above, here), banks=bank), SETTINGS, NOON)
    assert stopped(found, (), ()) == {"before.0.0"}
    found = read(Documents(nows=(replace(above, stop_us=NOON + 90 * S), here), banks=bank), SETTINGS, NOON)
    assert stopped(found, (), ()) == {"above.0.0", "before.0.0", "after.0.0"}


def test_the_stop_of_a_zone_silences_what_documents_below_said_before_it_and_not_what_they_say_after() -> None:
    stop = _now(zone="province", stop_us=NOON + 30 * S, issued_us=NOON + 30 * S)
    session = LiveSession(feed=FEED, start_us=NOON + 31 * S, until_us=NOON + HOUR)
    begun, to_begin = _order(id="begun"), _order(id="to begin", start_us=NOON + 31 * S)
    below = _now(begun, to_begin, issued_us=NOON + 29 * S, sessions=(session,))
    bank = (_bank({"siren.1": 10 * S}),)
    found = read(Documents(nows=(below, stop), banks=bank), SETTINGS, NOON)
    assert set(found.airings) == set(stopped(found, (), ())) == {"begun.0.0"}
    anew = _now(begun, to_begin, issued_us=NOON + 31 * S)
    found = read(Documents(nows=(anew, stop), banks=bank), SETTINGS, NOON)
    assert set(found.airings) == {"begun.0.0", "to begin.0.0"}
    assert stopped(found, (), ()) == {"begun.0.0"}


def test_a_document_that_tells_of_the_stop_knew_of_it_although_its_clock_was_behind() -> None:
    order, bank = _order(start_us=NOON + 10 * S), (_bank({"siren.1": 10 * S}),)
    stop = _now(zone="province", stop_us=NOON + 5 * S, issued_us=NOON + 5 * S)
    for stop_us, sounds in ((NOON + 5 * S, True), (NOON + 4 * S, False)):
        below = _now(order, stop_us=stop_us, issued_us=NOON + 4 * S)
        found = read(Documents(nows=(stop, below), banks=bank), SETTINGS, NOON)
        assert set(found.airings) == ({"o1.0.0"} if sounds else set())
        assert not stopped(found, (), ())


def test_a_rhythm_that_was_stopped_does_not_begin_again() -> None:
    now = _now(_order(every_us=60 * S), stop_us=NOON + 90 * S)
    found = read(Documents(nows=(now,), banks=(_bank({"siren.1": 10 * S}),)), SETTINGS, NOON)
    assert set(found.airings) == stopped(found, (), ()) == {"o1.0.0", "o1.1.0"}
