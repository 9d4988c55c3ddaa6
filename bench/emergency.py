"""How soon an emergency is heard: `python -m bench.emergency [PART…]`, of the parts 1000, 5000 and far; all without.

A whole centre (`loa serve`, its Mosquitto, TLS), real receiver daemons in a few processes, whose horns note when the
first sample would sound (`bench.crowd`), and beside them connections that are to centre and broker what a receiver is
(`bench.audience`). A click is the request by which the second person confirms an order, or by which one is taken back,
or corrected, or everything stopped; its time is taken before the request leaves.

A receiver has a processor of its own. A thousand daemons on this one take more than it has before anything happens:
the second table tells what one takes. So some are daemons, connected after the one half of the others and before the
other, and what is said of all of them is when the document came. `delivered` is when it came to the daemon's own code
(for connections: out of TLS), which waits for the others of its process too; `reaction` is from there until the sound
path has it; `first sample` is what the click is for. All of it shares this machine's processors with the centre, the
connections at nice +5.

The links of `far`, one for each of its receivers: 150 ms +/- 50 ms each way, 2 % loss, 64 kbit/s. It needs root.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from bench.crowd import Crowd, Piece
from bench.district import District, Enrolled, Used, used
from bench.link.fate import Way
from bench.link.link import Link, NoLink, near_address
from broadcast.clock import US_PER_S, SystemClock
from scheduler.rights import Role
from web.demo.main_job import Person

GOAL_P99_S = 1.0
PEOPLE = ("nguoi-hoi", "nguoi-duyet")  # others in each case: one person may not ask for more than ten in a while
CASES = {"1000": (100, 900), "5000": (100, 4_900)}  # daemons, and connections beside them
QUICK_CASES = {"1000": (20, 80), "5000": (20, 480)}
FAR = "far"
LINKS, QUICK_LINKS = 20, 4
ROUNDS, QUICK_ROUNDS = 3, 2
MOBILE = Way(delay_us=150_000, jitter_us=50_000, loss=0.02, rate_bps=64_000)
PROCESSES = 2
BEHIND = ("nice", "-n", "5")
SIREN, MESSAGE, ALL_CLEAR = "siren-rise-fall", "flash-flood", "all-clear"
TEXT = "Nước sông Tranh lên nhanh. Bà con thôn một, thôn hai di chuyển ngay lên nhà văn hoá. Không đi qua ngầm tràn."
TEXT_ROW, CANCEL, STOP_ALL, CORRECTION = "new text", "cancel", "stop all", "correction"
WORD = "KHẨN CẤP"
READY_S = 600.0
HEARD_S = 20.0  # who has not heard by then has not heard
CALM_S, CALM_LIMIT_S, CALM_SHARE = 10.0, 120.0, 0.25  # settled: what all take is less, for so long
REST_S = 3.0  # between two clicks
FAST_FOLDER = "/dev/shm"  # noqa: S108 - the receivers' disks: a thousand cards are not one card
CLOCK = SystemClock()


@dataclass(frozen=True)
class Row:
    """One kind of click: seconds to the first sample, or the silence, at each horn; until the document came to each.

    `react_s` is from there until the sound path had it.

    Of so many `receivers`, of whom `missing` never had it.
    """

    what: str
    receivers: int
    heard_s: Sequence[float]
    came_s: Sequence[float]
    missing: int
    react_s: Sequence[float] = ()

    def cells(self) -> dict[str, object]:
        heard, came = _shares(self.heard_s), _shares(self.came_s)
        return {
            "what": self.what,
            "receivers": self.receivers,
            **{f"first sample {name}": value for name, value in heard.items()},
            **{f"delivered {name}": value for name, value in came.items()},
            "reaction p99": _shares(self.react_s)["p99"],
            "never": self.missing,
        }

    @property
    def is_good(self) -> bool:
        each_s = self.heard_s or self.came_s
        return not self.missing and bool(each_s) and float(np.percentile(each_s, 99)) <= GOAL_P99_S


def _shares(each_s: Sequence[float]) -> dict[str, object]:
    if not each_s:
        return dict.fromkeys(("p50", "p99", "last"), "-")
    p50, p99, last = np.percentile(each_s, (50, 99, 100))
    return {"p50": float(p50), "p99": float(p99), "last": float(last)}


@dataclass(frozen=True)
class Setting:
    """A running district, two people for each case, and where logs go."""

    district: District
    people: Iterator[Mapping[str, str]]
    folder: Path

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


class Desk:
    """Two people at the centre, and the receivers they speak to."""

    def __init__(
        self,
        district: District,
        people: Mapping[str, str],
        crowds: Sequence[Crowd],
        count: int,
        *,
        audiences: Sequence[Crowd] = (),
        others: int = 0,
    ) -> None:
        """`people` are two logins with their passwords. `crowds` have `count` daemons; `audiences` are the `others`."""
        self._district = district
        self._author, self._other = (Person(district.url, login, password) for login, password in people.items())
        self._crowds = crowds
        self._count = count
        self._audiences, self._others = audiences, others
        self._begun = 0
        bank = {entry["name"]: entry["id"] for entry in self._author.get("/bank")["items"]}
        self._all_clear = bank[ALL_CLEAR]
        self.prepared = [{"kind": "bank", "id": bank[SIREN]}, {"kind": "bank", "id": bank[MESSAGE]}]

    def sound(self, what: str, parts: Sequence[dict[str, Any]]) -> tuple[list[Row], str]:
        """Ask for an order and confirm it; what came of it, and the order's id."""
        asked = self._author.post(
            "/emergencies", {"zone_ids": [self._district.zone_id], "parts": parts, "reason": what, "minutes": 5}
        )
        time.sleep(REST_S)
        at_us = CLOCK.now_us()
        self._other.post(f"/emergencies/{asked['id']}/confirm", {"word": WORD}, version=asked["version"])
        return self._heard(what, asked["id"], at_us), asked["id"]

    def correct(self, order_id: str) -> list[Row]:
        """Take the order back and say so: when the correction sounded."""
        time.sleep(REST_S)
        at_us = CLOCK.now_us()
        asked = {"bank_id": self._all_clear, "reason": CORRECTION}
        said = self._author.post(f"/emergencies/{order_id}/correct", asked)["correction"]
        rows = self._heard(CORRECTION, said["id"], at_us)
        self.cancel(said["id"])
        return rows

    def _heard(self, what: str, order_id: str, at_us: int) -> list[Row]:
        """What came of the order that was clicked at `at_us`."""
        begun = self._collect(lambda piece: piece.airing_id.startswith(order_id), self._count)
        self._begun = len(begun)
        heard_s = [(piece.first_us - at_us) / US_PER_S for piece in begun.values()]
        came_s = [(piece.came_us - at_us) / US_PER_S for piece in begun.values()]
        react_s = [(piece.told_us - piece.came_us) / US_PER_S for piece in begun.values()]
        rows = [Row(what, self._count, heard_s, came_s, self._count - len(begun), react_s)]
        if self._audiences:
            came = self._collect(lambda piece: piece.airing_id == order_id, self._others, self._audiences)
            came_s = [(piece.came_us - at_us) / US_PER_S for piece in came.values()]
            rows.append(Row(f"{what}, connections", self._others, [], came_s, self._others - len(came)))
        return rows

    def silence(self, what: str, order_id: str) -> Row:
        """Take the order back, or stop all; when it was silent where it had sounded."""
        time.sleep(REST_S)
        at_us = CLOCK.now_us()
        if what == CANCEL:
            self.cancel(order_id)
        else:
            self._author.post("/stop", {"zone_ids": [self._district.zone_id]})
        ended = self._collect(
            lambda piece: piece.over and piece.end_us >= at_us and piece.airing_id.startswith(order_id), self._begun
        )
        silent_s = [(piece.end_us - at_us) / US_PER_S for piece in ended.values()]
        came_s = [(piece.came_us - at_us) / US_PER_S for piece in ended.values()]
        return Row(what, self._begun, silent_s, came_s, self._begun - len(ended))

    def cancel(self, order_id: str) -> None:
        self._author.post(f"/emergencies/{order_id}/cancel")

    def _collect(self, wanted: Callable[[Piece], bool], count: int, crowds: Sequence[Crowd] = ()) -> dict[str, Piece]:
        """The first piece of each receiver that is `wanted`; returns when `count` have one, or after HEARD_S."""
        found: dict[str, Piece] = {}
        deadline_us = CLOCK.monotonic_us() + round(HEARD_S * US_PER_S)
        while len(found) < count and CLOCK.monotonic_us() < deadline_us:
            time.sleep(REST_S / 2)  # asking takes the receivers' time: not while they hear of it
            for piece in (piece for crowd in crowds or self._crowds for piece in crowd.pieces()):
                if wanted(piece):
                    found.setdefault(piece.receiver_id, piece)
        return found


