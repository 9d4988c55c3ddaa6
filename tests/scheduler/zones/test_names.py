import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.errors import Invalid
from scheduler.zones.names import clean, closeness, fold, matches

vietnamese = st.text("aàáâãăạảấầẩẫậắằẳẵặđeèéêiìíoòóôơớờuùúưứyỳ xtrdnABĐƠ", max_size=20)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("tra don", ["Trà Don", "Trà Dơn"]),
        ("Trà Dơn", ["Trà Dơn"]),
        ("Trà don", ["Trà Don", "Trà Dơn"]),
        ("tra dơn", ["Trà Dơn"]),
        ("don", ["Trà Don", "Trà Dơn"]),
        ("tá", []),
        ("on", []),
        ("tăk", ["Tăk Rân"]),
        ("tak", ["Tăk Rân", "Tak Chay"]),
        ("da nang", ["Đà Nẵng"]),
        ("đa nẵng", ["Đà Nẵng"]),
        ("", []),
        ("  ", []),
    ],
)
def test_what_is_typed_counts_and_what_is_left_out_does_not(typed: str, found: list[str]) -> None:
    names = ["Trà Don", "Trà Dơn", "Tăk Rân", "Tak Chay", "Đà Nẵng"]
    assert [name for name in names if matches(typed, name)] == found


@given(vietnamese.filter(str.strip))
def test_every_name_is_found_as_written_decomposed_in_capitals_and_bare(name: str) -> None:
    name = " ".join(name.split())
    for typed in (name, unicodedata.normalize("NFD", name), name.upper(), fold(name)):
        assert matches(typed, name)


@given(st.text(max_size=30))
def test_folding_keeps_the_count_of_letters_and_is_done_once(text: str) -> None:
    assert len(fold(text)) == len(unicodedata.normalize("NFC", text))
    assert fold("Đường 5 tháng 8 ở Nước Xa") == "duong 5 thang 8 o nuoc xa"


def test_the_exact_name_comes_first() -> None:
    found = sorted(["Xóm Thôn 1", "Thôn 10", "Thôn 1"], key=lambda name: closeness("thôn 1", name))
    assert found == ["Thôn 1", "Thôn 10", "Xóm Thôn 1"]


def test_a_name_is_one_visible_line_and_html_is_text() -> None:
    assert clean("  <b>Thôn</b>\n 1\u200b\0 ") == "<b>Thôn</b> 1"
    assert clean(unicodedata.normalize("NFD", "Trà Dơn")) == "Trà Dơn"
    for bad in ("", " \n", "\u200b\0", "x" * 121):
        with pytest.raises(Invalid):
            clean(bad)


@given(st.text(max_size=100))
@example("0 \ud7fc 0")  # a letter that is none, between two spaces
@example("e\u200d\u0301")  # and one that kept an accent from its letter
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    try:
        once = clean(text)
    except Invalid:
        return
    assert clean(once) == once
