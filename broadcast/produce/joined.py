"""Several recordings one after the other as one file, each brought to the same level first."""

import threading
from collections.abc import Sequence
from pathlib import Path

from broadcast import child
from broadcast.produce import graph
from broadcast.produce.framed import scanned
from broadcast.produce.probe import MEMORY_BYTES, out_time_us
from broadcast.produce.request import MAX_DURATION_US, US_PER_S, ProduceError, Refusal
from broadcast.speech.voice import Progress


def join(
    parts: Sequence[Path],
    between: Path | None,
    out_flac: Path,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> None:
    """Write `parts` with `between` between each two to `out_flac`. Raises ProduceError, ChildCancelledError."""
    found = [(path, scanned(path, cancel)) for path in parts]
    total_us = sum(scan.duration_us for _path, scan in found)
    if total_us > MAX_DURATION_US:
        raise ProduceError(Refusal.TOO_LONG, "together the parts are longer than two hours")

    def on_time(time_us: int) -> None:
        if progress is not None and total_us:
            progress(time_us / total_us)

    limits = child.Limits(cpu_s=120 + total_us // US_PER_S, memory_bytes=MEMORY_BYTES)
    command = graph.joined_command(found, between, out_flac)
    result = child.run(command, on_line=out_time_us(on_time), limits=limits, cancel=cancel)
    if result.failed or not out_flac.is_file():
        raise ProduceError(Refusal.PRODUCE_FAILED, f"the parts could not be joined: {result.last_error()}")
