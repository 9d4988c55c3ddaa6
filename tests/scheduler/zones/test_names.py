import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.errors import Invalid
from scheduler.zones.names import MAX_WORDS, clean, closeness, fold, matches, rank, together

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


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Hòa Bình", ["Hoà Bình", "Hòa Bình"]),
        ("hoà bình", ["Hoà Bình", "Hòa Bình"]),
        ("hoa binh", ["Hoà Bình", "Hòa Bình", "Hoa Bình", "Hoá Bình"]),
        ("hóa", ["Hoá Bình"]),
        ("hò", ["Hoà Bình", "Hòa Bình"]),
        ("ho", ["Hoà Bình", "Hòa Bình", "Hoa Bình", "Hoá Bình", "Ho"]),
        ("thú", ["Thúy", "Thuý"]),
        ("Quý", ["Quý"]),
    ],
)
def test_both_spellings_of_a_tone_mark_find_a_name(typed: str, found: list[str]) -> None:
    names = ["Hoà Bình", "Hòa Bình", "Hoa Bình", "Hoá Bình", "Ho", "Thúy", "Thuý", "Quý"]
    assert [name for name in names if matches(typed, name)] == found
    fits = together(f"xã {typed}")
    assert [name for name in names if fits(name, ())] == found
    if typed == "Hòa Bình":
        assert closeness(typed, "Hoà Bình") == closeness(typed, "Hòa Bình")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("thôn 1 trà leng", ["Thôn 1, Trà Leng"]),
        ("thon 1 tra leng", ["Thôn 1, Trà Leng"]),
        ("Trà Leng, Thôn 1", ["Thôn 1, Trà Leng", "Thôn 10, Trà Leng"]),  # it may go on
        ("thôn 1 - xã Trà Leng, huyện Nam Trà My", ["Thôn 1, Trà Leng"]),
        ("thôn 10 trà le", ["Thôn 10, Trà Leng"]),
        ("thôn trà leng", ["Thôn 1, Trà Leng", "Thôn 10, Trà Leng"]),
        ("xã trà dơn", ["Trà Dơn"]),
        ("thôn 1 trà dơn", ["Thôn 1, Trà Dơn"]),
        ("trà dơn thôn 1", ["Thôn 1, Trà Dơn"]),
        ("thon 1 tra don", ["Thôn 1, Trà Don", "Thôn 1, Trà Dơn"]),
        ("thôn 2 trà dơn", []),
        ("thôn 1 đon", []),
        ("thôn 1 trà lang", []),
        ("trà leng trà leng", []),
        ("", []),
        ("thôn " * (MAX_WORDS + 1), []),
    ],
)
def test_a_place_is_found_with_those_it_lies_in(typed: str, found: list[str]) -> None:
    communes = {"Trà Leng": ("Thôn 1", "Thôn 10"), "Trà Don": ("Thôn 1", "Thôn 2"), "Trà Dơn": ("Thôn 1",)}
    lines: list[tuple[str, ...]] = [(commune, "Nam Trà My") for commune in communes]
    lines += [(village, commune, "Nam Trà My") for commune, below in communes.items() for village in below]
    fits = together(typed)
    said = [", ".join(line[:-1]) for line in lines if fits(line[0], line[1:])]
    assert sorted(said) == sorted(found)


@given(vietnamese.filter(str.strip))
def test_every_name_is_found_as_written_decomposed_in_capitals_and_bare(name: str) -> None:
    name = " ".join(name.split())
    for typed in (name, unicodedata.normalize("NFD", name), name.upper(), fold(name)):
        assert matches(typed, name)


def test_lists_count_and_stand_by_letters_without_their_marks() -> None:
    ordered = ["Cụm 9 loa 2", "Cụm 9 loa 10", "Thôn 1", "Thôn 2", "thôn 2", "Thôn 10", "Thon A", "Thôn A", "Thôn B"]
    assert sorted(set(ordered), key=rank) == ordered


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
