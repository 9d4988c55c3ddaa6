"""A recording between two readings of the same words: how a drill in a language without a voice says that it is one."""

import threading
from pathlib import Path

from broadcast import child
from broadcast.produce import graph
from broadcast.produce.probe import MEMORY_BYTES, Scan, out_time_us, probe, read_scan, scan_command
from broadcast.produce.request import ProduceError, Refusal

LIMITS = child.Limits(cpu_s=300, memory_bytes=MEMORY_BYTES)


def frame(words: Path, recording: Path, out_wav: Path, cancel: threading.Event | None = None) -> None:
    """Write `words`, `recording` and `words` to `out_wav`, at one level. Raises ProduceError, ChildCancelledError."""
    try:
        parts = (words, scanned(words, cancel)), (recording, scanned(recording, cancel))
        result = child.run(graph.framed_command(*parts, out_wav), limits=LIMITS, cancel=cancel)
    except (child.ChildMissingError, child.ChildStalledError) as error:
        raise ProduceError(Refusal.PRODUCE_FAILED, str(error)) from error
    if result.failed or not out_wav.is_file():
        raise ProduceError(Refusal.PRODUCE_FAILED, f"the recording could not be framed: {result.last_error()}")


def scanned(path: Path, cancel: threading.Event | None) -> Scan:
    """What is in a sound file, read whole."""
    claim = probe(path, cancel)
    reached_us = 0

    def on_time(time_us: int) -> None:
        nonlocal reached_us
        reached_us = max(reached_us, time_us)

    result = child.run(scan_command(path), on_line=out_time_us(on_time), limits=LIMITS, cancel=cancel)
    return read_scan(result, reached_us, claim)
