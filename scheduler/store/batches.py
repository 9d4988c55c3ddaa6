"""Many in pieces (pure): a database takes only so many values in one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

BATCH = 500


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """`items` in order, `size` at a time; nothing for none."""
    return (items[start : start + size] for start in range(0, len(items), size))
