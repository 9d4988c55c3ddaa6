"""A PulseAudio daemon of its own, with null sinks whose crystal may be off."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from broadcast.clock import SystemClock
from receivers.lab.faketime import NoFaketime, library
from receivers.sound.urgency import make_urgent

START_US = 30_000_000  # a daemon that does not answer by then will not
STOP_S = 10.0
CARD = 10  # priority: it stands for a sound card, which is never late because the processor is busy, nor for a player

DAEMON = (
    "setpriv",
    "--pdeathsig=KILL",
    "pulseaudio",
    "-n",
    "--daemonize=no",
    "--exit-idle-time=-1",
    "--use-pid-file=no",
    "--disallow-exit",
    "--high-priority=no",
    "--realtime=no",
    "--disable-shm=yes",
    "--log-level=warn",
)
PLAIN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


class HornsError(Exception):
    """Virtual horns cannot be had here; the message says what to do."""


class PulseDaemon:
    """Context manager: null sinks `names`, reached at `server`; everything lies under `directory`.

    With `skew_ppm` other than 0 the daemon lives under libfaketime, in a time that runs faster by so much: its sinks
    ask for sound as a card with a fast crystal does. The daemon ends with the context, on Ctrl-C, and when this process
    dies. Raises HornsError when PulseAudio (or libfaketime) is missing or does not start.
    """

    def __init__(self, names: Sequence[str], directory: Path, skew_ppm: float = 0.0) -> None:
        self.names = tuple(names)
        self._directory = directory.absolute()
        self._socket = self._directory / "run" / "native"
        self._skew_ppm = skew_ppm
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise HornsError("the horns are not running")
        return self._process.pid

    @property
    def server(self) -> str:
        """The server's address, as PULSE_SERVER has it."""
        return f"unix:{self._socket}"

    @property
    def environment(self) -> Mapping[str, str]:
        """For a client of this daemon."""
        return {
            "PULSE_SERVER": self.server,
            "HOME": str(self._directory),
            "XDG_RUNTIME_DIR": str(self._directory / "run"),
        }

    def control(self, *command: str) -> None:
        """Run `pactl` with a command."""
        subprocess.run(["pactl", *command], env={**PLAIN, **self.environment}, check=True, capture_output=True)

    def unload(self, name: str) -> None:
        """Take sink `name` away."""
        told = subprocess.run(
            ["pactl", "list", "short", "modules"],
            env={**PLAIN, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        lines = (line.split("\t") for line in told.splitlines())
        [module] = [number for number, _, argument, *_ in lines if f"sink_name={name} " in argument]
        self.control("unload-module", module)

    def load(self, name: str) -> None:
        """Bring it back."""
        self.control("load-module", *_sink(name).split())

    def kill(self) -> None:
        """End the daemon, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self, frozen: bool) -> None:
        """Let the daemon answer nothing, or go on."""
        os.kill(self.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        if shutil.which("pulseaudio") is None:
            raise HornsError(
                "virtual horns need PulseAudio: apt install pulseaudio pulseaudio-utils libasound2-plugins"
            )
        (self._directory / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._directory / "run").chmod(0o700)
        self._socket.unlink(missing_ok=True)
        with (self._directory / "pulseaudio.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*DAEMON, *self._modules()],
                env={**PLAIN, **self.environment, **_skewed(self._skew_ppm)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which then ends the daemon in its own order
            )
        try:
            self._await_answer()
            make_urgent(self.pid, CARD)
        except BaseException:
            self._stop()
            raise

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)  # it may have been frozen
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            process.kill()
            process.wait()

    def _modules(self) -> list[str]:
        loads = ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        for name in self.names:
            loads += ["-L", _sink(name)]
        return loads

    def _await_answer(self) -> None:
        clock = SystemClock()
        deadline_us = clock.monotonic_us() + START_US
        while not self._answers():
            if self._process is None or self._process.poll() is not None or clock.monotonic_us() > deadline_us:
                told = (self._directory / "pulseaudio.log").read_text(errors="replace").strip()
                raise HornsError(f"PulseAudio did not start: {told or 'it says nothing'}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        """The socket is opened before the sinks are made, so their being there is asked for."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
        told = subprocess.run(
            ["pactl", "list", "short", "sinks"],
            env={**PLAIN, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=STOP_S,
        )
        return all(f"\t{name}\t" in told.stdout for name in self.names)


def _sink(name: str) -> str:
    # norewinds: with rewinds a null sink may drop the first samples of a sound from its monitor
    return f"module-null-sink sink_name={name} rate=48000 channels=1 channel_map=mono format=s16le norewinds=1"


def _skewed(skew_ppm: float) -> Mapping[str, str]:
    """What makes a process's seconds shorter by `skew_ppm`; nothing for 0."""
    if not skew_ppm:
        return {}
    try:
        preloaded = library()
    except NoFaketime as error:
        raise HornsError(f"a skewed crystal: {error}") from None
    return {
        "LD_PRELOAD": os.fspath(preloaded),
        "FAKETIME": f"+0 x{1 + skew_ppm / 1e6:.7f}",
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "0",
    }
