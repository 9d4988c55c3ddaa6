import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.announcements import naming
from scheduler.errors import Invalid


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\An\\loa.mp3", "loa.mp3"),
        ("/", "recording"),
        ("", "recording"),
        (None, "recording"),
        ("..", "recording"),
        ("a\x00b\r\n.mp3", "ab.mp3"),
        ("loa\u202e3pm.exe", "loa3pm.exe"),
        ('<img src="x">.wav', "img src=x.wav"),
        ("Thông báo tiêm chủng.mp3", "Thông báo tiêm chủng.mp3"),
        ("x" * 300 + ".mp3", "x" * 116 + ".mp3"),
    ],
)
def test_file_names(sent: str | None, shown: str) -> None:
    assert naming.file_name(sent) == shown


@given(st.text())
def test_a_file_name_is_one_harmless_part_and_settled(sent: str) -> None:
    shown = naming.file_name(sent)
    assert 0 < len(shown) <= naming.MAX_FILE_NAME
    assert not set(shown) & set('/\\<>:"|?*')
    assert shown not in {".", ".."}
    assert all(unicodedata.category(c)[0] != "C" for c in shown)
    assert naming.file_name(shown) == shown


def test_html_in_a_title_stays_what_was_typed() -> None:
    assert naming.title("  <script>alert(1)</script>\n Lịch  cúp điện ") == "<script>alert(1)</script> Lịch cúp điện"


def test_titles_have_an_end() -> None:
    assert naming.title("đ" * 200) == "đ" * 200
    with pytest.raises(Invalid, match="at most 200 characters, this one has 201"):
        naming.title("đ" * 201)


@pytest.mark.parametrize("nothing", ["", "   ", "\u200b\u202e", "\n\t"])
def test_an_unseen_title_is_none(nothing: str) -> None:
    with pytest.raises(Invalid, match="Write a title"):
        naming.title(nothing)


def test_ten_thousand_words_are_taken_and_the_limit_is_said() -> None:
    longest = " ".join(["nghiêng"] * 10_000)
    assert naming.text(longest) == longest
    with pytest.raises(Invalid, match=r"at most 80000 characters .* this one has 80007"):
        naming.text(longest + " nghiêng")


@pytest.mark.parametrize("nothing", ["", "  \n ", "…!?", "\u200b"])
def test_a_text_without_a_word_is_refused(nothing: str) -> None:
    with pytest.raises(Invalid, match="Write the text"):
        naming.text(nothing)
