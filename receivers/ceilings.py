"""How much of the board the daemon may take (asks the kernel).

Rules
- Descriptors are limited, so that a leak shows as an error here and not as a board that takes no logins.
- Memory past FAULT_BYTES is a fault. A daemon past RESTART_BYTES ends in order when nothing sounds, at most once in
  RESTART_US: the supervisor starts it again, and nobody hears it. Past its supervisor's own limit (MemoryMax in
  deploy/loa-receiver.service) it is ended at once, and what sounded goes on where the timeline is by then.
"""

import ctypes
import gc
import os
import resource
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from broadcast.clock import US_PER_S
from receivers.sound.cue import Cue

DESCRIPTORS = 512
MIB = 1024**2
M_ARENA_MAX = -8  # of mallopt, in malloc.h
FAULT_BYTES = 120 * MIB
RESTART_BYTES = 160 * MIB
RESTART_US = 3600 * US_PER_S  # what takes so much from the start on is not helped by starting again
QUIET_US = 60 * US_PER_S  # starting takes a tenth of it
STATM = Path("/proc/self/statm")


def limit_descriptors(count: int = DESCRIPTORS) -> None:
    """Allow no more than `count` open files and sockets; a limit that is lower already stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft > count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def take_one_arena() -> None:
    """Let all threads share one heap: of several, each keeps what it once took. To be called before threads are."""
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return to the kernel what importing and starting took and let go of; a few ms."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int | None:
    """Memory that the process takes; None where the kernel does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def memory_fault(taken_bytes: int | None) -> str | None:
    """What to say of `taken_bytes`; None when it is as it should be."""
    if taken_bytes is None or taken_bytes <= FAULT_BYTES:
        return None
    return f"the daemon takes more than {FAULT_BYTES // MIB} MiB"  # the same words while it holds


def is_quiet(cues: Iterable[Cue], playing: str | None, now_us: int) -> bool:
    """Whether nothing sounds or will in the next minute."""
    return playing is None and not any(cue.start_us < now_us + QUIET_US and cue.end_us > now_us for cue in cues)


def should_restart(taken_bytes: int | None, ran_us: int, *, quiet: bool) -> bool:
    """Whether a daemon that ran for `ran_us` should end in order and be started again."""
    return quiet and ran_us >= RESTART_US and taken_bytes is not None and taken_bytes > RESTART_BYTES
