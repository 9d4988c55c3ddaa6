"""`receiver.toml`: what is wrong is told with its line and its cure."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers import config

CONTACTS = '# contacts\n[gpio]\nchip = "gpiochip1"\nstop = 17\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'device = "horn1"\ncache_limit = 5\n',
            "line 2: there is no setting 'cache_limit'. Did you mean 'cache_limit_b",
        ),
        ("\n\nzebra = 5\n", "line 3: there is no setting 'zebra'. Take the line out"),
        ("device = 5\n", "line 1: device must be the name of a sound device in quotes"),
        ('cache_limit_bytes = "2 GB"\n', "line 1: cache_limit_bytes must be a whole number of bytes"),
        ("# a comment\ncache_limit_bytes = 5\n", "line 2: cache_limit_bytes must be"),
        ("device = horn1\n", "line 1"),
        ("stop_hold_minutes = 121\n", "line 1: stop_hold_minutes must be a whole number of minutes from 1 to 120"),
        ("keepalive_s = 61\n", "line 1: keepalive_s must be a whole number of seconds from 5 to 60"),
        ('proxy = "proxy.example:3128"\n', "line 1: proxy must be the address of a proxy in quotes, as in"),
        ('proxy = "http://proxy.example:70000"\n', "line 1: proxy must be the address of a proxy in quotes"),
        ("gpio = 5\n", "line 1: gpio must be a table"),
        (CONTACTS + "stopp = 17\n", "line 5: there is no setting 'gpio.stopp'. Did you mean 'stop'?"),
        (CONTACTS + "device = 'horn1'\n", "line 5: there is no setting 'gpio.device'"),
        (CONTACTS + "amplifier = -1\n", "line 5: amplifier must be the number of a line of the chip, or its name"),
        (CONTACTS + "amplifier = true\n", "under [gpio]"),
        (CONTACTS + "\n[gpio.messages]\n# fire\nfire = 22\nFlood = 23\n", "line 9: messages must be message names"),
        (CONTACTS + "messages = {fire = 22, flood = 2.5}\n", "line 5: messages must be"),
        (CONTACTS + "amplifier = 17\n", "line 5: amplifier and stop are both line 17"),
        (CONTACTS + "messages.fire = 17\n", "line 5: messages.fire and stop are both line 17"),
        ("[sound]\n", "line 1: there is no setting 'sound'"),
        ("device = '''\nhorn'''\n\ngpio = {\n  chip = 'a', }\n", "is not TOML"),
        ("gpio.messages.fire = '''\nx'''\n\n[gpio.chip]\nname = 'a'\n", "line 4: chip must be the name of a GPIO chip"),
    ],
)
def test_what_is_wrong_names_line_and_cure(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(config.ConfigError) as error:
        config.parse(text, tmp_path / config.FILE_NAME)
    assert told in str(error.value)


def test_the_example_of_every_cure_is_right(tmp_path: Path) -> None:
    for name, cure in config.CURES.items():
        table = name.rpartition(".")[0]
        heading = f"[{table}]\n" if table else ""
        example = cure.partition("as in ")[2]
        assert example, name
        config.parse(heading + example, tmp_path)


def test_every_setting_has_a_cure() -> None:
    def names(kind: type[msgspec.Struct], above: str) -> Iterator[str]:
        for name, default in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True):
            yield above + name
            if isinstance(default, msgspec.Struct):
                yield from names(type(default), f"{above}{name}.")

    assert set(config.CURES) == set(names(config.Config, ""))


def test_contacts_and_relay_are_read(tmp_path: Path) -> None:
    read = config.parse(CONTACTS + "amplifier = 'RELAY'\nmessages = { fire = 22 }\n", tmp_path)
    assert read.gpio.lines() == {"stop": 17, "amplifier": "RELAY", "messages.fire": 22}
    assert read.gpio.chip == "gpiochip1"
    assert config.Config().gpio.lines() == {}


@given(st.text(alphabet="abgpios[].={}'\"\n #1", max_size=60))
def test_whatever_stands_there_only_a_config_error_comes_of_it(text: str) -> None:
    with contextlib.suppress(config.ConfigError):
        config.parse(text, Path("receiver.toml"))
