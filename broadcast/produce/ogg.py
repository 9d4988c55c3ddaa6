"""The little of Ogg Opus that tells how long a finished file plays (RFC 7845). Pure."""

SAMPLE_RATE_HZ = 48_000
TAIL_BYTES = 131_072
"""More than the longest Ogg page, so that the last page starts within."""


def duration_us(head: bytes, tail: bytes) -> int:
    """Playing time from the first bytes of a file and its last TAIL_BYTES. Raises ValueError."""
    start = head.find(b"OpusHead")
    last = tail.rfind(b"OggS")
    if start < 0 or last < 0 or len(tail) < last + 14:
        raise ValueError("not an Ogg Opus file")
    pre_skip = int.from_bytes(head[start + 10 : start + 12], "little")
    granule = int.from_bytes(tail[last + 6 : last + 14], "little", signed=True)
    return round((granule - pre_skip) * 1_000_000 / SAMPLE_RATE_HZ)
