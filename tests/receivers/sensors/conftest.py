"""A made /sys, and a real D-Bus daemon with services that tell what a test gives them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from dbus_fast.aio import MessageBus
from dbus_fast.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/>
  </policy>
</busconfig>
"""


@pytest.fixture
def sys_tree(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Makes files below a folder that stands for /sys."""

    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "sys" / name).write_text(text + "\n")
        return tmp_path / "sys"

    return make


@dataclass
class SystemBus:
    """A bus at `address`; `offer` puts a service on it."""

    address: str
    services: list[MessageBus] = field(default_factory=list)

    async def offer(self, name: str, place: str, objects: dict[str, Any] | None) -> None:
        """A service that manages `objects` (of Variants) at `place`; None is one that never answers."""
        service = await MessageBus(self.address).connect()
        self.services.append(service)

        def answer(message: Message) -> Message | bool | None:
            if message.member != "GetManagedObjects" or message.path != place:
                return None
            return True if objects is None else Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])

        service.add_message_handler(answer)
        await service.request_name(name)


@pytest.fixture
async def system_bus(tmp_path: Path) -> AsyncIterator[SystemBus]:
    """A real dbus-daemon of the test's own."""
    config = tmp_path / "bus.conf"
    config.write_text(BUS.format(socket=tmp_path / "bus.sock"))
    daemon = await asyncio.create_subprocess_exec(
        "dbus-daemon",
        f"--config-file={config}",
        "--nofork",
        "--print-address=1",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert daemon.stdout is not None
    address = (await asyncio.wait_for(daemon.stdout.readline(), 60)).decode().strip()
    bus = SystemBus(address)
    yield bus
    for service in bus.services:
        service.disconnect()
    with contextlib.suppress(ProcessLookupError):
        daemon.terminate()
    await daemon.wait()
