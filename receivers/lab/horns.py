"""Virtual horns: a PulseAudio daemon of its own with one null sink per horn, for demo, tests and benches."""

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from broadcast.clock import SystemClock
from receivers.sound.urgency import make_urgent

START_US = 5_000_000  # a daemon that does not answer by then will not
STOP_S = 3.0

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


class HornsError(Exception):
    """Virtual horns cannot be had here; the message says what to do."""


class VirtualHorns:
    """Context manager: horns called `names`, each a PortAudio device of that name for a process given `environment`.

    All it writes lies under `directory`. The daemon ends with the context, on Ctrl-C, and when this process dies.
    Enter it from a thread that lives as long as the horns are wanted: the kernel counts the thread as the parent.
    Raises HornsError when PulseAudio is missing or does not start.
    """

    def __init__(self, names: Sequence[str], directory: Path) -> None:
        if not names:
            raise HornsError("there must be one horn at least")
        if not all(name.isidentifier() for name in names):
            raise HornsError(f"horns are named by letters, digits and underscores, not {', '.join(names)}")
        self.names = tuple(names)
        self._directory = directory.absolute()
        self._socket = self._directory / "run" / "native"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The daemon's process id; HornsError when it does not run."""
        if self._daemon is None:
            raise HornsError("the horns are not running")
        return self._daemon.pid

    @property
    def environment(self) -> Mapping[str, str]:
        """What to add to the environment of a receiver process (and of parec) to reach the horns."""
        return {
            "ALSA_CONFIG_PATH": str(self._directory / "asound.conf"),
            "PULSE_SERVER": f"unix:{self._socket}",
            "HOME": str(self._directory),
            "XDG_RUNTIME_DIR": str(self._directory / "run"),
        }

    def monitor(self, name: str) -> str:
        """PulseAudio's name of the source that hears horn `name`."""
        return f"{name}.monitor"

    def mute(self, name: str, muted: bool) -> None:
        """Silence horn `name`, as a cut cable would, or let it sound again."""
        command = ["pactl", "set-sink-mute", name, str(int(muted))]
        subprocess.run(command, env={**self._paths(), **self.environment}, check=True, capture_output=True)

    def suspend(self, name: str, suspended: bool) -> None:
        """Make the sound card of horn `name` hang (it asks for no more sound), or go on."""
        command = ["pactl", "suspend-sink", name, str(int(suspended))]
        subprocess.run(command, env={**self._paths(), **self.environment}, check=True, capture_output=True)

    def __enter__(self) -> Self:
        if shutil.which("pulseaudio") is None:
            raise HornsError(
                "virtual horns need PulseAudio: apt install pulseaudio pulseaudio-utils libasound2-plugins"
            )
        (self._directory / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._directory / "run").chmod(0o700)
        self._socket.unlink(missing_ok=True)
        (self._directory / "asound.conf").write_text(self._asound())
        with (self._directory / "pulseaudio.log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [*DAEMON, *self._modules()],
                env={**self._paths(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which then ends the daemon in its own order
            )
        try:
            self._await_answer()
            make_urgent(self.pid)  # it stands for sound cards, which are never late because the processor is busy
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(STOP_S)
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()

    def _paths(self) -> dict[str, str]:
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}

    def _modules(self) -> list[str]:
        loads = ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        for name in self.names:
            # norewinds: with rewinds a null sink may drop the first samples of a sound from its monitor
            sink = "rate=48000 channels=1 channel_map=mono format=s16le norewinds=1"
            loads += ["-L", f"module-null-sink sink_name={name} {sink}"]
        return loads

    def _asound(self) -> str:
        """The horns alone, the first as default: PortAudio loads and opens every plugin of the system's configuration.

        A default there must be: PortAudio 19.6 aborts when every device of a list without one can be opened.
        """
        horns = [(name, name) for name in self.names] + [("default", self.names[0])]
        return "".join(
            f'pcm.{pcm} {{\n  type pulse\n  server "unix:{self._socket}"\n  device "{name}"\n'
            f'  hint {{ show on description "{pcm}" }}\n}}\n'
            for pcm, name in horns
        )

    def _await_answer(self) -> None:
        clock = SystemClock()
        deadline_us = clock.monotonic_us() + START_US
        while not self._answers():
            if self._daemon is None or self._daemon.poll() is not None or clock.monotonic_us() > deadline_us:
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
        command = ["pactl", "list", "short", "sinks"]
        told = subprocess.run(
            command,
            env={**self._paths(), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=STOP_S,
        )
        return all(f"\t{name}\t" in told.stdout for name in self.names)
