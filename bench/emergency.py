"""How soon an emergency is heard: `python -m bench.emergency`. The part with the emulated links needs root.

A whole centre (`loa serve`, its Mosquitto, TLS) and real receiver daemons in a few processes, whose horns note when
the first sample would sound (`bench.crowd`). A click is the request by which the second person confirms an order, or
by which one is taken back, or everything stopped; its time is taken before the request leaves. 5,000 are some daemons
and for the rest connections that take in and answer what the broker sends (`bench.audience`). The receivers share this
machine's processors with the centre, where each has its own in the field: a daemon's own work for an order, times
their number, is in these figures. Each row also says by when the plan with the order stood at the receivers.

The links of the last part, one for each of its receivers: 150 ms +/- 50 ms each way, 2 % loss, 64 kbit/s.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from bench.crowd import Crowd, Piece
from bench.district import District, Enrolled
from bench.link.fate import Way
from bench.link.link import Link, NoLink, near_address
from broadcast.clock import US_PER_S, SystemClock
from scheduler.rights import Role
from web.demo.main_job import Person

GOAL_P99_S = 1.0
PEOPLE = ("nguoi-hoi", "nguoi-duyet")
CASES, QUICK_CASES = ((1_000, 1_000), (5_000, 200)), ((100, 100), (200, 50))  # receivers, and daemons among them
LINKS, QUICK_LINKS = 20, 4
ROUNDS, QUICK_ROUNDS = 5, 2
MOBILE = Way(delay_us=150_000, jitter_us=50_000, loss=0.02, rate_bps=64_000)
PROCESSES = 2
SIREN, MESSAGE = "siren-rise-fall", "flash-flood"
TEXT = "Nước sông Tranh lên nhanh. Bà con thôn một, thôn hai di chuyển ngay lên nhà văn hoá. Không đi qua ngầm tràn."
TEXT_ROW, CANCEL, STOP_ALL = "new text", "cancel", "stop all"
WORD = "KHẨN CẤP"
READY_S = 600.0
HEARD_S = 20.0  # who has not heard by then has not heard
CALM_S = 40.0  # until the receivers have settled
REST_S = 3.0  # between two clicks
FAST_FOLDER = "/dev/shm"  # noqa: S108 - the receivers' disks: a thousand cards are not one card
CLOCK = SystemClock()


@dataclass(frozen=True)
class Row:
    """One kind of click: seconds to the first sample (or the silence) at each receiver, and how many never had it."""

    what: str
    receivers: int
    heard_s: Sequence[float]
    told_s: Sequence[float]
    missing: int

    def cells(self) -> dict[str, object]:
        heard, told = np.array(self.heard_s or [np.inf]), np.array(self.told_s or [np.inf])
        return {
            "what": self.what,
            "receivers": self.receivers,
            "p50": float(np.percentile(heard, 50)),
            "p99": float(np.percentile(heard, 99)),
            "last": float(heard.max()),
            "never": self.missing,
            "plan p99": float(np.percentile(told, 99)),
            "plan last": float(told.max()),
        }

    @property
    def is_good(self) -> bool:
        return not self.missing and float(np.percentile(self.heard_s, 99)) <= GOAL_P99_S


class Desk:
    """Two people at the centre, and the receivers they speak to."""

    def __init__(
        self,
        district: District,
        passwords: Sequence[str],
        crowds: Sequence[Crowd],
        count: int,
        *,
        audience: Crowd | None = None,
        others: int = 0,
    ) -> None:
        """`crowds` have `count` daemons; `audience` is the `others`, if there are any."""
        self._district = district
        self._author, self._other = (
            Person(district.url, login, password) for login, password in zip(PEOPLE, passwords, strict=True)
        )
        self._crowds = crowds
        self._count = count
        self._audience, self._others = audience, others
        self._begun = 0
        bank = {entry["name"]: entry["id"] for entry in self._author.get("/bank")["items"]}
        self.prepared = [{"kind": "bank", "id": bank[SIREN]}, {"kind": "bank", "id": bank[MESSAGE]}]

    def sound(self, what: str, parts: Sequence[dict[str, Any]]) -> tuple[list[Row], str]:
        """Ask for an order and confirm it; what came of it, and the order's id."""
        asked = self._author.post(
            "/emergencies", {"zone_ids": [self._district.zone_id], "parts": parts, "reason": what, "minutes": 5}
        )
        time.sleep(REST_S)
        at_us = CLOCK.now_us()
        self._other.post(f"/emergencies/{asked['id']}/confirm", {"word": WORD}, version=asked["version"])
        begun = self._collect(lambda piece: piece.airing_id.startswith(asked["id"]), self._count)
        self._begun = len(begun)
        heard_s = [(piece.first_us - at_us) / US_PER_S for piece in begun.values()]
        told_s = [(piece.told_us - at_us) / US_PER_S for piece in begun.values()]
        rows = [Row(what, self._count, heard_s, told_s, self._count - len(begun))]
        if self._audience is not None:
            came = [piece for piece in self._audience.pieces() if piece.airing_id == asked["id"]]
            came_s = [(piece.told_us - at_us) / US_PER_S for piece in came]
            rows.append(Row(f"{what}, delivered", self._others, came_s, came_s, self._others - len(came)))
        return rows, asked["id"]

    def silence(self, what: str, order_id: str) -> Row:
        """Take the order back, or stop all; when it was silent where it had sounded."""
        time.sleep(REST_S)
        at_us = CLOCK.now_us()
        if what == CANCEL:
            self._author.post(f"/emergencies/{order_id}/cancel")
        else:
            self._author.post("/stop", {"zone_ids": [self._district.zone_id]})
        ended = self._collect(
            lambda piece: piece.over and piece.end_us >= at_us and piece.airing_id.startswith(order_id), self._begun
        )
        silent_s = [(piece.end_us - at_us) / US_PER_S for piece in ended.values()]
        return Row(what, self._begun, silent_s, silent_s, self._begun - len(ended))

    def _collect(self, wanted: Callable[[Piece], bool], count: int) -> dict[str, Piece]:
        """The first piece of each receiver that is `wanted`; returns when `count` have one, or after HEARD_S."""
        found: dict[str, Piece] = {}
        deadline_us = CLOCK.monotonic_us() + round(HEARD_S * US_PER_S)
        while len(found) < count and CLOCK.monotonic_us() < deadline_us:
            time.sleep(REST_S / 2)  # asking takes the receivers' time: not while they hear of it
            for piece in (piece for crowd in self._crowds for piece in crowd.pieces()):
                if wanted(piece):
                    found.setdefault(piece.receiver_id, piece)
        return found


