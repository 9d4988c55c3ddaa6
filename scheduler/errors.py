"""The situations a caller can act on, each with its HTTP status (RFC 9110) and a stable code (pure).

Problem
├── Invalid        422  the input says something impossible; `field` names where
├── NotFound       404  no such thing, or not for this person to see
├── Forbidden      403  the person may not do this here
├── Conflict       409  the thing is not in a state for it
├── Stale          412  someone else changed it since it was read
└── TooMany        429  wait `retry_after_s`

`message` is English with %(name)s places and is also the key under which translations are kept; `params` fill it. An
instant among them is in the time zone that it is to be told in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Named:
    """What whoever asks may see, by its name; the rest is only counted."""

    names: tuple[str, ...]
    others: int = 0

    @classmethod
    def of(cls, found: Iterable[tuple[str, bool]]) -> "Named":
        """Of (name, whether it may be seen)."""
        every = tuple(found)
        names = tuple(name for name, seen in every if seen)
        return cls(names, len(every) - len(names))

    def __str__(self) -> str:
        return self.joined(f"{self.others} other {'place' if self.others == 1 else 'places'}")

    def joined(self, others: str) -> str:
        """With what is said of the others, if there are any; parted by semicolons where a name has a comma itself."""
        between = "; " if any(", " in name for name in self.names) else ", "
        return between.join([*self.names, *([others] if self.others else [])])


def plain(params: Mapping[str, object]) -> dict[str, object]:
    """What fills a message where nobody knows how its reader tells times: an instant is wall time, to the minute."""
    return {name: f"{told:%Y-%m-%d %H:%M}" if isinstance(told, datetime) else told for name, told in params.items()}


class Problem(Exception):
    """Something the person who asked can put right."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    def __init__(
        self, code: str, message: str, *, field: str | None = None, **params: str | float | datetime | Named
    ) -> None:
        super().__init__(message % plain(params) if params else message)
        self.code = code
        self.message = message
        self.field = field
        self.params = params


class Invalid(Problem):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND


class Forbidden(Problem):
    status = HTTPStatus.FORBIDDEN


class Conflict(Problem):
    status = HTTPStatus.CONFLICT


class Stale(Problem):
    status = HTTPStatus.PRECONDITION_FAILED


class TooMany(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, code: str, message: str, *, retry_after_s: int, **params: str | float) -> None:
        super().__init__(code, message, field=None, **params)
        self.retry_after_s = retry_after_s
