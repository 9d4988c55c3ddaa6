"""What is kept for a moment stays small, whoever asks for what."""

from collections.abc import Callable

import pytest

from web.kept import KEPT_US, Kept


class Maker:
    """Makes answers of so many bytes, and counts."""

    def __init__(self, size_bytes: int = 1) -> None:
        self.made = 0
        self._size_bytes = size_bytes

    def __call__(self) -> bytes:
        self.made += 1
        return b"x" * self._size_bytes


def fails() -> bytes:
    raise LookupError


@pytest.fixture
def make() -> Maker:
    return Maker()


def is_kept(kept: Kept, key: str) -> bool:
    """Whether it need not be made; if it must, it is not."""
    try:
        kept.get(key, 0, fails)
    except LookupError:
        return False
    return True


def test_it_is_made_anew_once_it_is_old(make: Maker) -> None:
    kept = Kept()
    for at_us, made in ((0, 1), (KEPT_US - 1, 1), (KEPT_US, 2), (KEPT_US + 1, 2)):
        assert kept.get("a", at_us, make) == b"x"
        assert make.made == made


@pytest.mark.parametrize(
    ("small", "size_bytes"), [(lambda: Kept(at_most=3), 1), (lambda: Kept(at_most_bytes=300), 100)]
)
def test_what_was_asked_for_longest_ago_makes_room(small: Callable[[], Kept], size_bytes: int) -> None:
    kept, make = small(), Maker(size_bytes)
    for key in ("a", "b", "c", "a", "d"):
        kept.get(key, 0, make)
    assert [key for key in "abcd" if is_kept(kept, key)] == ["a", "c", "d"]
    assert make.made == 4


def test_what_is_too_large_is_given_and_not_kept() -> None:
    kept = Kept(at_most_bytes=300)
    kept.get("a", 0, Maker(100))
    assert len(kept.get("b", 0, Maker(301))) == 301
    assert not is_kept(kept, "b")
    for key in ("c", "d", "e"):  # what went takes no room
        kept.get(key, 0, Maker(100))
    assert all(is_kept(kept, key) for key in "cde")


def test_what_cannot_be_made_again_is_dropped(make: Maker) -> None:
    kept = Kept()
    kept.get("a", 0, make)
    with pytest.raises(LookupError):
        kept.get("a", KEPT_US, fails)
    assert kept.get("a", 0, make) == b"x"
    assert make.made == 2


def test_whoever_asks_while_it_is_made_gets_the_last_one(make: Maker) -> None:
    kept = Kept()
    kept.get("a", 0, lambda: b"last")
    assert kept.get("a", KEPT_US, lambda: kept.get("a", KEPT_US, make) + b" and new") == b"last and new"
    assert make.made == 0