def main() -> int:
    print(report.machine())
    cases = QUICK_CASES if report.is_quick() else CASES
    near: dict[str, object] = {}
    first: list[Row] = []
    for count, daemons in cases:
        rows, used = _near(count, daemons)
        first = first or rows
        report.table(f"click to first sample in s, {count:,} receivers, {daemons:,} of them daemons", _cells(rows))
        report.table("what the centre and its broker take", used)
        near[str(count)] = {"rows": _plain(rows), "used": used}
    far = _far(QUICK_LINKS if report.is_quick() else LINKS)
    report.table("the same over mobile links", _cells(far))
    goals = {
        f"{row.what}: p99 of {row.receivers:,} <= {GOAL_P99_S:.0f} s, none missing": row.is_good
        for row in first
        if row.what != TEXT_ROW
    }
    for goal, reached in goals.items():
        print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    report.write("emergency", {"goals": goals, "near": near, "far": _plain(far)})
    return 0 if all(goals.values()) else 1


def _cells(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [row.cells() for row in rows]


def _plain(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{**row.cells(), "each_s": sorted(round(s, 4) for s in row.heard_s)} for row in rows]


def _near(count: int, daemons: int) -> tuple[list[Row], list[dict[str, object]]]:
    """All receivers on this machine; what was heard, and what it took."""
    with _folders() as (folder, fast), ExitStack() as stack:
        district = District(folder, CLOCK)
        passwords = [district.person(login, Role.OPERATOR) for login in PEOPLE]
        enrolled = district.enrol(count, fast / "receivers")
        stack.enter_context(district)
        sounding, others = enrolled[:daemons], [one.folder for one in enrolled[daemons:]]
        _stocked(district, sounding, fast)
        crowd = stack.enter_context(Crowd([one.folder for one in sounding], PROCESSES, folder / "crowd.log"))
        audience = None
        if others:
            what = ("bench.audience", district.zone_id)
            audience = stack.enter_context(Crowd(others, PROCESSES, folder / "audience.log", what=what))
        _await_all(district, count)
        desk = Desk(district, passwords, [crowd], daemons, audience=audience, others=len(others))
        before, began_us = district.used(), CLOCK.monotonic_us()
        rows = _clicks(desk)
        return rows, _used(district, before, CLOCK.monotonic_us() - began_us)


def _far(count: int) -> list[Row]:
    """Each receiver behind a link of its own; nothing where links cannot be emulated."""
    with _folders() as (folder, fast), ExitStack() as stack:
        try:
            links = [stack.enter_context(Link(MOBILE, seed=str(number), near_here=True)) for number in range(count)]
        except NoLink as why:
            print(f"no links: {why}")
            return []
        district = District(folder, CLOCK, near_address())
        passwords = [district.person(login, Role.OPERATOR) for login in PEOPLE]
        enrolled = district.enrol(count, fast / "receivers", far=True)
        with district:
            _stocked(district, enrolled, fast)
            crowds = [
                stack.enter_context(Crowd([one.folder], 1, folder / "crowd.log", link.far()))
                for one, link in zip(enrolled, links, strict=True)
            ]
            _await_all(district, count)
            return _clicks(Desk(district, passwords, crowds, count))


def _stocked(district: District, enrolled: Sequence[Enrolled], fast: Path) -> None:
    district.until("the bank is produced", district.has_bank, READY_S)
    stock = fast / "stock"
    stock.mkdir()
    district.stock(enrolled, stock)


def _await_all(district: District, count: int) -> None:
    """Return once all receivers are on line and have settled."""
    district.until("all receivers are on line", lambda: district.online() == count, READY_S)
    time.sleep(CALM_S)


def _clicks(desk: Desk) -> list[Row]:
    """Every kind of click, several times; the figures of one kind together."""
    rows: dict[str, list[Row]] = {}

    def note(*some: Row) -> None:
        for row in some:
            rows.setdefault(row.what, []).append(row)

    for number in range(QUICK_ROUNDS if report.is_quick() else ROUNDS):
        begun, order_id = desk.sound("prepared message", desk.prepared)
        note(*begun, desk.silence(STOP_ALL if number % 2 else CANCEL, order_id))
        text = f"{TEXT} Lần {number + 1}."
        begun, order_id = desk.sound(TEXT_ROW, [{"kind": "text", "text": text}])
        note(*begun)
        desk.silence(CANCEL, order_id)  # it may have ended by itself where it came soon: no figure
    return [_together(same) for same in rows.values()]


def _together(rows: Sequence[Row]) -> Row:
    return Row(
        rows[0].what,
        rows[0].receivers,
        [s for row in rows for s in row.heard_s],
        [s for row in rows for s in row.told_s],
        sum(row.missing for row in rows),
    )


def _used(district: District, before: Any, took_us: int) -> list[dict[str, object]]:
    after = district.used()
    return [
        {
            "what": name,
            "% of a core": 100 * (after[name].processor_s - before[name].processor_s) * US_PER_S / took_us,
            "processor s": after[name].processor_s - before[name].processor_s,
            "resident MB": after[name].resident_mb,
        }
        for name in after
    ]


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
