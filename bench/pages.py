"""How heavy and how quick the pages are: `python -m bench.pages`.

1. Bytes over the wire and requests of each page in Chromium, with nothing in its cache and again with all of it; and
   how long until it can be used on a 3G line with a processor six times slower.
2. For fleets of 40, 1,000 and 10,000 receivers, each with 100,000 play reports: server time of every page and every
   list of the API (the application called in this process, so without network; by somebody who sees all of the
   province wherever that person may see it).

Exits 0 only when the first page is at most 60 KB and every page's and list's 95th percentile at 10,000 receivers at
most 150 ms. `LOA_BENCH_FOLDER=PLACE` keeps there what was filled, for the next time. `LOA_BENCH_RECEIVERS=N` measures
one size, `LOA_BENCH_POSTGRES=URL` one (of 1,000) in an empty PostgreSQL database of that URL instead of SQLite.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench import addresses, browsed, report
from broadcast.clock import SystemClock
from scheduler.store.engine import Store
from web.demo.year.fill import Size, fill
from web.demo.year.visit import Visitors, application
from web.serve import settle

GOAL_MS, GOAL_BYTES = 150.0, 60_000
SIZES, REPORTS, ROUNDS = (40, 1_000, 10_000), 100_000, 20
SLOWEST = 12


class Measured(Struct, frozen=True):
    route: str
    reader: str
    median_ms: float
    p95_ms: float
    queries: int
    size_bytes: int


def main() -> int:
    quick = report.is_quick()
    url = os.environ.get("LOA_BENCH_POSTGRES", "")
    one = os.environ.get("LOA_BENCH_RECEIVERS", "1000" if url else "")
    sizes = (int(one),) if one else SIZES[:1] if quick else SIZES
    kept = os.environ.get("LOA_BENCH_FOLDER", "")
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="loa-pages-") as folder:
        seen: list[dict[str, Any]] = []
        fleets = {}
        for size in sizes:
            place = Path(folder) / str(size)
            place.mkdir(parents=True, exist_ok=True)
            store = Store(url or f"sqlite:///{place / 'loa.sqlite3'}")
            password = _filled(store, place / "password", size, 2_000 if quick else REPORTS)
            fleets[size] = asyncio.run(_measured(store, place, password, 5 if quick else ROUNDS))
            store.close()
            _tell(size, fleets[size])
            if not url and size == SIZES[0]:
                seen = browsed.pages(place, password, rounds=1 if quick else 5)
                report.table("in Chromium, 40 receivers", seen)
    return _judge(fleets, seen, "PostgreSQL" if url else "SQLite")


def _filled(store: Store, kept: Path, receivers: int, reports: int) -> str:
    """Everybody's password; fills what is not filled yet, and brings what is to this program's tables."""
    if kept.exists():
        store.migrate()
        return kept.read_text()
    report.progress(f"filling {receivers} receivers with {reports} reports")
    size = Size(receivers=receivers, reports=reports)
    made = fill(store, SystemClock().now(), size, producer=None, say=lambda _step, _done: None)
    kept.write_text(made.password)
    return made.password


async def _measured(store: Store, folder: Path, password: str, rounds: int) -> list[Measured]:
    app = application(store, folder, report.CLOCK)
    settle()  # as the centre does once it has started
    with store.reading() as db:
        asked = [one for one in addresses.addresses(db, report.CLOCK.now()) if one.route not in addresses.WHOLE]
    queries = [0]

    def count(*_: object) -> None:
        queries[0] += 1

    event.listen(Engine, "before_cursor_execute", count)
    found = []
    async with Visitors(app, password, addresses.READERS) as visitors:
        for number, one in enumerate(asked):
            answer = await visitors.get(one.reader, one.path)
            if answer is None:
                raise RuntimeError(f"no page for {one.reader or 'nobody'}: {one.path}")
            times_ms = []
            for _ in range(rounds):
                queries[0] = 0
                began_us = report.CLOCK.monotonic_us()
                await visitors.get(one.reader, one.path)
                times_ms.append((report.CLOCK.monotonic_us() - began_us) / 1_000)
            median_ms, p95_ms = map(float, np.percentile(times_ms, (50, 95)))
            size_bytes = len(answer.content)
            found.append(Measured(one.route, one.reader or "-", median_ms, p95_ms, queries[0], size_bytes))
            if number % 30 == 0:
                report.progress(f"{number} of {len(asked)} addresses")
    event.remove(Engine, "before_cursor_execute", count)
    return sorted(found, key=lambda one: -one.p95_ms)


def _tell(receivers: int, found: Sequence[Measured]) -> None:
    rows = [
        {"route": one.route, "as": one.reader, "median ms": one.median_ms, "p95 ms": one.p95_ms, "queries": one.queries,
         "bytes": one.size_bytes} for one in found[:SLOWEST]
    ]  # fmt: skip
    report.table(f"{receivers} receivers: the slowest of {len(found)} pages and lists", rows)


def _judge(fleets: Mapping[int, Sequence[Measured]], seen: Sequence[Mapping[str, Any]], database: str) -> int:
    largest = fleets[max(fleets)]
    slow = [one for one in largest if one.p95_ms > GOAL_MS]
    heavy = [one for one in seen if one["first"] and one["cold bytes"] > GOAL_BYTES]
    met = not slow and not heavy
    print(*(f"too slow: {one.route} {one.p95_ms:.0f} ms" for one in slow), sep="\n")
    print(*(f"too heavy: {one['page']} {one['cold bytes']} bytes" for one in heavy), sep="\n")
    values = [one.p95_ms for one in largest]
    result = {
        "goal": f"p95 of each page and list <= {GOAL_MS} ms, first page <= {GOAL_BYTES} bytes",
        "database": database,
        "worst_p95_ms": max(values),
        "median_p95_ms": float(np.median(values)),
        "browser": list(seen),
        "fleets": {str(size): [_row(one) for one in found] for size, found in fleets.items()},
        "met": met,
    }
    print(report.write("pages-postgresql" if database == "PostgreSQL" else "pages", result))
    return 0 if met else 1


def _row(one: Measured) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


if __name__ == "__main__":
    sys.exit(main())
