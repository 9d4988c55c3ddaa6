"""`receiver.toml`, what the place decides about a receiver (reads one file).

Rules
- Everything has a default; a file is not needed.
- An unknown key or a wrong value is an error that names the line and how to mend it, never a guess.
- Every setting has its line in CURES and in docs/receiver.md.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from broadcast.wire.documents import MessageName

FILE_NAME = "receiver.toml"
GIB = 1024**3
MIB = 1024**2
PROXY = r"\Ahttp://([^/@\s]+@)?[^/@:\s]+(:([1-5]?[0-9]{1,4}|6[0-4][0-9]{3}))?/?\Z"

Line = Annotated[int, Meta(ge=0, le=1023)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""A line of a GPIO chip: its number there, or the name that the kernel shows for it."""


class ConfigError(Exception):
    """The settings file cannot be used; the message names file, line and cure."""


class Gpio(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[gpio]`: contacts and relay. A line that is not named is not used."""

    chip: Annotated[str, Meta(pattern=r"\A(/dev/)?[A-Za-z0-9_-]+\Z", max_length=60)] = "gpiochip0"
    stop: Line | None = None
    amplifier: Line | None = None
    messages: dict[MessageName, Line] = {}
    contacts_active_low: bool = True
    amplifier_active_low: bool = False
    debounce_ms: Annotated[int, Meta(ge=1, le=1000)] = 30

    def lines(self) -> dict[str, Line]:
        """Every line used, by its setting's name."""
        named = {"stop": self.stop, "amplifier": self.amplifier}
        named |= {f"messages.{name}": line for name, line in self.messages.items()}
        return {name: line for name, line in named.items() if line is not None}


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver's local settings; sizes in bytes."""

    device: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    microphone: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    cache_limit_bytes: Annotated[int, Meta(ge=16 * MIB)] = 2 * GIB
    free_min_bytes: Annotated[int, Meta(ge=0)] = 64 * MIB
    proxy: Annotated[str, Meta(max_length=200, pattern=PROXY)] | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=60)] = 60
    stop_hold_minutes: Annotated[int, Meta(ge=1, le=120)] = 10
    clock_kept_by_host: bool = False
    gpio: Gpio = Gpio()


CURES = {
    "device": 'the name of a sound device in quotes, as in device = "horn1"',
    "microphone": 'the name of a sound device that records, in quotes, as in microphone = "horn1_monitor"',
    "cache_limit_bytes": "a whole number of bytes, 16777216 (16 MiB) or more, as in cache_limit_bytes = 2147483648",
    "free_min_bytes": "a whole number of bytes, 0 or more, as in free_min_bytes = 67108864",
    "proxy": 'the address of a proxy in quotes, as in proxy = "http://proxy.example:3128"',
    "keepalive_s": "a whole number of seconds from 5 to 60, as in keepalive_s = 60",
    "stop_hold_minutes": "a whole number of minutes from 1 to 120, as in stop_hold_minutes = 10",
    "clock_kept_by_host": "true where a virtual machine's host keeps the clock, as in clock_kept_by_host = true",
    "gpio": "a table with a line of its own, as in [gpio]",
    "gpio.chip": 'the name of a GPIO chip in quotes, as in chip = "gpiochip0"',
    "gpio.stop": "the number of a line of the chip, or its name in quotes, as in stop = 17",
    "gpio.amplifier": "the number of a line of the chip, or its name in quotes, as in amplifier = 27",
    "gpio.messages": "message names (small letters, digits, -) with lines of the chip, as in messages = { fire = 22 }",
    "gpio.contacts_active_low": "true or false, as in contacts_active_low = true",
    "gpio.amplifier_active_low": "true or false, as in amplifier_active_low = false",
    "gpio.debounce_ms": "a whole number of milliseconds from 1 to 1000, as in debounce_ms = 30",
}


class Mistake(NamedTuple):
    """What is wrong at `place`, a path of keys."""

    place: tuple[str, ...]
    said: str


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
    mistake = next(_mistakes(table, Config, ()), None)
    if mistake is None:
        config = msgspec.convert(table, Config)
        mistake = next(_shared_lines(config.gpio), None)
    if mistake is not None:
        raise ConfigError(f"{path}, line {_line(text, mistake.place)}: {mistake.said}")
    return config


def _mistakes(table: Mapping[str, Any], kind: type[Struct], above: tuple[str, ...]) -> Iterator[Mistake]:
    hints = get_type_hints(kind, include_extras=True)
    for key, value in table.items():
        place = (*above, key)
        if key not in hints:
            yield Mistake(place, f"there is no setting {'.'.join(place)!r}. {_meant(place)}")
        elif isinstance(hints[key], type) and issubclass(hints[key], Struct) and isinstance(value, dict):
            yield from _mistakes(value, hints[key], place)
        elif get_origin(hints[key]) is dict and isinstance(value, dict):
            items = ((name, {name: item}) for name, item in value.items())
            yield from (_wrong(place, (name,)) for name, item in items if not _is(item, hints[key]))
        elif not _is(value, hints[key]):
            yield _wrong(place)


def _is(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _wrong(place: tuple[str, ...], below: tuple[str, ...] = ()) -> Mistake:
    name, _, key = ".".join(place).rpartition(".")
    under = f" under [{name}]" if name else ""
    return Mistake((*place, *below), f"{key} must be {CURES['.'.join(place)]}{under}")


def _shared_lines(gpio: Gpio) -> Iterator[Mistake]:
    users: dict[Line, str] = {}
    for name, line in gpio.lines().items():
        if line in users:
            place = ("gpio", *name.split("."))
            yield Mistake(place, f"{name} and {users[line]} are both line {line!r}; each needs a line of its own")
        users[line] = name


def _line(text: str, place: tuple[str, ...]) -> int:
    """The number of the line where the statement begins that sets `place`: the first after which it is there."""
    lines = text.splitlines()
    begins = 1
    for count in range(1, len(lines) + 1):
        try:
            read: Any = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:  # in the middle of a value of several lines
            continue
        for key in place:
            read = read.get(key) if isinstance(read, dict) else None
        if read is not None:
            return begins
        begins = count + 1
    return begins


def _meant(place: tuple[str, ...]) -> str:
    *above, key = place
    known = [name.rpartition(".")[2] for name in CURES if name.split(".")[:-1] == above]
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Take the line out; the settings are {', '.join(known)}."
