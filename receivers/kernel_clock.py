"""What the kernel believes of the system clock's error (asks the kernel)."""

import ctypes

STA_UNSYNC = 0x0040


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


def estimated_error_us() -> int | None:
    """The estimated error of a clock that is being disciplined; None when nothing disciplines it."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        timex = _Timex()
        if libc.adjtimex(ctypes.byref(timex)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return None if timex.status & STA_UNSYNC else int(timex.esterror)
