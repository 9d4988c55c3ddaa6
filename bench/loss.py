"""What is missing at the horn when the link is bad: `python -m bench.loss`. Needs root, and icecast2 and ffmpeg.

Live sound at 24 kbit/s over an emulated mobile link, 80 ms +/- 40 ms each way and 64 kbit/s, with independent loss,
with fades and with cuts: Loa's own server, fetcher and source over TLS (`bench.carriers` says what stands at the ends),
with BBR and with CUBIC; beside it in the same run, each on a link of its own with the same seed, plain aiortc to a
peer, and Icecast, with the machine's congestion control, heard by ffmpeg. Missing is what was silent or made up; after
a cut sound is back when nothing is missing for BACK_US. Wire bytes are those of IP packets both ways, in the window in
which sound is judged; what is sent again counts again. A short cut is a matter of luck, of where in a chunk and in
TCP's timer it begins: Loa 3 s behind meets it AGAIN times more, each on a link with a seed of its own.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Self

import msgspec

from bench import report
from bench.carriers import Heard, Task, Window
from bench.link.emulator import Told
from bench.link.fate import Way
from bench.link.link import Link, NoLink
from broadcast.clock import US_PER_S, SystemClock

GOAL_BACK_S, GOAL_WIRE = 1.5, 1.4
LINK = {"delay_us": 80_000, "jitter_us": 40_000, "rate_bps": 64_000}
RUN_S, QUICK_RUN_S = 90, 40
AGAIN, AGAIN_RUN_S = 20, 24
AT_ONCE = 10  # carriers, which take a tenth of a core each
SETTLE_S = 8  # everything has begun
BACK_US = US_PER_S
END_S = 5
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
CLOCK = SystemClock()


@dataclass(frozen=True)
class Carrier:
    """`role` is what `bench.carriers` calls it; its horn plays `delay_s` behind."""

    name: str
    role: str
    congestion: str
    delay_s: float


@dataclass(frozen=True)
class Case:
    """A link's weather; a cut of `cut_s` begins in the middle."""

    name: str
    loss: float = 0.0
    fades: float = 0.0
    cut_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """`back_s` is from the cut's end until sound was back; None where there was no cut."""

    case: Case
    carrier: Carrier
    missing_ms: float
    missing_ms_per_minute: float
    back_s: float | None
    wire_per_payload: float


LOA_2, LOA_3 = Carrier("loa BBR 2 s", "loa", "bbr", 2.0), Carrier("loa BBR 3 s", "loa", "bbr", 3.0)
CARRIERS = (
    LOA_2,
    LOA_3,
    Carrier("loa CUBIC 2 s", "loa", "cubic", 2.0),
    Carrier("aiortc", "rtc", "", 0.0),
    Carrier("icecast, ffmpeg 2 s", "radio", "", 2.0),
)
CLEAN, WORST = Case("loss 0 %"), Case("loss 10 %", loss=0.1)
CUT_2, CUT_10 = Case("cut 2 s", cut_s=2), Case("cut 10 s", cut_s=10)
CASES = (
    CLEAN,
    Case("loss 2 %", loss=0.02),
    Case("loss 5 %", loss=0.05),
    WORST,
    *(Case(f"fades {100 * share:.0f} %", fades=share) for share in (0.02, 0.05, 0.1)),
    CUT_2,
    CUT_10,
)
QUICK_CASES = (CLEAN, WORST, CUT_2, CUT_10)


