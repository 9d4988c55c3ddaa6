"""What a receiver that plays nothing costs on a link that is paid by the byte: `python -m bench.idle [MINUTES]`.

A real broker with TLS and client certificates, a real daemon with a programme of 60 recordings, all of them fetched.
Every packet between the two is counted outside of both (bench/wire.py), as a mobile link would carry it, headers and
all. A day is one connection made anew, the idle minutes scaled to 24 hours, and the states that go out unchanged. The
daemon's own count of the same run stands beside it.
"""

import asyncio
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import centre as bench_centre
from bench import report
from bench.centre import US_PER_DAY, Centre
from bench.wire import Counted, WireCount
from broadcast.clock import US_PER_S
from broadcast.wire.documents import Airing
from receivers import config, odometer
from receivers.lab.horns import VirtualHorns
from receivers.lab.trial.relay import Relay, listening
from receivers.thrift import REFRESH_S
from receivers.usage import Usage

GOAL_BYTES = 1_000_000
MINUTES, QUICK_MINUTES = 20.0, 2.0
RECORDINGS = 60
RECORDING_BYTES = 30_000
SETTLED_S = 15.0
DAY_S = 86_400
ON_THE_WIRE = 1.06  # headers, TLS and the confirmation of a state


class Measured(NamedTuple):
    """`whole_bytes` is all of both runs on the wire, `own_bytes` the daemon's own count of it."""

    connect: Counted
    idle: Counted
    whole_bytes: int
    own_bytes: int
    state_bytes: int


def _noise(number: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(4)).digest(RECORDING_BYTES)


def _tomorrow(centre: Centre) -> list[Airing]:
    """A programme that begins tomorrow, an airing an hour."""
    first_us = centre.lab.clock.now_us() + US_PER_DAY
    names = enumerate(centre.bodies)
    hour_us = 3600 * US_PER_S
    return [centre.airing(f"{key[:32]}.{n}", key, first_us + n * hour_us, 60 * US_PER_S) for n, key in names]


async def _measure(where: Path, idle_s: float) -> Measured:
    state = where / "state"
    state.mkdir()
    (state / config.FILE_NAME).write_text("clock_kept_by_host = true\n")
    async with bench_centre.centre(where / "centre", map(_noise, range(RECORDINGS))) as centre:
        relay = Relay(centre.lab.port)  # the centre's own connection to the broker is not to be counted
        await relay.mend()
        server = await asyncio.start_server(centre.serve, sock=listening())
        media_port = server.sockets[0].getsockname()[1]
        bench_centre.enrol(centre.lab, state, relay.port, media_port)
        await centre.publish(_tomorrow(centre))
        with (
            VirtualHorns(["idle"], where / "horns") as horns,
            WireCount([relay.port]) as broker,
            WireCount([media_port]) as media,
        ):
            async with bench_centre.daemon(state, "idle", horns.environment):
                await centre.until(lambda: centre.is_ready)
                await asyncio.sleep(SETTLED_S)
            centre.state, first = None, broker.counted
            async with bench_centre.daemon(state, "idle", horns.environment):
                await centre.until(lambda: centre.is_ready)
                await asyncio.sleep(SETTLED_S)
                connected = broker.counted
                await asyncio.sleep(idle_s)
                idle = broker.counted.less(connected)
        server.close()
        relay.cut()
    usage = msgspec.json.decode((state / odometer.FILE_NAME).read_bytes(), type=Usage)
    return Measured(
        connect=connected.less(first),
        idle=idle,
        whole_bytes=broker.counted.both_bytes + media.counted.both_bytes,
        own_bytes=sum(sum(moved) for moved in usage.days.values()),
        state_bytes=centre.state_bytes,
    )


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else QUICK_MINUTES if report.is_quick() else MINUTES
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        found = asyncio.run(_measure(Path(folder), minutes * 60))
    a_day = DAY_S / (minutes * 60)
    states_bytes = round(DAY_S / REFRESH_S * found.state_bytes * ON_THE_WIRE)
    rows = [
        {"what": "one connection, with all it subscribes to", "bytes": found.connect.both_bytes},
        {"what": f"idle, {minutes:g} minutes", "bytes": found.idle.both_bytes},
        {"what": f"... up, {found.idle.packets} packets in all", "bytes": found.idle.up_bytes},
        {"what": "... down", "bytes": found.idle.down_bytes},
        {"what": f"states that say nothing new, of {found.state_bytes} bytes", "bytes": states_bytes},
    ]
    day_bytes = round(found.connect.both_bytes + found.idle.both_bytes * a_day + states_bytes)
    rows.append({"what": "a day", "bytes": day_bytes})
    report.table("bytes on the wire, headers and TLS included", rows)
    ratio = found.own_bytes / found.whole_bytes
    counts = [
        {"who": "packets on the wire, from start to end", "bytes": found.whole_bytes},
        {"who": "the daemon's own count of the same", "bytes": found.own_bytes},
        {"who": "its count to the wire's", "bytes": ratio},
    ]
    report.table("counted twice, recordings included", counts)
    reached = day_bytes <= GOAL_BYTES
    print(f"\ngoal: an idle day <= {GOAL_BYTES} bytes: {'reached' if reached else 'MISSED'}")
    result = {"goal_bytes": GOAL_BYTES, "reached": reached, "minutes": minutes, "day_bytes": day_bytes}
    report.write("idle", {**result, "wire": rows, "counts": counts, "ratio": ratio})
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
