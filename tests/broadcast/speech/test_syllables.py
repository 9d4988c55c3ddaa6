"""Every syllable that Vietnamese spelling allows is said as it is written, whatever else stands in the sentence."""

from collections.abc import Callable, Iterator
from functools import partial
from unicodedata import normalize

import pytest

from broadcast.speech.normalise import normalise

ONSETS = "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
OPEN = """
a ai am an ang anh ao au ay ăm ăn ăng âm ân âng âu ây e em en eng eo ê êm ên ênh êu i ia im in inh iu iêm iên iêng iêu
o oi om on ong oong ô ôi ôm ôn ông ơ ơi ơm ơn u ua ui um un ung uôi uôm uôn uông ư ưa ưi ưm ưng ưu ươi ươm ươn ương ươu
oa oai oam oan oang oanh oao oay oăm oăn oăng oe oen oeo uân uâng uây uê uênh uêu uơ uy uya uyn uynh uyu uyên
y yêm yên yêng yêu
"""
STOPPED = """
ac ach ap at ăc ăp ăt âc âp ât ec ep et êch êp êt ich ip it iêc iêp iêt oc ooc op ot ôc ôp ôt ơp ơt uc up ut uôc uôt
ưc ưt ươc ươp ươt oac oach oap oat oăc oăt oet uât uêch uyt uych uyp uyêt yêt
"""
TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
STOPPED_TONES = ("\u0301", "\u0323")


def syllables() -> Iterator[str]:
    kinds = [(rime, TONES) for rime in OPEN.split()] + [(rime, STOPPED_TONES) for rime in STOPPED.split()]
    for rime, tones in kinds:
        for tone in tones:
            for onset in filter(partial(goes, rime=rime), ["", *ONSETS.split()]):
                own_u = onset == "qu" and rime[0] == "u"
                yield from (normalize("NFC", onset + one) for one in toned(rime[own_u:], tone))


def goes(onset: str, rime: str) -> bool:
    """Whether they stand together: `qu` has its own u, `gi` its own i, and ng is ngh before e and i."""
    if onset == "qu":
        return rime[0] in "aăâeêiôơ" or rime[:2] in ("uâ", "uê", "uơ", "uy")
    if onset == "gi":
        return rime[0] not in "iy"
    if rime[0] == "y":
        return not onset or (rime == "y" and onset not in ("c", "gh", "ng", "ngh"))
    if rime[0] in "eêi":
        return onset not in ("c", "ng", "g") or (onset == "g" and rime[0] == "i" and rime != "ia")
    return onset not in ("k", "gh", "ngh")


def toned(rime: str, tone: str) -> set[str]:
    """The rime with its tone where the old and where the new way of writing has it."""
    vowels = [place for place, letter in enumerate(rime) if normalize("NFD", letter)[0] in "aeiouy"]
    marked = [place for place in vowels if rime[place] in "ăâêôơư"]
    closed = vowels[-1] < len(rime) - 1
    usual = marked[-1] if marked else vowels[-1] if closed or len(vowels) == 1 else vowels[-2]
    places = {usual, vowels[-1]} if rime in ("oa", "oe", "uy") else {usual}
    return {f"{rime[: place + 1]}{tone}{rime[place + 1 :]}" for place in places}


SYLLABLES = sorted(set(syllables()))
IN_A_LINE = 40


def test_the_rules_make_the_syllables_of_the_language() -> None:
    right = {"nghe", "nghiêng", "gie", "gì", "giếng", "quý", "quýt", "quyển", "quốc", "xoong", "hoà", "hòa", "y", "yếu"}
    assert right < set(SYLLABLES)
    assert {"nge", "ngi", "nghy", "ce", "ka", "quu", "gii", "gía", "cat", "yêt"}.isdisjoint(SYLLABLES)


@pytest.mark.parametrize("write", [str, str.capitalize])
@pytest.mark.parametrize(("sentence", "said"), [("{}, về", "{}, về"), ("Còn 2: {} (về nhà)!", "còn hai: {}, về nhà!")])
def test_every_syllable_is_said_as_it_is_written(sentence: str, said: str, write: Callable[[str], str]) -> None:
    for first in range(0, len(SYLLABLES), IN_A_LINE):
        words = SYLLABLES[first : first + IN_A_LINE]
        assert normalise(sentence.format(", ".join(map(write, words)))) == said.format(", ".join(words))