def main() -> int:
    print(report.machine(), flush=True)
    cases, far_count = (QUICK_CASES, QUICK_LINKS) if report.is_quick() else (CASES, LINKS)
    asked = sys.argv[1:] or [*cases, FAR]
    cases = {name: case for name, case in cases.items() if name in asked}
    goals: dict[str, bool] = {}
    with _folders() as (folder, fast):
        district = District(folder, CLOCK, near_address())
        people = [_people(district, number) for number in range(len(asked))]
        enrolled = {name: district.enrol(sum(case), fast / "receivers") for name, case in cases.items()}
        far_enrolled = district.enrol(far_count if FAR in asked else 0, fast / "receivers", far=True)
        report.progress("enrolled")
        with district:
            sounding = [one for name, (daemons, _) in cases.items() for one in enrolled[name][:daemons]]
            _stock(district, [*sounding, *far_enrolled], fast)
            setting = Setting(district, iter(people), folder)
            for name, (daemons, others) in cases.items():
                rows, used = _near(setting, enrolled[name], daemons)
                report.table(f"s after the click, {daemons:,} daemons and {others:,} connections", _cells(rows))
                report.table("what the centre, its broker, the daemons and the connections take", used)
                goals |= _goals(rows) if name == next(iter(CASES)) else {}
                found = {"daemons": daemons, "connections": others, "rows": _plain(rows), "used": used}
                _keep(name, found, goals)
            if far_enrolled:
                far = _far(setting, far_enrolled)
                report.table("the same over mobile links", _cells(far))
                _keep(FAR, _plain(far), goals)
    return 0 if all(goals.values()) else 1


