"""Signal strength from a modem or a Wi-Fi, told over a real bus."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from dbus_fast.signature import Variant

from broadcast.wire.documents import SignalState
from receivers.sensors.sensors import Readings, Sensors
from receivers.sensors.signal import ACCESS_POINT, DEVICE, MODEM, MODEM_3GPP, MODEM_SIGNAL, WIRELESS, signal
from receivers.sensors.system_bus import MODEM_MANAGER, NETWORK_MANAGER, PLACES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers.sensors.conftest import SystemBus

LTE = {
    "/org/freedesktop/ModemManager1/Modem/0": {
        MODEM: {
            "State": Variant("i", 11),
            "AccessTechnologies": Variant("u", 0x4000),
            "SignalQuality": Variant("(ub)", [64, True]),
        },
        MODEM_3GPP: {"OperatorName": Variant("s", "Viettel")},
        MODEM_SIGNAL: {"Lte": Variant("a{sv}", {"rsrp": Variant("d", -97.0), "rssi": Variant("d", -60.0)})},
    }
}
WIFI = {
    "/org/freedesktop/NetworkManager/Devices/1": {DEVICE: {"State": Variant("u", 100)}},
    "/org/freedesktop/NetworkManager/Devices/2": {
        DEVICE: {"State": Variant("u", 100)},
        WIRELESS: {"Mode": Variant("u", 2), "ActiveAccessPoint": Variant("o", "/org/freedesktop/ap/7")},
    },
    "/org/freedesktop/ap/7": {ACCESS_POINT: {"Strength": Variant("y", 80)}},
}


async def read(bus: SystemBus, folder: Path) -> Readings:
    return await Sensors(folder / "no-sys", bus.address).read()


async def test_a_modem_tells_strength_technology_and_operator(system_bus: SystemBus, tmp_path: Path) -> None:
    await system_bus.offer(MODEM_MANAGER, PLACES[MODEM_MANAGER], LTE)
    told = await read(system_bus, tmp_path)
    assert told == Readings(signal=SignalState(kind="lte", percent=64, dbm=-97, operator="Viettel"))


async def test_a_wifi_in_use_comes_first(system_bus: SystemBus, tmp_path: Path) -> None:
    await system_bus.offer(MODEM_MANAGER, PLACES[MODEM_MANAGER], LTE)
    await system_bus.offer(NETWORK_MANAGER, PLACES[NETWORK_MANAGER], WIFI)
    assert (await read(system_bus, tmp_path)).signal == SignalState(kind="wifi", percent=80)


async def test_without_services_nothing_is_told_and_none_is_started(system_bus: SystemBus, tmp_path: Path) -> None:
    assert await read(system_bus, tmp_path) == Readings()


async def test_readings_leave_no_descriptor_open(system_bus: SystemBus, tmp_path: Path) -> None:
    await system_bus.offer(MODEM_MANAGER, PLACES[MODEM_MANAGER], LTE)
    await read(system_bus, tmp_path)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a list of numbers, not of files
    for _ in range(10):
        await read(system_bus, tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_a_service_that_never_answers_costs_one_reading(system_bus: SystemBus, tmp_path: Path) -> None:
    await system_bus.offer(MODEM_MANAGER, PLACES[MODEM_MANAGER], None)
    assert await Sensors(tmp_path, system_bus.address, bus_within_s=0.2).read() == Readings()


async def test_a_bus_that_is_not_there_or_is_none_is_no_signal(tmp_path: Path) -> None:
    for address in (f"unix:path={tmp_path}/none", "nonsense"):
        assert await Sensors(tmp_path, address).read() == Readings()


@pytest.mark.parametrize(
    "told",
    [{"AccessTechnologies": Variant("s", "lte")}, {"SignalQuality": Variant("ai", [])}, {"State": Variant("b", True)}],
)
async def test_a_service_that_tells_something_else_costs_the_signal_only(
    tmp_path: Path, system_bus: SystemBus, told: dict[str, Any]
) -> None:
    modem = {MODEM: {"State": Variant("i", 8), **told}}
    await system_bus.offer(MODEM_MANAGER, PLACES[MODEM_MANAGER], {"/m": modem})
    assert await Sensors(tmp_path, system_bus.address).read() == Readings()


def modem(state: int, technologies: int = 0, **more: Any) -> dict[str, Any]:
    return {"/m": {MODEM: {"State": state, "AccessTechnologies": technologies, **more}}}


@pytest.mark.parametrize(
    ("modems", "told"),
    [
        ({}, None),
        ({"/m": {}}, None),
        (modem(3, 0x4000, SignalQuality=[0, False]), None),
        (modem(7, 0, SignalQuality=[0, False]), SignalState(kind="modem")),
        (modem(8, 0x8000, SignalQuality=[1, True]), SignalState(kind="5g", percent=1)),
        (modem(11, 0x10000), SignalState(kind="lte")),
        (modem(11, 1 << 9), SignalState(kind="3g")),
        (modem(11, 1 << 4, SignalQuality=[200, True]), SignalState(kind="2g")),
        (modem(11, 1 << 14) | {"/n": {MODEM: {"State": 3}}}, SignalState(kind="lte")),
    ],
)
def test_what_a_modem_does_not_know_is_absent(modems: dict[str, Any], told: SignalState | None) -> None:
    assert signal(modems, {}) == told


@pytest.mark.parametrize(("state", "mode"), [(30, 2), (100, 3)])
def test_a_wifi_that_is_off_or_an_access_point_itself_is_no_link(state: int, mode: int) -> None:
    networks: dict[str, Any] = {"/d": {DEVICE: {"State": state}, WIRELESS: {"Mode": mode, "ActiveAccessPoint": "/"}}}
    assert signal({}, networks) is None
