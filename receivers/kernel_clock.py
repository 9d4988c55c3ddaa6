"""What the kernel knows of the system's clock (asks the kernel)."""

import ctypes
import functools
import secrets
from pathlib import Path
from typing import NamedTuple

LOST_US = 16_000_000
"""The kernel's own limit: an error it cannot bound any more. It starts with this, goes back to it when the clock is
set, and reaches it nine hours after the last word of a time server. (STA_UNSYNC is not asked: chrony leaves it set
unless it is told to keep the battery's clock as well.)"""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RTC = Path("/sys/class/rtc")


class _Timex(ctypes.Structure):
    """The head of `struct timex` in <sys/timex.h>; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


class Discipline(NamedTuple):
    """Whether a time server keeps the clock, and the kernel's estimate of its error; None when nothing does."""

    disciplined: bool
    error_us: int | None = None


def discipline() -> Discipline:
    """As the kernel has it now."""
    timex = _Timex()
    libc = _libc()
    if libc is None or libc.adjtimex(ctypes.byref(timex)) < 0 or timex.maxerror >= LOST_US:
        return Discipline(disciplined=False)
    return Discipline(disciplined=True, error_us=int(timex.esterror))


def boot_id() -> str:
    """Another one after each start of the machine; where the kernel gives none, after each start of this process."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return secrets.token_hex(16)


def battery_clock_us() -> int | None:
    """What the clock on the battery says, to the second; None where there is none."""
    for path in sorted(RTC.glob("rtc*/since_epoch")):
        try:
            return int(path.read_text()) * 1_000_000
        except (OSError, ValueError):
            continue
    return None


@functools.cache
def _libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.adjtimex.argtypes = (ctypes.POINTER(_Timex),)
    except (OSError, AttributeError):
        return None
    return libc
