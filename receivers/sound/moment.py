"""The two clocks, read as one."""

from broadcast.clock import Clock

READS = 3  # of which the quickest counts: a thread may be put to sleep between two readings


def read_both(clock: Clock) -> tuple[int, int]:
    """Monotonic and wall time in microseconds of one moment, told apart by no more than a reading takes."""
    readings = []
    for _ in range(READS):
        before_us = clock.monotonic_us()
        wall_us = clock.now_us()
        took_us = clock.monotonic_us() - before_us
        readings.append((took_us, before_us + took_us // 2, wall_us))
    _, monotonic_us, wall_us = min(readings)
    return monotonic_us, wall_us
