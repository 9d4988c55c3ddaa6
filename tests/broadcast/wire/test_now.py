"""The now document: small enough for the poorest link, and what it names is checked."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.wire import topics
from broadcast.wire.jws import key_id
from broadcast.wire.now import SMALL_BYTES, Made, Now, Order, Purpose
from broadcast.wire.trust import Reason, Refused, TrustedDocuments, seal

KEY = Ed25519PrivateKey.generate()
NOW_US = 1_795_000_000_000_000
ULID = "01JD0000000000000000000001"
PARTS = ("siren-rise-fall.12", "flash-flood-evacuate.12")


def order(*, parts: tuple[str | Made, ...] = PARTS) -> Order:
    return Order(
        id=ULID,
        purpose=Purpose.REAL,
        start_us=NOW_US,
        until_us=NOW_US + 3_600_000_000,
        parts=parts,
        every_us=120_000_000,
    )


def document() -> Now:
    return Now(target=ULID, number=1_795_000_000, issued_us=NOW_US, expires_us=NOW_US + 1, orders=(order(),))


def test_an_order_of_prepared_messages_is_small() -> None:
    assert len(seal(document(), KEY)) < SMALL_BYTES


def test_it_comes_through_on_its_own_topic_only() -> None:
    trusted = TrustedDocuments({key_id(KEY.public_key()): KEY.public_key()})
    raw = seal(document(), KEY)
    assert trusted.accept(topics.now(ULID), raw, NOW_US) == document()
    for topic in (topics.programme(ULID), topics.bank(ULID), topics.now("another")):
        with pytest.raises(Refused) as refused:
            trusted.accept(topic, raw, NOW_US)
        assert refused.value.reason is Reason.WRONG_TARGET


@pytest.mark.parametrize("name", ["Siren.1", "siren", "siren.0", "siren.1/../x", "fallback..1"])
def test_only_a_name_with_a_revision_is_a_bank_message(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(order(parts=(name,))), type=Order)


def test_an_order_of_before_parts_had_numbers_of_their_own_counts_them() -> None:
    old = msgspec.json.decode(msgspec.json.encode(order()), type=Order)
    assert (b"places" in msgspec.json.encode(order()), list(old.numbered())) == (False, [(0, PARTS[0]), (1, PARTS[1])])


@pytest.mark.parametrize(
    ("places", "good"), [((1, 3), True), ((1,), False), ((3, 1), False), ((1, 1), False), ((0, 8), False)]
)
def test_each_part_has_a_number_of_its_own(places: tuple[int, ...], good: bool) -> None:
    raw = msgspec.json.encode(msgspec.to_builtins(order()) | {"places": places})
    if good:
        assert list(msgspec.json.decode(raw, type=Order).numbered()) == list(zip(places, PARTS, strict=True))
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(raw, type=Order)
