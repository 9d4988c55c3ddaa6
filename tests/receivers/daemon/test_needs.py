"""Which recordings, in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire.documents import LocalMessage
from receivers.needs import (
    BACKOFF_MAX_US,
    BANK_DUE_US,
    FALLBACK_DUE_US,
    RECHECK_US,
    Need,
    Stored,
    backoff_us,
    needs,
    next_fetch,
    next_recheck,
    overtakes,
    to_let_go,
)

if TYPE_CHECKING:
    from tests.receivers.daemon.conftest import Desk

S = 1_000_000
NOON = 1_800_000_000 * S

NEEDS = st.lists(
    st.builds(Need, st.sampled_from("abcdefgh"), st.integers(1, 100), st.integers(0, 1000)),
    max_size=8,
    unique_by=lambda need: need.sha256,
)
STORED = st.dictionaries(
    st.sampled_from("abcdefgh"), st.builds(Stored, st.integers(1, 100), st.integers(0, 9), st.just(0)), max_size=8
)


def test_next_needed_comes_first_once_and_what_is_past_is_not_needed(desk: Desk) -> None:
    past, soon, later, fallback = (desk.media(name, 30) for name in ("past", "soon", "later", "fallback"))
    airings = [
        desk.airing("1", NOON + 9000 * S, later),
        desk.airing("2", NOON - 30 * S, past),
        desk.airing("3", NOON - 29 * S, soon),
        desk.airing("4", NOON + 50 * S, soon),
    ]
    wanted = needs(airings, desk.settings(fallback=fallback), NOON)
    assert [need.sha256 for need in wanted] == [soon.sha256, fallback.sha256, later.sha256]
    assert wanted[0].due_us == NOON - 29 * S


def test_prepared_messages_are_needed_as_the_fallback_is(desk: Desk) -> None:
    fire, later = desk.media("fire", 30), desk.media("later", 30)
    settings = desk.settings(messages=(LocalMessage(name="fire", media=fire),))
    wanted = needs([desk.airing("later", NOON + FALLBACK_DUE_US + 1, later)], settings, NOON)
    assert [need.sha256 for need in wanted] == [fire.sha256, later.sha256]


def test_only_the_recording_in_the_receivers_language_is_needed(desk: Desk) -> None:
    vi, xtd = desk.media("vi", 30), replace(desk.media("xtd", 30), language="sed")
    airing = replace(desk.airing("1", NOON, vi), media=(vi, xtd))
    assert [need.sha256 for need in needs([airing], desk.settings(languages=("sed", "vi")), NOON)] == [xtd.sha256]


@given(NEEDS, STORED, st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 20)), st.integers(0, 20))
def test_what_is_fetched_is_the_first_that_is_missing_and_may_be_tried(
    wanted: list[Need], stored: dict[str, Stored], not_before_us: dict[str, int], now_us: int
) -> None:
    open_ = [need for need in wanted if need.sha256 not in stored and not_before_us.get(need.sha256, 0) <= now_us]
    assert next_fetch(wanted, stored, not_before_us, now_us) == (open_[0] if open_ else None)


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_waiting_grows_and_is_bounded(failures: int, random: float) -> None:
    wait_us = backoff_us(failures, random)
    assert S // 2 <= wait_us <= BACKOFF_MAX_US
    assert backoff_us(failures + 1, random) >= wait_us


@given(NEEDS, STORED, st.integers(-10, 400))
def test_room_is_made_from_what_is_unneeded_before_what_is_needed_later(
    wanted: list[Need], stored: dict[str, Stored], over_bytes: int
) -> None:
    coming = Need("coming", 10, 500)
    chosen = to_let_go(stored, wanted, coming, over_bytes)
    needed = {need.sha256: need.due_us for need in wanted}
    spare = {key for key in stored if needed.get(key, 501) > 500}
    possible = sum(stored[key].size_bytes for key in spare)
    assert set(chosen) <= spare
    won = sum(stored[key].size_bytes for key in set(chosen))
    assert won >= over_bytes or not chosen
    if 0 < over_bytes <= possible:
        assert chosen
    if any(key in needed for key in chosen):
        assert set(stored) - set(needed) <= set(chosen)


def test_a_file_that_plays_soon_and_was_not_read_for_a_day_is_read_again() -> None:
    soon, later = Need("soon", 1, NOON + 60 * S), Need("later", 1, NOON + 7200 * S)
    held = {name: Stored(1, 0, NOON - RECHECK_US) for name in ("soon", "later")}
    assert next_recheck([soon, later], held, NOON) == soon
    assert next_recheck([later], held, NOON) is None
    assert next_recheck([soon], {"soon": Stored(1, 0, NOON - S)}, NOON) is None


def test_what_a_bank_names_is_read_again_each_day_and_never_let_go(desk: Desk) -> None:
    siren, news = desk.media("siren", 10), desk.media("news", 10)
    wanted = needs([desk.airing("1", NOON + S, news)], desk.settings(), NOON, [siren])
    held = {media.sha256: Stored(100, 0, NOON - RECHECK_US) for media in (siren, news)}
    assert [need.sha256 for need in wanted] == [news.sha256, siren.sha256]
    assert next_recheck(wanted[1:], held, NOON) == wanted[1]
    coming = Need("coming", 100, NOON)
    assert to_let_go(held, wanted, coming, 100) == (news.sha256,)
    assert to_let_go(held, wanted, coming, 200) == ()
    assert overtakes(wanted[1], Need("bulk", 1, NOON + 86_400 * S), NOON)


def test_what_bank_and_programme_share_is_told_of_and_kept(desk: Desk) -> None:
    siren = desk.media("siren", 10)
    (need,) = needs([desk.airing("1", NOON + 9000 * S, siren)], desk.settings(), NOON, [siren])
    assert (need.kept, need.told, need.due_us) == (True, True, NOON + BANK_DUE_US)


def test_only_what_is_due_within_minutes_makes_a_fetch_step_aside() -> None:
    bulk = Need("bulk", 1, NOON + 86_400 * S)
    assert overtakes(Need("flood", 1, NOON + 10 * S), bulk, NOON)
    assert not overtakes(Need("tomorrow", 1, NOON + 40_000 * S), bulk, NOON)
    assert not overtakes(bulk, Need("flood", 1, NOON + 10 * S), NOON)
    assert not overtakes(None, bulk, NOON)