class End:
    """Context manager: one end of a carrier, a process."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tell(self, what: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(msgspec.json.encode(what) + b"\n")
            self._process.stdin.flush()

    def said(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended")
        return msgspec.json.decode(line)


def main() -> int:
    print(report.machine())
    cases, run_s = (QUICK_CASES, QUICK_RUN_S) if report.is_quick() else (CASES, RUN_S)
    try:
        with Link(Way()):
            pass
    except NoLink as why:
        sys.exit(str(why))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(partial(_run, run_s), *zip(*product(cases, CARRIERS), strict=True)))
        cuts_again = [replace(CUT_2, name=f"{CUT_2.name}, {number}") for number in range(AGAIN)]
        again = list(pool.map(partial(_run, AGAIN_RUN_S, carrier=LOA_3), cuts_again))
    _show("missing at the horn in ms a minute", outcomes, lambda one: one.missing_ms_per_minute)
    cuts = [one for one in outcomes if one.case.cut_s]
    _show("a cut: missing in all, in s", cuts, lambda one: one.missing_ms / 1_000)
    _show("a cut: from link up to sound without a gap, in s", cuts, lambda one: one.back_s)
    _show("bytes on the wire for each byte of Opus, both ways", outcomes, lambda one: one.wire_per_payload)
    again_ms = sorted(one.missing_ms for one in again)
    print(f"\n{CUT_2.name} again, {LOA_3.name}: missing in ms {again_ms}")
    goals = _goals({(one.case, one.carrier): one for one in outcomes}, again_ms)
    for goal, reached in goals.items():
        print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    congestion = CONGESTION.read_text().strip()
    report.write(
        "loss",
        {
            "goals": goals,
            "seconds": run_s,
            "congestion": congestion,
            "outcomes": [_plain(one) for one in outcomes],
            "cut_again_missing_ms": again_ms,
        },
    )
    return 0 if all(goals.values()) else 1


def _goals(outcomes: dict[tuple[Case, Carrier], Outcome], again_ms: Sequence[float]) -> dict[str, bool]:
    back_s = outcomes[CUT_10, LOA_2].back_s
    return {
        "0 ms missing at 10 % loss, 2 s behind": outcomes[WORST, LOA_2].missing_ms == 0,
        "0 ms missing through a cut of 2 s, 3 s behind": not any((outcomes[CUT_2, LOA_3].missing_ms, *again_ms)),
        f"sound back {GOAL_BACK_S} s after a cut of 10 s": back_s is not None and back_s <= GOAL_BACK_S,
        f"<= {GOAL_WIRE} bytes on the wire for each of sound": outcomes[CLEAN, LOA_2].wire_per_payload <= GOAL_WIRE,
    }


def _show(title: str, outcomes: Sequence[Outcome], figure: Any) -> None:
    cases = dict.fromkeys(one.case for one in outcomes)
    rows = [
        {"link": case.name, **{one.carrier.name: figure(one) for one in outcomes if one.case == case}} for case in cases
    ]
    report.table(title, rows)


def _plain(one: Outcome) -> dict[str, object]:
    return {
        "link": one.case.name,
        "carrier": one.carrier.name,
        "missing_ms": one.missing_ms,
        "missing_ms_per_minute": one.missing_ms_per_minute,
        "back_s": one.back_s,
        "wire_per_payload": one.wire_per_payload,
    }


def _run(run_s: int, case: Case, carrier: Carrier) -> Outcome:
    """One carrier on a link of its own."""
    report.progress(f"{case.name}: {carrier.name}")
    way = Way(**LINK, loss=case.loss)  # type: ignore[arg-type]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="loa-bench-"))
        link = stack.enter_context(Link(way, fades=case.fades, seed=case.name))
        delay_us = round(carrier.delay_s * US_PER_S)
        role = (sys.executable, "-m", "bench.carriers")
        given = (link.near_address, folder, str(delay_us), carrier.congestion)
        sender = stack.enter_context(End(link.near(*role, f"{carrier.role}-send", *given)))
        listener = stack.enter_context(End(link.far(*role, f"{carrier.role}-hear")))
        said = sender.said()
        from_us = CLOCK.now_us() + round((SETTLE_S + carrier.delay_s) * US_PER_S)
        window = Window(from_us, from_us + run_s * US_PER_S)
        listener.tell(Task(said=said, delay_us=delay_us, until_us=window.to_us))
        sender.tell(listener.said())
        up_us, wire_bytes = _watch(link, case, window)
        heard = msgspec.convert(listener.said(), Heard)
        sender.tell(window)
        missing = [(us, long_us) for us, long_us in heard.missing if window.holds(us)]
        whole_us = sum(long_us for _, long_us in missing)
        return Outcome(
            case,
            carrier,
            missing_ms=whole_us / 1_000,
            missing_ms_per_minute=whole_us / 1_000 / (run_s / 60),
            back_s=None if up_us is None else _back_us(missing, up_us) / US_PER_S,
            wire_per_payload=wire_bytes / sender.said(),
        )


def _watch(link: Link, case: Case, window: Window) -> tuple[int | None, int]:
    """Cut the link in the middle of the window; when it was up again, and the bytes on the wire within the window."""
    _sleep_until(window.from_us)
    before, up_us = link.counted(), None
    if case.cut_s:
        _sleep_until((window.from_us + window.to_us) // 2)
        link.cut(case.cut_s)
        up_us = CLOCK.now_us() + round(case.cut_s * US_PER_S)
    _sleep_until(window.to_us)
    return up_us, _bytes(link.counted()) - _bytes(before)


def _back_us(missing: Sequence[tuple[int, int]], up_us: int) -> int:
    """How long after `up_us` sound was back from a cut that ended then."""
    back_us = up_us
    for us, long_us in missing:
        if us > back_us + BACK_US:
            break
        back_us = max(back_us, us + long_us)
    return back_us - up_us


def _bytes(told: Told) -> int:
    return told.out.sent_bytes + told.back.sent_bytes


def _sleep_until(us: int) -> None:
    time.sleep(max(0, us - CLOCK.now_us()) / US_PER_S)


if __name__ == "__main__":
    sys.exit(main())
