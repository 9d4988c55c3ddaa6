"""Power and temperature from trees such as boards show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broadcast.wire.documents import PowerState
from receivers.sensors.sysfs import power, temperature_c

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tree = Callable[[dict[str, str]], Path]

BATTERY = {"type": "Battery", "present": "1", "capacity": "73", "voltage_now": "12600000", "status": "Discharging"}
MAINS = {"type": "Mains", "online": "1"}


def supply(name: str, files: dict[str, str]) -> dict[str, str]:
    return {f"class/power_supply/{name}/{file}": text for file, text in files.items()}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, None),
        (supply("ac", MAINS), PowerState(on_mains=True)),
        (supply("ac", MAINS | {"online": "0"}), PowerState(on_mains=False)),
        (
            supply("ac", MAINS | {"online": "0"}) | supply("bat", BATTERY),
            PowerState(on_mains=False, battery_percent=73, battery_v=12.6),
        ),
        (supply("ac", MAINS) | supply("usb", {"type": "USB", "online": "0"}), PowerState(on_mains=True)),
        (supply("bat", BATTERY), PowerState(on_mains=False, battery_percent=73, battery_v=12.6)),
        (supply("bat", BATTERY | {"status": "Full"}), PowerState(on_mains=True, battery_percent=73, battery_v=12.6)),
        (supply("bat", {"type": "Battery", "status": "Unknown"}), None),
        (supply("bat", BATTERY | {"present": "0"}), None),
        (supply("mouse", BATTERY | {"scope": "Device"}), None),
        (supply("bat", BATTERY | {"capacity": "250", "voltage_now": "0"}), PowerState(on_mains=False)),
        (supply("bat", BATTERY | {"capacity": "", "voltage_now": "nan"}), PowerState(on_mains=False)),
        (supply("odd", {"online": "1"}), None),
    ],
)
def test_power_is_told_as_far_as_it_is_known(sys_tree: Tree, files: dict[str, str], told: PowerState | None) -> None:
    assert power(sys_tree(files)) == told


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, None),
        ({"class/thermal/thermal_zone0/temp": "48312"}, 48.312),
        ({"class/thermal/thermal_zone0/temp": "48000", "class/thermal/thermal_zone1/temp": "51000"}, 51.0),
        ({"class/thermal/thermal_zone0/temp": "-274000", "class/hwmon/hwmon0/temp1_input": "39000"}, 39.0),
        ({"class/thermal/cooling_device0/temp": "48000"}, None),
        ({"class/thermal/thermal_zone0/temp": "0", "class/hwmon/hwmon0/temp1_input": "39000"}, 0.0),
        ({"class/hwmon/hwmon0/temp1_input": "hot"}, None),
    ],
)
def test_the_hottest_place_is_told(sys_tree: Tree, files: dict[str, str], told: float | None) -> None:
    assert temperature_c(sys_tree(files)) == told


def test_this_machine_s_own_sys_can_be_read_whatever_it_has(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    (tmp_path / "class/thermal").write_text("not a folder")
    (tmp_path / "class/power_supply").mkdir()
    (tmp_path / "class/power_supply/ac").mkdir()
    (tmp_path / "class/power_supply/ac/type").mkdir()
    assert (power(tmp_path), temperature_c(tmp_path)) == (None, None)
