"""What the system's services tell over D-Bus (does I/O).

Rules
- The library is loaded only where there is a bus; it costs 3.7 MB. The connection is made for one reading and closed.
- No service is started by asking: one that does not run has nothing to tell.
"""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from receivers.sensors.signal import Objects

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

SOCKET = Path("/run/dbus/system_bus_socket")
MODEM_MANAGER = "org.freedesktop.ModemManager1"
NETWORK_MANAGER = "org.freedesktop.NetworkManager"
PLACES = {MODEM_MANAGER: "/org/freedesktop/ModemManager1", NETWORK_MANAGER: "/org/freedesktop"}
READ_S = 5.0


def address() -> str | None:
    """The system bus's address; None where there is none."""
    named = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    return named or (f"unix:path={SOCKET}" if SOCKET.is_socket() else None)


async def objects(bus_address: str, within_s: float = READ_S) -> dict[str, Objects]:
    """What each of PLACES' services manages, empty for one that does not tell; OSError where the bus fails."""
    from dbus_fast.aio import MessageBus  # noqa: PLC0415
    from dbus_fast.errors import DBusFastError  # noqa: PLC0415

    try:
        async with asyncio.timeout(within_s):
            bus = await MessageBus(bus_address).connect()
            try:
                return {service: await _managed(bus, service) for service in PLACES}
            finally:
                bus.disconnect()
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # the library's
    except (DBusFastError, EOFError, TimeoutError) as error:
        raise OSError(f"the system bus at {bus_address}: {error}") from error


async def _managed(bus: "MessageBus", service: str) -> Objects:
    from dbus_fast.constants import MessageFlag, MessageType  # noqa: PLC0415
    from dbus_fast.message import Message  # noqa: PLC0415
    from dbus_fast.unpack import unpack_variants  # noqa: PLC0415

    call = Message(
        destination=service,
        path=PLACES[service],
        interface="org.freedesktop.DBus.ObjectManager",
        member="GetManagedObjects",
        flags=MessageFlag.NO_AUTOSTART,
    )
    reply = await bus.call(call)
    if reply is None or reply.message_type is not MessageType.METHOD_RETURN or reply.signature != "a{oa{sa{sv}}}":
        return {}
    found: Objects = unpack_variants(reply.body[0])
    return found
