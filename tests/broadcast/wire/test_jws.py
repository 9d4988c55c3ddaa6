"""Signatures: what was signed comes back, and nothing else does."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire.jws import BadSignature, key_id, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
KID = key_id(KEY.public_key())
TRUSTED = {KID: KEY.public_key()}
PAYLOAD = b'{"target":"tra-leng"}'
TOKEN = sign(PAYLOAD, KEY)
# The order of Curve25519's base point (RFC 8032): a signature's second half stays a solution when this is added.
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def encoded(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def decoded(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def signed_under(header: bytes) -> bytes:
    """A token whose signature fits, by the trusted key, over another header."""
    signed = encoded(header) + b"." + encoded(PAYLOAD)
    return signed + b"." + encoded(KEY.sign(signed))


def refused(token: bytes) -> bool:
    with pytest.raises(BadSignature):
        verify(token, TRUSTED)
    return True


@given(st.binary(max_size=2000))
def test_what_was_signed_comes_back(payload: bytes) -> None:
    assert verify(sign(payload, KEY), TRUSTED) == payload


def test_it_is_jws_as_the_standard_has_it() -> None:
    header, payload, signature = TOKEN.split(b".")
    assert json.loads(decoded(header)) == {
        "alg": "EdDSA",
        "kid": hashlib.sha256(KEY.public_key().public_bytes_raw()).hexdigest()[:16],
    }
    assert decoded(payload) == PAYLOAD
    KEY.public_key().verify(decoded(signature), header + b"." + payload)


def test_any_flipped_bit_is_refused() -> None:
    for index in range(len(TOKEN)):
        for bit in range(8):
            altered = bytearray(TOKEN)
            altered[index] ^= 1 << bit
            assert refused(bytes(altered))


@given(st.integers(0, len(TOKEN) - 1), st.integers(0, 255))
def test_any_other_byte_is_refused(index: int, value: int) -> None:
    altered = TOKEN[:index] + bytes([value]) + TOKEN[index + 1 :]
    assert altered == TOKEN or refused(altered)


@given(st.integers(0, len(TOKEN)), st.binary(min_size=1, max_size=3))
def test_any_inserted_byte_is_refused(index: int, more: bytes) -> None:
    assert refused(TOKEN[:index] + more + TOKEN[index:])


@given(st.integers(0, len(TOKEN) - 1))
def test_a_token_cut_short_is_refused(length: int) -> None:
    assert refused(TOKEN[:length])


@given(st.binary(max_size=300) | st.lists(st.binary(max_size=40).map(encoded), max_size=5).map(b".".join))
def test_arbitrary_bytes_are_refused(token: bytes) -> None:
    assert refused(token)


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_an_arbitrary_header_is_refused(header: object) -> None:
    assert refused(signed_under(json.dumps(header).encode()))


@pytest.mark.parametrize(
    "header",
    [
        f'{{"alg":"none","kid":"{KID}"}}',
        f'{{"alg":"HS256","kid":"{KID}"}}',
        f'{{"alg":"Ed25519","kid":"{KID}"}}',
        f'{{"alg":"eddsa","kid":"{KID}"}}',
        f'{{"kid":"{KID}"}}',
        '{"alg":"EdDSA"}',
        f'{{"alg":"EdDSA","kid":"{key_id(OTHER.public_key())}"}}',
        f'{{"alg":"none","alg":"EdDSA","kid":"{KID}"}}',
        f'{{"alg":"EdDSA","kid":"x","kid":"{KID}"}}',
        f'{{"alg":"EdDSA","kid":"{KID}","crit":["exp"]}}',
        f'{{"alg":"EdDSA","kid":"{KID}","jwk":{{}}}}',
        f'{{"kid":"{KID}","alg":"EdDSA"}}',
        f'{{"alg":"EdDSA", "kid":"{KID}"}}',
        f'{{"alg":"EdDS\\u0041","kid":"{KID}"}}',
        f'{{"alg":["EdDSA"],"kid":"{KID}"}}',
        '{"alg":"EdDSA","kid":null}',
        '{"alg":"EdDSA","kid":"\\ud800"}',
        "[" * 100_000,
        '{"alg":' + "[" * 100_000,
        '{"x":' + "[" * 100_000,
        "\xff",
        "",
    ],
)
def test_no_header_but_ours_is_accepted_even_when_the_signature_fits(header: str) -> None:
    assert refused(signed_under(header.encode("latin-1")))


def test_alg_none_without_a_signature() -> None:
    header = encoded(f'{{"alg":"none","kid":"{KID}"}}'.encode())
    assert refused(header + b"." + encoded(PAYLOAD) + b".")


def test_hs256_with_the_public_key_as_the_secret() -> None:
    signed = encoded(f'{{"alg":"HS256","kid":"{KID}"}}'.encode()) + b"." + encoded(PAYLOAD)
    tag = hmac.new(KEY.public_key().public_bytes_raw(), signed, hashlib.sha256).digest()
    assert refused(signed + b"." + encoded(tag))


def test_another_key_under_our_key_s_name() -> None:
    header = TOKEN.split(b".")[0]
    signed = header + b"." + encoded(PAYLOAD)
    assert refused(signed + b"." + encoded(OTHER.sign(signed)))


def test_another_key_under_its_own_name() -> None:
    assert refused(sign(PAYLOAD, OTHER))


def test_the_other_trusted_key_s_name() -> None:
    both = {**TRUSTED, key_id(OTHER.public_key()): OTHER.public_key()}
    signed = sign(PAYLOAD, OTHER).split(b".")[0] + b"." + encoded(PAYLOAD)
    with pytest.raises(BadSignature):
        verify(signed + b"." + encoded(KEY.sign(signed)), both)


def test_nobody_is_trusted_by_default() -> None:
    with pytest.raises(BadSignature):
        verify(TOKEN, {})


def test_the_same_signature_written_as_another_number() -> None:
    header, payload, signature = TOKEN.split(b".")
    raw = decoded(signature)
    larger = int.from_bytes(raw[32:], "little") + GROUP_ORDER
    assert refused(b".".join([header, payload, encoded(raw[:32] + larger.to_bytes(32, "little"))]))


@pytest.mark.parametrize("change", [lambda t: t + b"=", lambda t: t + b"\n", lambda t: b" " + t, lambda t: t + b"."])
def test_the_same_token_spelt_otherwise(change: Callable[[bytes], bytes]) -> None:
    assert refused(change(TOKEN))


def test_payload_and_signature_of_two_tokens_do_not_mix() -> None:
    other = sign(b'{"target":"tra-tap"}', KEY).split(b".")
    mine = TOKEN.split(b".")
    assert refused(b".".join([mine[0], other[1], mine[2]]))
    assert refused(b".".join([mine[0], mine[1], other[2]]))
