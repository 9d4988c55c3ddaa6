"""The door by which a document comes in, tried by every attack we know of. A refusal changes nothing."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.wire import jws, topics
from broadcast.wire.documents import (
    MAX_AIRINGS,
    MAX_DOCUMENT_BYTES,
    Airing,
    BroadcastClass,
    Media,
    Programme,
    ReceiverSettings,
)
from broadcast.wire.signed import SignedDocument
from broadcast.wire.trust import Accepted, Reason, Refused, TrustedDocuments, seal

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
KEYS = {jws.key_id(KEY.public_key()): KEY.public_key()}
NOW_US = 1_764_550_000_000_000
HOUR_US = 3_600_000_000
TOPIC = topics.programme("tra-leng")
AIRING = Airing(
    id="b1.1",
    broadcast_id="b1",
    cls=BroadcastClass.NORMAL,
    start_us=NOW_US + HOUR_US,
    media=(Media(sha256="0" * 64, size_bytes=1, duration_us=60_000_000),),
)
SETTINGS = ReceiverSettings(
    target="r1", number=1, issued_us=NOW_US, expires_us=NOW_US + HOUR_US, zone_path=("province", "tra-leng")
)


def programme(number: int = 5, airings: tuple[Airing, ...] = (AIRING,)) -> Programme:
    return Programme(target="tra-leng", number=number, issued_us=NOW_US, expires_us=NOW_US + HOUR_US, airings=airings)


def at_number_5() -> TrustedDocuments:
    trusted = TrustedDocuments(KEYS)
    assert trusted.accept(TOPIC, seal(programme(5), KEY), NOW_US) == programme(5)
    return trusted


def refusal(trusted: TrustedDocuments, topic: str, raw: bytes, now_us: int = NOW_US) -> Reason:
    """Why `raw` is refused; asserts that nothing changed by it."""
    before = dict(trusted.accepted)
    with pytest.raises(Refused) as refused:
        trusted.accept(topic, raw, now_us)
    assert trusted.accepted == before
    return refused.value.reason


def altered(document: SignedDocument, **changes: object) -> bytes:
    """`document` as a signed payload with other JSON in some places."""
    raw = msgspec.to_builtins(document)
    return jws.sign(msgspec.json.encode(raw | changes), KEY)


# --- attacks ---------------------------------------------------------------------------------------------------------


def test_attack_unsigned() -> None:
    payload = msgspec.json.encode(programme(6))
    assert refusal(at_number_5(), TOPIC, payload) is Reason.UNSIGNED
    assert refusal(at_number_5(), TOPIC, b"") is Reason.UNSIGNED


def test_attack_another_key() -> None:
    assert refusal(at_number_5(), TOPIC, seal(programme(6), STRANGER)) is Reason.UNSIGNED


def test_attack_another_zone() -> None:
    of_tra_tap = seal(replace(programme(6), target="tra-tap"), KEY)
    assert refusal(at_number_5(), TOPIC, of_tra_tap) is Reason.WRONG_TARGET


def test_attack_another_receiver_s_settings() -> None:
    assert refusal(TrustedDocuments(KEYS), topics.settings("r2"), seal(SETTINGS, KEY)) is Reason.WRONG_TARGET


def test_attack_settings_on_the_topic_of_a_programme_and_the_reverse() -> None:
    settings = seal(replace(SETTINGS, target="tra-leng"), KEY)
    assert refusal(at_number_5(), TOPIC, settings) is Reason.WRONG_TARGET
    at_receiver = seal(replace(programme(6), target="r1"), KEY)
    assert refusal(at_number_5(), topics.settings("r1"), at_receiver) is Reason.WRONG_TARGET


@pytest.mark.parametrize("topic", ["", "loa/v1/zones/tra-leng", "loa/v1/zones/+/programme", "x" * 70_000])
def test_attack_a_topic_that_is_none_of_ours(topic: str) -> None:
    assert refusal(at_number_5(), topic, seal(programme(6), KEY)) is Reason.WRONG_TARGET


def test_attack_expired() -> None:
    raw = seal(programme(6), KEY)
    assert refusal(at_number_5(), TOPIC, raw, NOW_US + HOUR_US) is Reason.EXPIRED
    assert at_number_5().accept(TOPIC, raw, NOW_US + HOUR_US - 1) == programme(6)


def test_attack_older() -> None:
    assert refusal(at_number_5(), TOPIC, seal(programme(4), KEY)) is Reason.OLDER


def test_attack_replayed_number_with_other_content() -> None:
    assert refusal(at_number_5(), TOPIC, seal(programme(5, ()), KEY)) is Reason.REPLAYED


def test_attack_an_order_captured_before_the_last() -> None:
    trusted = at_number_5()
    captured = seal(programme(6), KEY)
    assert trusted.accept(TOPIC, captured, NOW_US) == programme(6)
    assert trusted.accept(TOPIC, seal(programme(7, ()), KEY), NOW_US) == programme(7, ())
    assert refusal(trusted, TOPIC, captured) is Reason.OLDER


def test_attack_the_clock_set_back_to_revive_an_old_order() -> None:
    assert refusal(at_number_5(), TOPIC, seal(programme(4), KEY), now_us=0) is Reason.OLDER


def test_attack_10_mb() -> None:
    assert refusal(at_number_5(), TOPIC, b"A" * 10_000_000) is Reason.TOO_LARGE
    signed = jws.sign(b" " * 10_000_000, KEY)
    assert refusal(at_number_5(), TOPIC, signed) is Reason.TOO_LARGE


def test_one_byte_too_many() -> None:
    assert refusal(at_number_5(), TOPIC, b"A" * MAX_DOCUMENT_BYTES) is Reason.UNSIGNED
    assert refusal(at_number_5(), TOPIC, b"A" * (MAX_DOCUMENT_BYTES + 1)) is Reason.TOO_LARGE


def test_any_flipped_byte() -> None:
    trusted = at_number_5()
    raw = seal(programme(6), KEY)
    for index in range(len(raw)):
        assert refusal(trusted, TOPIC, raw[:index] + bytes([raw[index] ^ 0x01]) + raw[index + 1 :]) is Reason.UNSIGNED


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_unsigned(raw: bytes) -> None:
    assert refusal(at_number_5(), TOPIC, raw) is Reason.UNSIGNED


@given(st.binary(max_size=400))
def test_arbitrary_bytes_signed_by_the_centre_are_malformed(payload: bytes) -> None:
    assert refusal(at_number_5(), TOPIC, jws.sign(payload, KEY)) is Reason.MALFORMED


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*Programme.__struct_fields__, "kind", "rules", "zone_path"])


@given(st.dictionaries(fields, json_values, max_size=4))
def test_any_form_of_json_is_a_document_or_refused(changes: dict[str, object]) -> None:
    trusted = at_number_5()
    try:
        found = trusted.accept(TOPIC, altered(programme(6), **changes), NOW_US)
    except Refused:
        assert trusted.accepted == at_number_5().accepted
    else:
        assert isinstance(found, Programme)
        assert (found.target, trusted.accepted[TOPIC].number) == ("tra-leng", found.number)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "order"},
        {"kind": None},
        {"target": ""},
        {"target": "../tra-leng"},
        {"number": 0},
        {"number": -1},
        {"number": 2**53 + 1},
        {"number": "6"},
        {"number": 6.5},
        {"number": True},
        {"expires_us": -1},
        {"expires_us": None},
        {"airings": {}},
        {"airings": [{}]},
        {"airings": [msgspec.to_builtins(AIRING) | {"id": "../../etc/passwd"}]},
        {"airings": [msgspec.to_builtins(AIRING) | {"cls": "siren"}]},
        {"airings": [msgspec.to_builtins(AIRING) | {"media": []}]},
        {"airings": [msgspec.to_builtins(AIRING) | {"media": [{"sha256": "0" * 63 + "G"}]}]},
        {"airings": [0] * (MAX_AIRINGS + 1)},
    ],
)
def test_a_field_out_of_its_range_is_malformed(changes: dict[str, object]) -> None:
    assert refusal(at_number_5(), TOPIC, altered(programme(6), **changes)) is Reason.MALFORMED


def test_json_as_deep_as_fits_is_malformed() -> None:
    depth = 300_000
    for payload in (b"[" * depth, b'{"kind":"programme","x":' + b"[" * depth, b'{"x":' * (depth // 5)):
        assert refusal(at_number_5(), TOPIC, jws.sign(payload, KEY)) is Reason.MALFORMED


# --- what is believed ------------------------------------------------------------------------------------------------


def test_the_same_bytes_again_are_no_refusal_and_no_news_expired_or_not() -> None:
    trusted = at_number_5()
    raw = seal(programme(5), KEY)
    assert trusted.accept(TOPIC, raw, NOW_US) is None
    assert trusted.accept(TOPIC, raw, NOW_US + 2 * HOUR_US) is None


def test_what_lies_on_disk_is_checked_whatever_its_number() -> None:
    trusted = at_number_5()
    assert trusted.check(TOPIC, seal(programme(3), KEY), NOW_US) == programme(3)
    with pytest.raises(Refused, match="expired"):
        trusted.check(TOPIC, seal(programme(6), KEY), NOW_US + HOUR_US)
    with pytest.raises(Refused, match="unsigned"):
        trusted.check(TOPIC, seal(programme(6), STRANGER), NOW_US)
    assert trusted.accepted[TOPIC].number == 5


def test_numbers_are_kept_apart_by_topic_and_over_a_restart() -> None:
    trusted = at_number_5()
    assert trusted.accept(topics.settings("r1"), seal(SETTINGS, KEY), NOW_US) == SETTINGS
    again = TrustedDocuments(KEYS, dict(trusted.accepted))
    assert refusal(again, TOPIC, seal(programme(4), KEY)) is Reason.OLDER
    assert again.accept(TOPIC, seal(programme(5), KEY), NOW_US) is None


def test_an_older_receiver_understands_a_newer_centre() -> None:
    newer = altered(programme(6), colour="red")
    assert at_number_5().accept(TOPIC, newer, NOW_US) == programme(6)


deliveries = st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.integers(-2, 2)))


@given(deliveries)
def test_the_number_never_goes_back_in_any_order_of_delivery(found: list[tuple[int, bool, int]]) -> None:
    trusted = TrustedDocuments(KEYS)
    last = 0
    for number, empty, hours in found:
        raw = seal(programme(number, () if empty else (AIRING,)), KEY)
        before: dict[str, Accepted] = dict(trusted.accepted)
        try:
            news = trusted.accept(TOPIC, raw, NOW_US + hours * HOUR_US)
        except Refused:
            assert trusted.accepted == before
        else:
            assert news is None or news.number > last
        at = trusted.accepted.get(TOPIC)
        assert (at.number if at else 0) >= last
        last = at.number if at else 0


@given(st.permutations(range(1, 7)))
def test_whatever_the_order_the_latest_is_believed_in_the_end(numbers: list[int]) -> None:
    trusted = TrustedDocuments(KEYS)
    outcomes = [attempt(trusted, number) for number in numbers]
    assert trusted.accepted[TOPIC].number == 6
    highest_so_far = [number for index, number in enumerate(numbers) if number > max(numbers[:index], default=0)]
    assert [document.number for document in outcomes if document] == highest_so_far


def attempt(trusted: TrustedDocuments, number: int) -> SignedDocument | None:
    try:
        return trusted.accept(TOPIC, seal(programme(number), KEY), NOW_US)
    except Refused:
        return None
