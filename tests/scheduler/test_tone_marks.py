import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from scheduler.tone_marks import begun, settled, spellings

TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
VOWELS = ("a", "ă", "â", "e", "ê", "o", "ô", "ơ", "u", "ư", "y", "oa", "oe", "oă", "uy", "uâ", "uê", "ua", "ia")


class Syllable(Struct, frozen=True):
    onset: str
    vowels: str
    tone: str
    coda: str

    def written(self, at: int) -> str:
        """With the mark on the vowel `at`."""
        marked = self.vowels[: at + 1] + self.tone + self.vowels[at + 1 :]
        return unicodedata.normalize("NFC", self.onset + marked + self.coda)


onsets = st.sampled_from(["", "h", "kh", "th", "l", "q", "tr", "đ"])
codas = st.sampled_from(["", "n", "ng", "i", "c"])
syllables = st.builds(Syllable, onset=onsets, vowels=st.sampled_from(VOWELS), tone=st.sampled_from(TONES), coda=codas)
places = st.integers(0, 1)


def sounds(text: str) -> tuple[str, ...]:
    """Letters without tones, then the tones as they come; of one spelling as of the other."""
    pieces = unicodedata.normalize("NFD", text)
    return "".join(one for one in pieces if one not in TONES), *(one for one in pieces if one in TONES[1:])


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("hòa bình", "hoà bình"),
        ("khỏe", "khoẻ"),
        ("thúy", "thuý"),
        ("hòan", "hoàn"),
        ("qúy", "qúy"),
        ("quý", "quý"),
        ("trà dơn", "trà dơn"),
        ("mùa", "mùa"),
        ("nghĩa", "nghĩa"),
        ("lộa hờa", "lộa hờa"),
    ],
)
def test_a_tone_mark_has_one_place(typed: str, same: str) -> None:
    assert settled(typed) == same


@given(onsets, codas)
def test_no_two_syllables_become_one(onset: str, coda: str) -> None:
    become: dict[str, set[tuple[str, ...]]] = {}
    for vowels, tone, at in product(VOWELS, TONES, (0, 1)):
        written = Syllable(onset, vowels, tone, coda).written(at)
        become.setdefault(settled(written), set()).add(sounds(written))
    assert [heard for heard in become.values() if len(heard) > 1] == []
    assert len(become) >= len(VOWELS) * len(TONES)


@given(st.text("hòoóọaàáơờuúùyýqeèé\u0309 n"))
def test_whatever_it_is_letters_and_tones_stay_and_once_is_enough(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    once = settled(composed)
    assert sounds(once) == sounds(composed)
    assert len(once) == len(composed)
    assert settled(once) == once


@given(onsets.filter(lambda onset: onset != "q"), st.sampled_from(["oa", "oe", "uy"]), st.sampled_from(TONES))
def test_both_spellings_become_one(onset: str, vowels: str, tone: str) -> None:
    one = Syllable(onset, vowels, tone, "")
    assert settled(one.written(0)) == settled(one.written(1))


@given(syllables, places)
def test_one_of_both_spellings_is_how_it_is_written(one: Syllable, at: int) -> None:
    assert one.written(at) in spellings(settled(one.written(at)))
    assert spellings("hoà") == spellings("hòa") == ("hoà", "hòa")


@given(syllables, places, st.integers(1, 6))
def test_what_is_being_typed_begins_what_it_becomes(one: Syllable, at: int, letters: int) -> None:
    written = one.written(at)
    becomes = settled(written)
    forms = begun(settled(written[:letters]))
    assert any(becomes.startswith(form) for form in forms)
    assert all(sounds(form)[1:] == sounds(settled(written[:letters]))[1:] for form in forms)
