import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broadcast.speech.normalise import normalise

TRICKY = st.sampled_from(
    ["10.000đ", "22 kV", "50%", "IV", "UBND", "15h30", "05/11", "1,1 m", "0905 123 456", "°C", "km/h", "VNeID",
     "QĐ-UBND", "a@b.vn",
     "https://x.vn/a?b", "v.v…", "T2-T6", "²", "½", "①", "٣", "e\u0302\u0323", "\n", "–", "Đ", "y", "TP.",
     "4G", "24/7", "M'nông", "iPhone", "ﬁ", "ʼn", "İ", "10–17 giờ", "$5", "-5°C"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(TRICKY | st.text(max_size=5), max_size=12).map(" ".join),
    st.lists(TRICKY, max_size=8).map("".join),
)


@given(TEXTS)
def test_only_words_and_marks_remain(text: str) -> None:
    for char in normalise(text):
        assert char in " \n.,;:?!" or (char.isalpha() and char == char.lower()), repr(char)


@given(TEXTS)
@example("v.v")
@example("A B c")
@example("đtsáu")
def test_twice_is_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(TEXTS)
def test_composed_and_decomposed_text_read_alike(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(unicodedata.normalize("NFC", text))


@given(TEXTS)
def test_the_result_is_composed(text: str) -> None:
    assert unicodedata.is_normalized("NFC", normalise(text))


@given(st.lists(st.sampled_from(["thông", "báo", "đến", "bà", "con", "xã", "mưa", "lũ", "sẽ", "về"]), min_size=1))
def test_plain_vietnamese_words_are_left_as_they_are(words: list[str]) -> None:
    assert normalise(" ".join(words)) == " ".join(words)


@pytest.mark.parametrize(
    "unit", [" ", "1", "1-", "0 ", "a", "a ", "A1.", ". ", "số ", "113, ", "1/", "- ", "v.", "@", "T2-"]
)
def test_no_text_takes_quadratic_time(unit: str) -> None:
    """A quadratic pattern takes minutes here, and the suite's own limit ends it."""
    once = normalise(f"gọi {unit * (30_000 // len(unit))}x1")
    assert normalise(once) == once
