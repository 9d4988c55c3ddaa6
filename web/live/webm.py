"""The Opus packets of a WebM stream, as a browser's recorder writes it piece by piece (pure).

Rules
- One track, and that Opus without lacing; anything else is refused as soon as it shows.
- What holds other elements is entered whatever its length says, since recorders leave lengths open. Everything else is
  passed over, and nothing longer than MAX_ELEMENT_BYTES is waited for.
- Times are not read: what a recorder writes has no holes, and the timeline is the centre's.
"""

from collections.abc import Iterator

MAX_ELEMENT_BYTES = 32 * 1024
"""Far above a packet of 120 ms, and above what recorders write before the first one."""

_EBML = 0x1A45DFA3
_ENTERED = frozenset({0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675, 0xA0})  # segment, tracks, track, cluster, block group
_TRACK, _CODEC, _SIMPLE_BLOCK, _BLOCK = 0xAE, 0x86, 0xA3, 0xA1
_LACING = 0b0000_0110
_MAX_ID_BYTES, _MAX_SIZE_BYTES = 4, 8


class NotOpusInWebmError(Exception):
    """These bytes are no WebM with one track of Opus."""


class WebmReader:
    """One stream, from its first byte."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._begun = False
        self._tracks = 0
        self._opus = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are whole with these bytes. Raises NotOpusInWebmError; the reader is of no use then."""
        self._waiting += data
        packets: list[bytes] = []
        while (element := self._element()) is not None:
            packets += self._packets(*element)
        return packets

    def _element(self) -> tuple[int, bytes] | None:
        """The next element, taken from what waits: without content where that is entered. None until it is whole."""
        name = _number(self._waiting, 0, _MAX_ID_BYTES, marked=True)
        if name is None:
            return None
        if not self._begun and name[0] != _EBML:
            raise NotOpusInWebmError("no WebM")
        size = _number(self._waiting, name[1], _MAX_SIZE_BYTES)
        if size is None:
            return None
        begins, ends = size[1], size[1]
        if name[0] not in _ENTERED:
            if size[0] > MAX_ELEMENT_BYTES:
                raise NotOpusInWebmError("an element is too long")
            ends += size[0]
            if len(self._waiting) < ends:
                return None
        content = bytes(self._waiting[begins:ends])
        del self._waiting[:ends]
        self._begun = True
        return name[0], content

    def _packets(self, name: int, content: bytes) -> Iterator[bytes]:
        if name == _TRACK:
            self._tracks += 1
            if self._tracks > 1:
                raise NotOpusInWebmError("more than one track")
        elif name == _CODEC:
            self._opus = content.rstrip(b"\0") == b"A_OPUS"
        elif name in (_SIMPLE_BLOCK, _BLOCK):
            if not self._opus:
                raise NotOpusInWebmError("no Opus")
            yield from _packet(content)


def _packet(block: bytes) -> Iterator[bytes]:
    """What is in a block behind its track, its time of two bytes, and its flags."""
    track = _number(block, 0, _MAX_SIZE_BYTES)
    if track is None or len(block) < track[1] + 3:
        raise NotOpusInWebmError("a block is cut off")
    flags, payload = block[track[1] + 2], block[track[1] + 3 :]
    if flags & _LACING:
        raise NotOpusInWebmError("a block is laced")
    if payload:
        yield payload


def _number(data: bytes | bytearray, at: int, max_bytes: int, *, marked: bool = False) -> tuple[int, int] | None:
    """An EBML number and where what follows it begins: its zero bits in front count its bytes. None if it is cut off.

    `marked` keeps the bit that ends those zeros, as the names of elements do.
    """
    if len(data) <= at:
        return None
    count = 9 - data[at].bit_length()
    if count > max_bytes:
        raise NotOpusInWebmError("no EBML")
    if len(data) < at + count:
        return None
    value = int.from_bytes(data[at : at + count], "big")
    return value if marked else value & ((1 << 7 * count) - 1), at + count
