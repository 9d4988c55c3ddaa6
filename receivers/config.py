"""`receiver.toml`, what the place decides about a receiver (reads one file).

Rules
- Everything has a default; a file is not needed.
- An unknown key or a wrong type is an error that names the line and how to mend it, never a guess.
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

FILE_NAME = "receiver.toml"
GIB = 1024**3
MIB = 1024**2


class ConfigError(Exception):
    """The settings file cannot be used; the message names file, line and cure."""


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver's local settings; sizes in bytes."""

    device: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    cache_limit_bytes: Annotated[int, Meta(ge=16 * MIB)] = 2 * GIB
    free_min_bytes: Annotated[int, Meta(ge=0)] = 64 * MIB


CURES = {
    "device": 'the name of a sound device in quotes, as in device = "horn1"',
    "cache_limit_bytes": "a whole number of bytes, 16777216 (16 MiB) or more, as in cache_limit_bytes = 2147483648",
    "free_min_bytes": "a whole number of bytes, 0 or more, as in free_min_bytes = 67108864",
}


def load(folder: Path) -> Config:
    """The settings in `folder`; the defaults when there is no file; else ConfigError."""
    path = folder / FILE_NAME
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """The settings in `text`; `path` is only named in the ConfigError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}. Write one setting a line, as in: {CURES['device']}") from None
    for key in table:
        if key not in Config.__struct_fields__:
            raise ConfigError(f"{path}, line {_line(text, key)}: there is no setting {key!r}. {_meant(key)}")
    for key, value in table.items():
        try:
            msgspec.convert({key: value}, Config)
        except msgspec.ValidationError:
            raise ConfigError(f"{path}, line {_line(text, key)}: {key} must be {CURES[key]}") from None
    return msgspec.convert(table, Config)


def _line(text: str, key: str) -> int:
    """The number of the line where top-level `key` stands."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _meant(key: str) -> str:
    near = difflib.get_close_matches(key, CURES, n=1)
    known = ", ".join(CURES)
    return f"Did you mean {near[0]!r}?" if near else f"Take the line out; the settings are {known}."
