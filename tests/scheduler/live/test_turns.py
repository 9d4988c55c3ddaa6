"""Whose turn it is to speak."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.live.turns import Talk, ahead, displaced, meet, refused_by

PATHS = ("/a/", "/a/b/", "/a/b/c/", "/a/d/", "/e/")
NORMAL, PRIORITY, EMERGENCY = 1, 2, 3


def talk(
    name: str, rank: int = PRIORITY, *paths: str, on_air: bool = False, asked_us: int = 0, relay: bool = False
) -> Talk:
    return Talk(name, rank, asked_us, on_air, paths or ("/a/",), relay)


talks = st.lists(
    st.builds(
        Talk,
        id=st.uuids().map(str),
        rank=st.sampled_from((NORMAL, PRIORITY, EMERGENCY)),
        asked_us=st.integers(0, 5),
        on_air=st.just(value=False),
        paths=st.lists(st.sampled_from(PATHS), min_size=1, max_size=2, unique=True).map(tuple),
        relay=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(talks)
def test_somebody_may_always_speak_and_those_who_may_do_not_meet(waiting: list[Talk]) -> None:
    first = [one for one in waiting if not ahead(one, waiting)]
    assert bool(first) == bool(waiting)
    assert not any(meet(a, b) for a in first for b in first if a is not b)


@given(talks)
def test_taking_turns_everyone_comes_to_speak_and_higher_classes_first(waiting: list[Talk]) -> None:
    left, spoken = list(waiting), list[Talk]()
    while left:
        turn = next(one for one in left if not ahead(one, left))
        assert all(other.rank <= turn.rank for other in left if meet(turn, other))
        spoken.append(turn)
        left.remove(turn)
    assert len(spoken) == len(waiting)


def test_equals_wait_in_the_order_in_which_they_asked() -> None:
    on_air, second, third = talk("1", on_air=True), talk("2", asked_us=1), talk("3", asked_us=2)
    everyone = (third, on_air, second)
    assert ahead(second, everyone) == (on_air,)
    assert ahead(third, everyone) == (on_air, second)


def test_a_higher_one_takes_the_air_and_a_lower_one_is_refused() -> None:
    on_air = talk("1", PRIORITY, on_air=True)
    emergency, normal = talk("2", EMERGENCY), talk("3", NORMAL)
    assert ahead(emergency, (on_air,)) == ()
    assert displaced(emergency, (on_air,)) == (on_air,)
    assert refused_by(normal, (on_air,)) == (on_air,)
    assert refused_by(emergency, (on_air,)) == ()


def test_villages_beside_each_other_do_not_wait_and_those_above_and_below_do() -> None:
    on_air = talk("1", PRIORITY, "/a/b/", on_air=True)
    assert not ahead(talk("2", PRIORITY, "/a/d/"), (on_air,))
    assert ahead(talk("2", PRIORITY, "/a/"), (on_air,))
    assert ahead(talk("2", PRIORITY, "/a/b/c/"), (on_air,))
    assert ahead(talk("2", PRIORITY, "/a/d/", "/a/b/c/"), (on_air,))


def test_a_relay_goes_on_beneath_a_higher_talk_and_neither_waits_for_the_other() -> None:
    relay, above = talk("1", NORMAL, on_air=True, relay=True), talk("2", PRIORITY, "/a/b/")
    assert (displaced(above, (relay,)), ahead(above, (relay,))) == ((), ())
    begun, later = talk("2", PRIORITY, "/a/b/", on_air=True), talk("3", NORMAL, relay=True)
    assert (refused_by(later, (begun,)), ahead(later, (begun,))) == ((), ())
    assert displaced(talk("4", PRIORITY, relay=True), (relay,)) == (relay,)  # of relays one is heard


def test_a_relay_and_a_talk_that_is_not_above_it_take_turns() -> None:
    relay, equal, lower = talk("1", PRIORITY, on_air=True, relay=True), talk("2", PRIORITY), talk("3", NORMAL)
    assert ahead(equal, (relay,)) == (relay,)
    assert refused_by(lower, (relay,)) == (relay,)
    on_air = talk("3", NORMAL, on_air=True)
    assert displaced(talk("1", PRIORITY, relay=True), (on_air,)) == (on_air,)
