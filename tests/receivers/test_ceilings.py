"""Ceilings on a real process."""

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from broadcast.clock import US_PER_S
from receivers.ceilings import (
    FAULT_BYTES,
    MIB,
    RESTART_BYTES,
    RESTART_US,
    is_quiet,
    memory_fault,
    resident_bytes,
    should_restart,
)
from receivers.sound.cue import Cue

MANY = """
import resource
from receivers.ceilings import limit_descriptors
limit_descriptors(40)
limit_descriptors(50)
held = []
try:
    for _ in range(100):
        held.append(open("/dev/null"))
except OSError as error:
    print(error.errno, len(held), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_descriptors_run_out_at_the_ceiling() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, timeout=60, check=True)
    errno, held, limit = map(int, done.stdout.split())
    assert (errno, limit) == (24, 40)
    assert held < 40


def test_memory_taken_is_counted() -> None:
    before = resident_bytes()
    with mmap.mmap(-1, 20 * MIB) as fresh:  # pages that nothing freed before
        fresh.write(b"1" * (20 * MIB))
        after = resident_bytes()
    assert before is not None
    assert after is not None
    assert after - before > 15 * MIB


HOLES = """
from receivers.ceilings import give_back, resident_bytes
blocks = [bytearray(60_000) for _ in range(500)]  # below what glibc takes from the kernel one by one
del blocks[:-1]
before = resident_bytes()
give_back()
print(before - resident_bytes())
"""


def test_what_was_let_go_of_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) > 20 * MIB


def test_too_much_is_a_fault_and_ends_only_what_is_quiet() -> None:
    assert memory_fault(None) is None
    assert memory_fault(FAULT_BYTES) is None
    assert memory_fault(FAULT_BYTES + 10 * MIB) == "the daemon takes more than 120 MiB"
    assert should_restart(RESTART_BYTES + 1, RESTART_US, quiet=True)
    assert not should_restart(RESTART_BYTES + 1, RESTART_US - 1, quiet=True)
    assert not should_restart(RESTART_BYTES + 1, RESTART_US, quiet=False)
    assert not should_restart(RESTART_BYTES, RESTART_US, quiet=True)
    assert not should_restart(None, RESTART_US, quiet=True)


@pytest.mark.parametrize(("start_s", "quiet"), [(-61, True), (-59, False), (0, False), (59, False), (61, True)])
def test_a_minute_is_quiet_in_which_nothing_sounds(start_s: int, quiet: bool) -> None:
    start_us = (1000 + start_s) * US_PER_S
    cue = Cue("a~1~0", Path("a"), start_us, 0, start_us + 60 * US_PER_S)
    assert is_quiet((cue,), None, 1000 * US_PER_S) is quiet
    assert not is_quiet((), "a~1~0", 1000 * US_PER_S)