def _goals(rows: Sequence[Row]) -> dict[str, bool]:
    """Which of them are reached, said as well."""
    goals = {
        f"{row.what}: p99 of {row.receivers:,} <= {GOAL_P99_S:.0f} s, none missing": row.is_good
        for row in rows
        if row.what.partition(",")[0] != TEXT_ROW
    }
    for goal, reached in goals.items():
        print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    return goals


def _keep(part: str, found: object, goals: Mapping[str, bool]) -> None:
    """Write it beside what the other parts gave, now or another time."""
    path = report.RESULTS / "emergency.json"
    held = json.loads(path.read_text()) if path.is_file() else {}
    parts = {key: value for key, value in held.items() if key in (*CASES, FAR)}
    report.write("emergency", {"goals": goals or held.get("goals", {}), **parts, part: found})


def _people(district: District, number: int) -> dict[str, str]:
    """Two people's passwords by their logins."""
    logins = [f"{name}-{number}" for name in PEOPLE]
    return {login: district.person(login, Role.OPERATOR) for login in logins}


def _cells(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [row.cells() for row in rows]


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{**row.cells(), "each_s": sorted(round(s, 4) for s in row.heard_s)} for row in rows]


def _near(setting: Setting, enrolled: Sequence[Enrolled], daemons: int) -> tuple[list[Row], list[dict[str, object]]]:
    """All receivers on this machine; what was heard, and what it took."""
    district, others = setting.district, len(enrolled) - daemons
    half = others // 2
    with ExitStack() as stack:

        def connect(some: Sequence[Enrolled], *how: Sequence[str], log: str) -> Crowd:
            crowd = stack.enter_context(Crowd([one.folder for one in some], PROCESSES, setting.log(log), *how))
            district.until("they are on line", lambda: district.are_online(some), READY_S)
            return crowd

        what = ("bench.audience", district.zone_id)
        first = connect(enrolled[:half], BEHIND, what, log="audience")
        crowd = connect(enrolled[half : half + daemons], log="crowd")
        second = connect(enrolled[half + daemons :], BEHIND, what, log="audience")
        crowds = {"daemons": [crowd], "connections": [first, second]}
        _await_all(district, enrolled, [crowd, first, second])
        desk = Desk(district, next(setting.people), [crowd], daemons, audiences=[first, second], others=others)
        before, began_us = _takes(district, crowds), CLOCK.monotonic_us()
        rows = _clicks(desk)
        counts = {"daemons": daemons, "connections": others}
        return rows, _used(before, _takes(district, crowds), CLOCK.monotonic_us() - began_us, counts)


def _far(setting: Setting, enrolled: Sequence[Enrolled]) -> list[Row]:
    """Each receiver behind a link of its own; nothing where links cannot be emulated."""
    district, numbers = setting.district, range(len(enrolled))
    with ExitStack() as stack:
        try:
            links = [stack.enter_context(Link(MOBILE, seed=str(number), near_here=True)) for number in numbers]
        except NoLink as why:
            print(f"no links: {why}")
            return []
        report.progress("links")
        crowds = [
            stack.enter_context(Crowd([one.folder], 1, setting.log("far"), [*link.far(), *BEHIND]))
            for one, link in zip(enrolled, links, strict=True)
        ]
        _await_all(district, enrolled, crowds)
        return _clicks(Desk(district, next(setting.people), crowds, len(enrolled)))


