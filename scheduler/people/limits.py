"""How long failed sign-ins make the next one wait (pure).

Rules
- Failures count for `WINDOW`; refusals for waiting are not failures, so that asking again does not lengthen the wait.
- Each failure past the free ones doubles the wait, up to the limit's longest.
- A login tried from one address waits by that pair, so that a stranger's guesses do not keep its owner out.
- Guesses from everywhere at one login slow only addresses from which it never signed in.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from msgspec import Struct

WINDOW = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=90)


class Limit(Struct, frozen=True):
    """`free` failures in the window cost nothing; the next ones wait 1, 2, 4 … up to `longest_s` seconds."""

    free: int
    longest_s: int


PAIR = Limit(free=5, longest_s=900)
ADDRESS = Limit(free=20, longest_s=120)
LOGIN = Limit(free=50, longest_s=60)
UNLIMITED = Limit(free=2**31, longest_s=0)


def wait_s(limit: Limit, failures: Sequence[datetime], now: datetime) -> int:
    """Whole seconds from `now` until the next try; 0 when it may be made."""
    recent = [at for at in failures if now - WINDOW < at]
    if len(recent) < limit.free:
        return 0
    exponent = min(len(recent) - limit.free, 20)
    left = max(recent) + timedelta(seconds=min(2**exponent, limit.longest_s)) - now
    return max(0, -(-left // timedelta(seconds=1)))


class Subjects(Struct, frozen=True):
    """The names under which one try is counted."""

    pair: str
    address: str
    login: str


def subjects(login: str, address: str) -> Subjects:
    """An IPv6 address counts as its /64, which one household or phone has whole."""
    place, name = place_of(address), _digest(login.casefold())
    return Subjects(pair=f"pair:{_digest(name + place)}", address=f"address:{place[:100]}", login=f"login:{name}")


def place_of(address: str) -> str:
    """The household or telephone that an address is of."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
