"""One place for the tone mark of a word (pure): `hòa` and `hoà`, `thúy` and `thuý` are one word in two spellings.

Rules
- Only on `oa`, `oe` and `uy` do the spellings differ. There the mark is looked for on the second letter, where both
  have it once another letter follows (`hoàn`). The u after q is no vowel: `quý` has one spelling.
- Letters and tones stay as they are: `hoa`, `hoà` and `hoá` are three words, Trà Don and Trà Dơn two places.
"""

import re
import unicodedata

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_SETTLED = {
    unicodedata.normalize("NFC", first + tone + second): unicodedata.normalize("NFC", first + second + tone)
    for first, second in ("oa", "oe", "uy")
    for tone in _TONES
}
_OTHER = {settled: other for other, settled in _SETTLED.items()}
_FIRST = "".join(sorted({pair[0] for pair in _SETTLED}))
_EITHER = re.compile("|".join(_OTHER))
_UNSETTLED = re.compile(f"[{_FIRST}](?<!q.)[aey]")


def settled(text: str) -> str:
    """Small composed letters with each tone mark where it is looked for; as many as there were."""
    return _UNSETTLED.sub(lambda found: _SETTLED.get(found[0], found[0]), text)


def spellings(text: str) -> tuple[str, ...]:
    """`text` in both spellings, for looking where neither is settled."""
    one = settled(text)
    return one, _EITHER.sub(lambda found: _OTHER[found[0]], one)


def begun(text: str) -> tuple[str, ...]:
    """What `settled` text that is still being typed begins: `hò` may yet become `hòa`, which is `hoà`."""
    if not text or text[-1] not in _FIRST:
        return (text,)
    longer = (settled(text + second) for second in "aey")
    return (text, *(other for other in longer if other[: len(text)] != text))
