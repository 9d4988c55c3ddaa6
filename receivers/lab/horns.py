"""Virtual horns: null sinks of PulseAudio daemons of their own, for demo, tests and benches."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from receivers.lab.pulse import HornsError, PulseDaemon
from receivers.sound.cue import RATE_HZ

__all__ = ["HornsError", "VirtualHorns"]

PERIOD_MS = 20


class VirtualHorns:
    """Context manager: horns called `names`, each a PortAudio device of that name for a process given `environment`.

    A microphone that hears horn `x` is the device `x_monitor`.

    With `listened` each is recorded from the beginning, into nothing. A null sink gives out its sound in other portions
    while someone records it, and on a machine that stands still now and then PulseAudio's stamps are up to 50 ms off
    for seconds after each change.

    `skew_ppm` says of some horns by how much their crystal is fast; each of those lives in a daemon of its own.
    All it writes lies under `directory`. The daemons end with the context, on Ctrl-C, and when this process dies.
    Enter it from a thread that lives as long as the horns are wanted: the kernel counts the thread as the parent.
    Raises HornsError when PulseAudio is missing or does not start.
    """

    def __init__(
        self,
        names: Sequence[str],
        directory: Path,
        skew_ppm: Mapping[str, float] | None = None,
        *,
        listened: bool = False,
    ) -> None:
        if not names:
            raise HornsError("there must be one horn at least")
        if not all(name.isidentifier() for name in names):
            raise HornsError(f"horns are named by letters, digits and underscores, not {', '.join(names)}")
        self.names = tuple(names)
        self._listened = listened
        self._directory = directory.absolute()
        skewed = {name: ppm for name, ppm in (skew_ppm or {}).items() if ppm}
        true = [name for name in names if name not in skewed]
        self._daemons = {name: PulseDaemon([name], self._directory / name, ppm) for name, ppm in skewed.items()}
        self._daemons |= dict.fromkeys(true, PulseDaemon(true, self._directory))
        self._stack = ExitStack()

    @property
    def pid(self) -> int:
        """Process id of the first horn's daemon; HornsError when it does not run."""
        return self._daemons[self.names[0]].pid

    @property
    def environment(self) -> Mapping[str, str]:
        """What to add to the environment of a receiver process to reach the horns."""
        first = self._daemons[self.names[0]]
        return {"ALSA_CONFIG_PATH": str(self._directory / "asound.conf"), **first.environment}

    def environment_of(self, name: str) -> Mapping[str, str]:
        """The same for a PulseAudio client (parec) that is to reach horn `name`."""
        return {**self.environment, **self._daemons[name].environment}

    def monitor(self, name: str) -> str:
        """PulseAudio's name of the source that hears horn `name`."""
        return f"{name}.monitor"

    def record(self, name: str, into: int) -> "subprocess.Popen[bytes]":
        """Start recording what horn `name` gives out: 48 kHz mono 16-bit, in portions of PERIOD_MS."""
        command = ("parec", "--raw", "--device", self.monitor(name), f"--latency-msec={PERIOD_MS}")
        return subprocess.Popen(
            [*command, f"--rate={RATE_HZ}", "--channels=1", "--format=s16le"],
            env={**os.environ, **self.environment_of(name)},
            stdout=into,
            stderr=subprocess.DEVNULL,
        )

    def mute(self, name: str, muted: bool) -> None:
        """Silence horn `name`, as a cut cable would, or let it sound again."""
        self._daemons[name].control("set-sink-mute", name, str(int(muted)))

    def suspend(self, name: str, suspended: bool) -> None:
        """Make the sound card of horn `name` hang (it asks for no more sound), or go on."""
        self._daemons[name].control("suspend-sink", name, str(int(suspended)))

    def unplug(self, name: str) -> None:
        """Pull out the sound card of horn `name`."""
        self._daemons[name].unload(name)

    def plug(self, name: str) -> None:
        """Put it back."""
        self._daemons[name].load(name)

    def kill(self, name: str) -> None:
        """End the sound server of horn `name`, without notice."""
        self._daemons[name].kill()

    def revive(self, name: str) -> None:
        """Start it again."""
        self._daemons[name].start()

    def freeze(self, name: str, frozen: bool) -> None:
        """Make the sound server of horn `name` answer nothing, as a driver that hangs, or go on."""
        self._daemons[name].freeze(frozen)

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for daemon in dict.fromkeys(self._daemons.values()):
                stack.enter_context(daemon)
            (self._directory / "asound.conf").write_text(self._asound())
            for name in self.names if self._listened else ():
                stack.callback(self.record(name, subprocess.DEVNULL).terminate)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _asound(self) -> str:
        """The horns alone, the first as default: PortAudio loads and opens every plugin of the system's configuration.

        A default there must be: PortAudio 19.6 aborts when every device of a list without one can be opened.
        """
        devices = [(name, name, name) for name in self.names] + [("default", self.names[0], self.names[0])]
        devices += [(f"{name}_monitor", name, self.monitor(name)) for name in self.names]
        return "".join(
            f'pcm.{pcm} {{\n  type pulse\n  server "{self._daemons[name].server}"\n  device "{device}"\n'
            f'  hint {{ show on description "{pcm}" }}\n}}\n'
            for pcm, name, device in devices
        )
