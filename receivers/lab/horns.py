"""Virtual horns: a PulseAudio daemon of its own with one null sink per horn, for demo, tests and benches."""

from collections.abc import Mapping, Sequence
from pathlib import Path


class HornsError(Exception):
    """Virtual horns cannot be had here; the message says what to do."""


class VirtualHorns:
    """Context manager: horns called `names`, each a PortAudio device of that name for a process given `environment`.

    Everything it writes lies under `directory`. The daemon ends with the context, on Ctrl-C, and when this process dies.
    """

    def __init__(self, names: Sequence[str], directory: Path) -> None:
        raise NotImplementedError

    @property
    def environment(self) -> Mapping[str, str]:
        """What to add to the environment of a receiver process (and of parec) to reach the horns."""
        raise NotImplementedError

    def monitor(self, name: str) -> str:
        """PulseAudio's name of the source that hears horn `name`."""
        raise NotImplementedError

    def __enter__(self) -> "VirtualHorns":
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError
