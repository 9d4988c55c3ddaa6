"""All that the node's board tells of itself, in one reading (does I/O)."""

import asyncio
import logging
from pathlib import Path

from msgspec import Struct

from broadcast.wire.documents import PowerState, SignalState
from receivers.sensors import sysfs, system_bus
from receivers.sensors.signal import signal
from receivers.sensors.system_bus import MODEM_MANAGER, NETWORK_MANAGER

log = logging.getLogger(__name__)

SYS = Path("/sys")


class Readings(Struct, frozen=True, kw_only=True):
    """What was measured; what is not there is None."""

    power: PowerState | None = None
    signal: SignalState | None = None
    temperature_c: float | None = None


class Sensors:
    """Reads `root` and the bus at `bus_address`, the system's own by default. Once a minute is enough."""

    def __init__(
        self, root: Path = SYS, bus_address: str | None = None, bus_within_s: float = system_bus.READ_S
    ) -> None:
        self._root = root
        self._bus_within_s = bus_within_s
        self._bus_address = bus_address
        self._complained = False

    async def read(self) -> Readings:
        """One reading, of a few milliseconds; never raises."""
        power, temperature_c = await asyncio.to_thread(
            lambda: (sysfs.power(self._root), sysfs.temperature_c(self._root))
        )
        return Readings(power=power, temperature_c=temperature_c, signal=await self._signal())

    async def _signal(self) -> SignalState | None:
        address = self._bus_address or system_bus.address()
        if address is None:
            return None
        try:
            told = await system_bus.objects(address, self._bus_within_s)
            return signal(told[MODEM_MANAGER], told[NETWORK_MANAGER])
        except Exception as error:  # noqa: BLE001 - whatever other programs tell, it ends no daemon
            log.log(logging.DEBUG if self._complained else logging.WARNING, "no signal strength: %s", error)
            self._complained = True
            return None
