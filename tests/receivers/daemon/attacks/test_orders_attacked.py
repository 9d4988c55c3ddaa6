"""What has been done to sirens, or could be, done to a receiver: nothing sounds, and it is counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from broadcast.wire import topics
from broadcast.wire.documents import Outcome
from broadcast.wire.now import Purpose
from broadcast.wire.trust import seal
from receivers.life import Hold
from receivers.progress import MAX_TOLD

if TYPE_CHECKING:
    from broadcast.wire.documents import Media
    from broadcast.wire.now import Now, Order
    from tests.receivers.daemon.conftest import Desk, Rig

S = 1_000_000
NOON = 1_800_000_000 * S
HERE = topics.now("tra-van")
FLOOD = 10_000


@pytest.fixture
def bank(rig: Rig, desk: Desk) -> Media:
    """Ten seconds, on the node: siren.1 for the real thing, drill.1 for drills and test.1 for tests."""
    sound = desk.media("siren", 10)
    rig.fetch(sound)
    rig.give(desk.bank({"siren.1": sound}))
    drills, tests = (
        desk.bank({f"{purpose}.1": sound}, purpose, zone="tra-van") for purpose in (Purpose.DRILL, Purpose.TEST)
    )
    assert rig.give(replace(drills, messages=drills.messages + tests.messages))
    return sound


def _over(rig: Rig, desk: Desk, order: Order) -> bytes:
    """An order as it went over the wire; it has sounded and was taken back."""
    captured = desk.seal(desk.now(order))
    assert rig.node.on_document(HERE, captured, rig.now_us)
    rig.run(20)
    assert len(rig.heard) == 1
    assert rig.give(desk.now(at_us=rig.now_us))
    rig.run(2)
    return captured


def _sent(rig: Rig, topic: str, raw: bytes, refused: dict[str, int]) -> None:
    """Nothing sounds of it, and the state says what was refused."""
    before = list(rig.heard)
    assert not rig.node.on_document(topic, raw, rig.now_us)
    rig.run(60)
    assert rig.heard == before
    assert dict(rig.vault.refused) == refused
    assert rig.node.last_refusal is not None


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize(
    ("purpose", "part"), [(Purpose.REAL, "siren.1"), (Purpose.DRILL, "drill.1"), (Purpose.TEST, "test.1")]
)
def test_dallas_2017_a_captured_order_is_sent_again(rig: Rig, desk: Desk, purpose: Purpose, part: str) -> None:
    captured = _over(rig, desk, desk.order("o1", part, purpose=purpose))
    _sent(rig, HERE, captured, {"older": 1})
    rig.boot()
    _sent(rig, HERE, captured, {"older": 1})


@pytest.mark.usefixtures("bank")
def test_sirenjack_2018_an_order_signed_by_another_key(rig: Rig, desk: Desk) -> None:
    _sent(rig, HERE, seal(desk.now(desk.order("o1")), Ed25519PrivateKey.generate()), {"unsigned": 1})


@pytest.mark.usefixtures("bank")
def test_eas_2013_an_order_that_nobody_signed(rig: Rig) -> None:
    _sent(rig, HERE, b'{"kind":"now","target":"tra-van","number":99,"issued_us":1,"expires_us":2}', {"unsigned": 1})


@pytest.mark.usefixtures("bank")
def test_an_order_for_another_zone(rig: Rig, desk: Desk) -> None:
    raw = desk.seal(desk.now(desk.order("o1"), zone="tra-tap"))
    _sent(rig, HERE, raw, {"wrong_target": 1})
    _sent(rig, topics.now("tra-tap"), raw, {"wrong_target": 2})


@pytest.mark.usefixtures("bank")
def test_an_order_that_was_held_back_until_it_expired(rig: Rig, desk: Desk) -> None:
    raw = desk.seal(desk.now(desk.order("o1"), expires_us=NOON + 60 * S))
    rig.run(60)
    _sent(rig, HERE, raw, {"expired": 1})


@pytest.mark.usefixtures("bank")
def test_an_order_that_was_held_back_until_it_was_over(rig: Rig, desk: Desk) -> None:
    raw = desk.seal(desk.now(desk.order("o1")))
    rig.run(3600)
    assert rig.node.on_document(HERE, raw, rig.now_us)
    rig.run(60)
    assert rig.heard == []


@pytest.mark.usefixtures("bank")
def test_a_broker_that_sends_twice_reorders_and_invents(rig: Rig, desk: Desk) -> None:
    first, second, third = (desk.now(desk.order(f"o{n}", start_us=NOON + n * 60 * S)) for n in range(3))
    for now in (second, second, first, first, third, second, third):
        rig.give(now)
        rig.node.on_document(HERE, desk.seal(now)[:-4] + b"AAAA", rig.now_us)
    rig.run(300)
    assert rig.heard == [("o2.0.0", 121 * S, 131 * S)]
    assert dict(rig.vault.refused) == {"unsigned": 7, "older": 3}


@pytest.mark.usefixtures("bank")
def test_a_number_that_comes_again_with_another_order(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now())
    _sent(rig, HERE, desk.seal(desk.now(desk.order("o1"), number=desk.number)), {"replayed": 1})


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize(
    ("purpose", "part"), [(Purpose.DRILL, "siren.1"), (Purpose.TEST, "siren.1"), (Purpose.REAL, "drill.1")]
)
def test_hawaii_2018_a_drill_with_the_real_things_message_and_the_other_way(
    rig: Rig, desk: Desk, purpose: Purpose, part: str
) -> None:
    rig.give(desk.now(desk.order("o1", part, purpose=purpose)))
    rig.run(60)
    assert rig.heard == []
    assert dict(rig.vault.refused) == {"wrong_purpose": 1}
    assert rig.node.last_refusal == (NOON, "wrong_purpose: order o1")
    (told,) = rig.node.progress.told
    assert (told.id, told.reason, told.sounding_us) == ("o1", "wrong_purpose", None)


@pytest.mark.usefixtures("bank")
def test_an_order_that_names_itself_as_the_nodes_own_sounds_do(rig: Rig, desk: Desk) -> None:
    rig.give(desk.now(desk.order("fallback"), desk.order("self-test"), desk.order("local-fire-1")))
    rig.run(60)
    assert rig.heard == []
    assert dict(rig.vault.refused) == {"reserved_id": 3}


def _plays_on(rig: Rig, desk: Desk) -> None:
    news = desk.media("news", 600)
    rig.fetch(news)
    rig.give(desk.programme([desk.airing("news", NOON + S, news)]))
    rig.run(5)


@pytest.mark.usefixtures("bank")
def test_ten_thousand_forged_orders_are_counted_and_the_horn_plays_on(rig: Rig, desk: Desk) -> None:
    _plays_on(rig, desk)
    held, resolution = rig.vault.numbers(), rig.node.resolution
    forged = desk.seal(desk.now(desk.order("o1")))[:-4]
    for number in range(FLOOD):
        rig.node.on_document(HERE, forged + b"%04d" % number, rig.now_us)
        if number % 1000 == 0:
            rig.run(1)
    assert rig.vault.refused.total() == FLOOD
    assert rig.vault.numbers() == held
    assert rig.node.resolution is resolution  # nothing was worked out anew
    assert rig.node.progress.told == ()
    rig.run(600)
    assert rig.heard == [("news", S, 601 * S)]
    assert rig.reports["news"].outcome is Outcome.HEARD


@pytest.mark.usefixtures("bank")
def test_a_flood_of_orders_by_the_centres_own_key_leaves_nothing_behind(rig: Rig, desk: Desk) -> None:
    """A thief of the key can make it sound; not make it grow."""
    for number in range(200):
        rig.give(desk.now(*(desk.order(f"o{number}-{place}", start_us=rig.now_us) for place in range(8))))
        rig.run(0)
    assert len(rig.node.progress.told) == MAX_TOLD
    assert {key.split("-")[0] for key in rig.node.airings} == {"o199"}
    assert len(rig.vault.received_us()) == len(rig.node.standing.read.received_us) == 8
    rig.run(20)
    assert len(rig.heard) == 1


@pytest.mark.usefixtures("bank")
@pytest.mark.parametrize("booted", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_clock_set_back_revives_no_order(rig: Rig, desk: Desk, *, trusted: bool, booted: bool) -> None:
    now: Now = desk.now(desk.order("o1", every_us=120 * S, until_us=NOON + 600 * S), expires_us=NOON + 900 * S)
    assert rig.give(now)
    rig.run(20)
    rig.now_us += 3600 * S  # it is off while the order would have sounded again
    rig.boot()
    later = replace(desk.settings(number=2000), issued_us=rig.now_us, expires_us=rig.now_us + 86_400 * S)
    assert rig.give(later)
    rig.run(200)
    rig.now_us = NOON + 60 * S
    rig.player.advance(rig.now_us)
    if booted:
        rig.boot()
    rig.node.standing.set_clock(trusted=trusted, offset_us=None)
    rig.node.set_hold(Hold.NOTHING if trusted else Hold.ALL_BUT_EMERGENCIES, rig.now_us)
    heard = list(rig.heard)
    rig.run(500)
    assert rig.heard == heard == []
    assert not rig.node.on_document(HERE, desk.seal(now), rig.now_us)
