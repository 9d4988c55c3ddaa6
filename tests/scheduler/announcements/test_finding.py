import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.announcements import finding

DON, DON_2 = "Họp dân xã Trà Don", "Họp dân xã Trà Dơn"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("tra don", {DON, DON_2}),
        ("TRA DON", {DON, DON_2}),
        ("Trà Don", {DON}),
        ("Trà Dơn", {DON_2}),
        ("trà dơn", {DON_2}),
        ("dơn", {DON_2}),
        ("don hop", {DON, DON_2}),
        ("tra do", {DON, DON_2}),
        ("rà", set()),
        ("tra lan", set()),
        ("Trà họp", set()),
        ("họp dân xã Trà D", {DON, DON_2}),
        ("", set()),
        ("%", set()),
    ],
)
def test_without_diacritics_all_and_with_them_exactly(typed: str, found: set[str]) -> None:
    assert {name for name in (DON, DON_2) if finding.wanted(typed).in_name(name)} == found


@pytest.mark.parametrize("typed", ["Hòa Bình", "hoà bình", "hòa", "họp dân xã hòa bì"])
def test_both_spellings_of_a_tone_mark_are_found(typed: str) -> None:
    names = [f"Họp dân xã {place}" for place in ("Hòa Bình", "Hoà Bình", "Hoa Bình", "Hoá Bình")]
    assert [name for name in names if finding.wanted(typed).in_name(name)] == names[:2]
    assert finding.tagged("hòa giải") == finding.tagged("Hoà giải")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("hò", "Hòa Bình"),
        ("thôn hò", "Thôn Hòa Bình"),
        ("thôn hò", "Thôn Hoà Bình"),
        ("thú", "Thúy"),
        ("sức khỏ", "Sức khỏe"),
        ("hò", "Hò khoan"),
    ],
)
def test_the_last_word_typed_may_yet_become_the_other_spelling(typed: str, name: str) -> None:
    assert finding.wanted(typed).in_name(name)
    others = ("Thôn Hoa Bình", "Thôn Hoá Bình", "Thuy", "Sức khoẹ")
    assert not any(finding.wanted(typed).in_name(other) for other in others)


def test_letters_that_come_in_pieces_are_the_same() -> None:
    assert finding.words_of(unicodedata.normalize("NFD", DON_2)) == finding.words_of(DON_2)
    assert finding.wanted(unicodedata.normalize("NFD", "Trà Dơn")) == finding.wanted("Trà Dơn")


def test_a_tag_is_found_whole_and_its_words_by_themselves() -> None:
    words = finding.words_of("Lịch cấy", ["vụ Đông Xuân"])
    assert finding.tagged("Vụ đông xuân") in words
    assert finding.tagged("vụ") not in words
    assert all(piece in words for (piece,) in finding.wanted("dong xuan").pieces)
    assert finding.clean_tag(" #a,  b# ") == "a b"


@given(st.text())
def test_whatever_is_typed_finds_itself(text: str) -> None:
    pieces = finding.wanted(text).pieces
    assert all(any(form in finding.words_of(text) for form in forms) for forms in pieces)
