import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire import enrolment_code
from broadcast.wire.enrolment_code import ALPHABET, BadCode, EnrolmentCode

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))).public_key()


@given(st.binary(min_size=7, max_size=40))
def test_a_code_gives_back_its_secret_and_pins_its_key_only(random: bytes) -> None:
    code = enrolment_code.parse(enrolment_code.make(random, KEY))
    value = sum(ALPHABET.index(character) << 5 * place for place, character in enumerate(reversed(code.secret)))
    assert value == int.from_bytes(random, "big") >> (len(random) * 8 - 50)
    assert code.pins(KEY)
    assert not code.pins(OTHER)


def test_the_fingerprint_is_the_first_fifty_bits_of_the_keys_sha256() -> None:
    digest = hashlib.sha256(KEY.public_bytes_raw()).digest()
    bits = "".join(f"{byte:08b}" for byte in digest)[:50]
    expected = "".join(ALPHABET[int(bits[at : at + 5], 2)] for at in range(0, 50, 5))
    assert enrolment_code.make(bytes(7), KEY) == f"00000-00000-{expected[:5]}-{expected[5:]}"


@given(st.binary(min_size=7, max_size=7), st.data())
def test_reading_forgives_case_spaces_dashes_and_look_alikes(random: bytes, data: st.DataObject) -> None:
    right = enrolment_code.make(random, KEY)
    typed = ""
    for character in right:
        looks = {"0": "0Oo", "1": "1IiLl", "-": ["", "-", " ", "\u2013"]}.get(character, [character, character.lower()])
        typed += data.draw(st.sampled_from(list(looks))) + data.draw(st.sampled_from(["", " "]))
    assert str(enrolment_code.parse(typed)) == right


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "this one has 0"),
        ("ABCDE-FGHJK", "this one has 10"),
        ("ABCDE-FGHJK-MNPQR-STVW", "this one has 19"),
        ("ABCDE-FGHJK-MNPQR-STVWXY", "this one has 21"),
        ("ABCDE-FGHJK-MNPQR-STVW!", "no '!'"),
        ("ABCDE-FGHJK-MNPQR-STVWU", "no 'U'"),
    ],
)
def test_what_is_no_code_is_refused_in_words(typed: str, message: str) -> None:
    with pytest.raises(BadCode, match=message):
        enrolment_code.parse(typed)


@given(st.text(max_size=40))
def test_any_text_gives_a_code_or_bad_code(text: str) -> None:
    try:
        code = enrolment_code.parse(text)
    except BadCode:
        return
    assert enrolment_code.parse(str(code)) == code
    assert isinstance(code, EnrolmentCode)


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="50 bits"):
        enrolment_code.make(bytes(6), KEY)
