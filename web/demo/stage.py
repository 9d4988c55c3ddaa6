"""The demo's processes: horns, the centre, three receivers. They end with the context, in reverse order."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import httpx

from broadcast.clock import SystemClock
from receivers import identity
from receivers.lab.horns import VirtualHorns

START_S = 120
STOP_S = 10
BROKER_OFFSET = 883
LOA = (sys.executable, "-m", "web.cli")

Say = Callable[[str], None]


class StageError(Exception):
    """A part of the demo did not come up; the message says which and where its log is."""


class Stage:
    """Everything lies under `folder`; `horns` are virtual unless `device` names a sound card for the first receiver."""

    def __init__(self, folder: Path, port: int, horn_names: Sequence[str], device: str | None = None) -> None:
        self.folder = folder.absolute()
        self.horn_names = tuple(horn_names)
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._broker_port = port + BROKER_OFFSET  # the same at every start: receivers remember it
        self._device = device
        self._stack = ExitStack()
        self.horns: VirtualHorns | None = None
        self.extra: dict[str, str] = {}  # more settings of the centre

    @property
    def settings(self) -> dict[str, str]:
        """The centre's settings as environment variables."""
        return {
            "LOA_DATA_DIR": str(self.folder / "centre"),
            "LOA_PORT": str(self._port),
            "LOA_BROKER_PORT": str(self._broker_port),
            **self.extra,
        }

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            if self._device is None:
                self.horns = self._stack.enter_context(VirtualHorns(self.horn_names, self.folder / "horns"))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_centre(self, say: Say) -> "subprocess.Popen[bytes]":
        """Start `loa serve` and wait until it answers."""
        self.check_ports()
        process = self._start("centre", ["serve"], self.settings)
        say(f"centre starting (log: {self._log('centre')})")
        self._await("centre", process, lambda: _answers(f"{self.url}/api/v1/health"))
        return process

    def check_ports(self) -> None:
        """Return where nobody else listens; StageError else."""
        for port in (self._port, self._broker_port):
            if not is_free(port):
                raise StageError(f"port {port} is in use: stop what uses it, or choose another with --port")

    def enrol(self, name: str, code: str, horn: str) -> None:
        """Run `loa receiver enrol` for the receiver kept under `name`."""
        device = horn if self._device is None else self._device
        command = [*LOA, "receiver", "enrol", self.url, code, "--state", str(self._state(name)), "--device", device]
        told = subprocess.run([*command, "--again"], capture_output=True, text=True, check=False)
        if told.returncode:
            raise StageError(f"receiver {name}: {told.stderr.strip() or told.stdout.strip()}")

    def is_enrolled(self, name: str) -> bool:
        return (self._state(name) / identity.FILE_NAME).exists()

    def start_receiver(self, name: str) -> "subprocess.Popen[bytes]":
        environment = dict(self.horns.environment) if self.horns else {}
        return self._start(name, ["receiver", "run", "--state", str(self._state(name))], environment)

    def _state(self, name: str) -> Path:
        return self.folder / "receivers" / name

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start(self, name: str, arguments: Sequence[str], extra: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """A child in a session of its own, so that Ctrl-C reaches only us, and that dies when we do."""
        with self._log(name).open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", *LOA, *arguments],
                env={**self._inherited(), **extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(_stop, process)
        return process

    def _inherited(self) -> Mapping[str, str]:
        """The environment that every child has."""
        return os.environ

    def _await(self, name: str, process: "subprocess.Popen[bytes]", ready: Callable[[], bool]) -> None:
        clock = SystemClock()
        deadline_us = clock.monotonic_us() + START_S * 1_000_000
        while not ready():
            if process.poll() is not None or clock.monotonic_us() > deadline_us:
                last = self._log(name).read_text(errors="replace").strip().splitlines()[-3:]
                raise StageError(f"{name} did not start: {' / '.join(last) or 'it said nothing'} ({self._log(name)})")
            time.sleep(0.1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
