import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.produce.ogg import duration_us


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_give_a_number_or_the_one_error(head: bytes, tail: bytes) -> None:
    try:
        assert isinstance(duration_us(head, tail), int)
    except ValueError:
        return


def test_length_is_the_last_position_less_the_skip() -> None:
    head = b"OggS....OpusHead\x01\x01" + (312).to_bytes(2, "little")
    tail = b"junkOggS\x00\x00" + (48_000 + 312).to_bytes(8, "little")
    assert duration_us(head, tail) == 1_000_000
    with pytest.raises(ValueError):
        duration_us(head, tail[:-1])
