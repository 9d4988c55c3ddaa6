"""Putting a process before all ordinary ones."""

import os
from contextlib import suppress

REAL_TIME = 5  # priority 1..99 among real-time threads; any of them runs before every ordinary thread
NICE = -11  # where real time is not allowed, but this may be


def make_urgent(pid: int, priority: int = REAL_TIME) -> None:
    """Run every thread of process `pid`, and those it starts later, before ordinary processes; where that is allowed.

    All of its threads: the one that asks for sound needs Python's interpreter lock, which any other may hold when it
    is put aside. Niceness alone does not do it: kernels weigh it within a session only.
    """
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 a list of numbers, not of files
        with suppress(OSError):  # not allowed, or the thread has just ended
            os.setpriority(os.PRIO_PROCESS, int(thread), min(os.getpriority(os.PRIO_PROCESS, int(thread)), NICE))
        with suppress(OSError):
            os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(priority))