def _stock(district: District, enrolled: Sequence[Enrolled], fast: Path) -> None:
    district.until("the bank is produced", district.has_bank, READY_S)
    report.progress("the bank is produced")
    stock = fast / "stock"
    stock.mkdir()
    district.stock(enrolled, stock)


def _await_all(district: District, receivers: Sequence[Enrolled], crowds: Sequence[Crowd]) -> None:
    """Return once all of them are on line and have settled."""
    district.until("all receivers are on line", lambda: district.are_online(receivers), READY_S)
    report.progress(f"{len(receivers):,} on line")
    before_s, limit_us = _sum_s(district, crowds), CLOCK.monotonic_us() + round(CALM_LIMIT_S * US_PER_S)
    while CLOCK.monotonic_us() < limit_us:
        time.sleep(CALM_S)
        now_s = _sum_s(district, crowds)
        if now_s - before_s < CALM_S * CALM_SHARE:
            break
        before_s = now_s
    report.progress("settled")


def _sum_s(district: District, crowds: Sequence[Crowd]) -> float:
    """Processor time of all so far."""
    pids = [pid for crowd in crowds for pid in crowd.pids]
    return sum(one.processor_s for one in [*district.used().values(), *map(used, pids)])


def _clicks(desk: Desk) -> list[Row]:
    """Every kind of click, several times; the figures of one kind together."""
    rows: dict[str, list[Row]] = {}

    def note(*some: Row) -> None:
        for row in some:
            rows.setdefault(row.what, []).append(row)

    for number in range(_rounds()):
        begun, order_id = desk.sound("prepared message", desk.prepared)
        note(*begun, desk.silence(STOP_ALL if number % 2 else CANCEL, order_id))
        report.progress(f"round {number + 1}: prepared message, and silence")
        begun, order_id = desk.sound("prepared message", desk.prepared)
        note(*begun, *desk.correct(order_id))
        report.progress(f"round {number + 1}: prepared message, and correction")
        text = f"{TEXT} Lần {number + 1}."
        begun, order_id = desk.sound(TEXT_ROW, [{"kind": "text", "text": text}])
        note(*begun)
        desk.cancel(order_id)  # it may have ended by itself where it came soon: no figure
        time.sleep(REST_S)
        report.progress(f"round {number + 1}: new text")
    return [_together(same) for same in rows.values()]


def _rounds() -> int:
    return QUICK_ROUNDS if report.is_quick() else ROUNDS


def _together(rows: Sequence[Row]) -> Row:
    return Row(
        rows[0].what,
        rows[0].receivers,
        [s for row in rows for s in row.heard_s],
        [s for row in rows for s in row.came_s],
        sum(row.missing for row in rows),
        [s for row in rows for s in row.react_s],
    )


def _takes(district: District, crowds: Mapping[str, Sequence[Crowd]]) -> dict[str, Used]:
    taken = district.used()
    for name, some in crowds.items():
        each = [used(pid) for crowd in some for pid in crowd.pids]
        taken[name] = Used(sum(one.processor_s for one in each), sum(one.resident_mb for one in each))
    return taken


def _used(
    before: Mapping[str, Used], after: Mapping[str, Used], took_us: int, counts: Mapping[str, int]
) -> list[dict[str, object]]:
    rows = []
    for name, now in after.items():
        processor_s = now.processor_s - before[name].processor_s
        rows.append(
            {
                "what": name,
                "% of a core": 100 * processor_s * US_PER_S / took_us,
                "processor s": processor_s,
                "resident MB": now.resident_mb,
                "ms a round, each": 1_000 * processor_s / _rounds() / counts.get(name, 1),
            }
        )
    return rows


@contextmanager
def _folders() -> Iterator[tuple[Path, Path]]:
    """Where the centre's data lie, and where the receivers' do."""
    fast_root = FAST_FOLDER if Path(FAST_FOLDER).is_dir() and shutil.disk_usage(FAST_FOLDER).free > 2**30 else None
    with (
        tempfile.TemporaryDirectory(prefix="loa-bench-") as folder,
        tempfile.TemporaryDirectory(prefix="loa-bench-", dir=fast_root) as fast,
    ):
        yield Path(folder), Path(fast)


if __name__ == "__main__":
    sys.exit(main())
