"""Power and temperature as the kernel shows them under /sys (reads files).

Rules
- What is not there, cannot be read or cannot be true is absent, never zero.
- A battery of something that is plugged in (a mouse) is not the node's.
"""

import math
from collections.abc import Iterable
from pathlib import Path

from broadcast.wire.documents import PowerState

COLDEST_C, HOTTEST_C = -60, 150  # beyond, a sensor is broken or not connected
FROM_OUTSIDE = {"Charging", "Full", "Not charging"}


def power(root: Path) -> PowerState | None:
    """What feeds the node; None where the kernel knows of nothing."""
    supplies = [one for one in _folders(root / "class/power_supply") if _text(one / "scope") != "Device"]
    batteries = [one for one in supplies if _text(one / "type") in {"Battery", "UPS"} and _text(one / "present") != "0"]
    others = [one for one in supplies if _text(one / "type") not in {"Battery", "UPS", None}]
    online = [value > 0 for value in (_number(one / "online") for one in others) if value is not None]
    battery = batteries[0] if batteries else None
    percent = _number(battery / "capacity") if battery else None
    micro_v = _number(battery / "voltage_now") if battery else None
    found = PowerState(
        on_mains=any(online) if online else _fed(battery),
        battery_percent=percent if percent is not None and 0 <= percent <= 100 else None,  # noqa: PLR2004 - per cent
        battery_v=micro_v / 1e6 if micro_v is not None and micro_v > 0 else None,
    )
    return None if found == PowerState() else found


def temperature_c(root: Path) -> float | None:
    """The hottest place that the kernel measures, of the board's zones where there are any, else of any chip."""
    zones = [zone / "temp" for zone in _folders(root / "class/thermal") if zone.name.startswith("thermal_zone")]
    chips = [file for chip in _folders(root / "class/hwmon") for file in sorted(chip.glob("temp*_input"))]
    board_c = _hottest(zones)
    return _hottest(chips) if board_c is None else board_c


def _hottest(files: Iterable[Path]) -> float | None:
    told = [value / 1000 for value in map(_number, files) if value is not None]
    return max((value for value in told if COLDEST_C <= value <= HOTTEST_C), default=None)


def _fed(battery: Path | None) -> bool | None:
    """Whether a battery alone shows that something feeds it."""
    status = _text(battery / "status") if battery else None
    return True if status in FROM_OUTSIDE else False if status == "Discharging" else None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _number(file: Path) -> float | None:
    try:
        value = float(_text(file) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
