"""Passwords: what is asked of one, and how it is kept (argon2).

At most `_AT_ONCE` are worked on at a time: each takes 64 MiB, and a crowd of guesses must not take all memory.
"""

import secrets
import threading
from functools import cache
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from scheduler.errors import Invalid

MIN_LETTERS = 10
MAX_LETTERS = 200
_AT_ONCE = 2
_WORDS = "abcdefghjkmnpqrstuvwxyz23456789"

# The commonest of ten letters and more, and what officials here would try first.
_COMMON = frozenset(Path(__file__).with_name("common_passwords.txt").read_text().split())
_hasher = PasswordHash((Argon2Hasher(),))
_room = threading.BoundedSemaphore(_AT_ONCE)


def hashed(password: str) -> str:
    with _room:
        return _hasher.hash(password)


def verified(password: str, password_hash: str | None) -> bool:
    """Whether it is the password; takes as long for a person who does not exist (None)."""
    with _room:
        right = _hasher.verify(password, password_hash or _nobodys_hash())
    return right and password_hash is not None


def one_time() -> str:
    """A first password that a person can type from paper: 16 letters and figures that cannot be mistaken, in fours."""
    letters = "".join(secrets.choice(_WORDS) for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def checked(password: str, login: str, field: str = "new_password") -> str:
    """`password` if it may be used by `login`, else Invalid with what to do."""
    plain = password.casefold()
    if len(password) < MIN_LETTERS:
        message = "Use at least %(letters)s characters. Four plain words in a row make a good password."
        raise Invalid("password_short", message, field=field, letters=MIN_LETTERS)
    if len(password) > MAX_LETTERS:
        raise Invalid("password_long", "Use at most %(letters)s characters.", field=field, letters=MAX_LETTERS)
    if login.casefold() in plain and len(plain) - len(login) < MIN_LETTERS:
        raise Invalid("password_is_login", "Do not build the password from the login name.", field=field)
    if plain in _COMMON or len(set(plain)) < 5:  # noqa: PLR2004 -- aaaaaaaaaa, 1212121212
        raise Invalid("password_common", "Many people use this password, so it is guessed first.", field=field)
    return password


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex(16))
