"""What a listener of live speech costs, beside Icecast: `python -m bench.fanout`.

The same Opus packets, 24 kbit/s, leave Loa's feed server as signed chunks and Debian's icecast2 as Ogg pages, twelve
packets each, every 240 ms, to 100, 1,000 and 3,000 listeners on the same machine, without TLS and with it on both. A
session is encoded once, outside of what is measured in both. Counted are the processor time of the server's process
(all its threads, by the kernel's scheduler), its memory (the sockets' buffers, which the kernel holds, are not in it),
and how long after a chunk was due the last listener had it. At the default delay Loa sends each chunk by itself, as
Icecast does a page; Loa's signing of chunks is in its figure, a fixed cost that few listeners share. The goal is
reached when a minute of a listener costs Loa no more processor time than Icecast in every row, with every chunk
delivered.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bench import report, talk
from broadcast.clock import US_PER_S, SystemClock
from broadcast.live.lab import HOST, Icecast
from broadcast.wire.chunks import CHUNK_US

SIZES, QUICK_SIZES = (100, 1_000, 3_000), (100,)
WINDOW_S, QUICK_WINDOW_S = 30, 8
SETTLE_S = 2.0
OPEN_FILES = 8_192
Row = dict[str, Any]


def main() -> int:
    if shutil.which("icecast2") is None:
        sys.exit("icecast2: not installed; apt install icecast2")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    quick = report.is_quick()
    window_s = QUICK_WINDOW_S if quick else WINDOW_S
    said, rows = talk.packets(), list[Row]()
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        certificate = _certificate(folder)
        for count in QUICK_SIZES if quick else SIZES:
            for pem in (None, certificate):
                for who in ("loa", "icecast"):
                    rows.append(_measure(folder, who, count, window_s=window_s, pem=pem, said=said))
                    report.progress(f"{who}, {count:,} listeners, {'TLS' if pem else 'no TLS'}")
    ratios = [
        {"listeners": loa["listeners"], "tls": loa["tls"], "loa by icecast": loa["cpu ms"] / icecast["cpu ms"]}
        for loa, icecast in zip(rows[::2], rows[1::2], strict=True)
    ]
    report.table(f"a minute of a listener, {window_s} s each, a chunk every {CHUNK_US // 1000} ms", rows)
    report.table("processor time", ratios)
    whole = not any(row["missing"] for row in rows[::2])
    reached = whole and all(ratio["loa by icecast"] <= 1.0 for ratio in ratios)
    print(f"\ngoal: no more processor time than Icecast, nothing missing: {'reached' if reached else 'MISSED'}")
    result = {"reached": reached, "seconds": window_s, "icecast": report.version_of("icecast2", "-v")}
    report.write("fanout", {**result, "rows": rows, "ratios": ratios})
    return 0 if reached else 1


def _measure(folder: Path, who: str, count: int, *, window_s: int, pem: Path | None, said: list[bytes]) -> Row:
    """One server with so many listeners for a window."""
    with ExitStack() as stack:
        if who == "loa":
            speaker, told = _talk(stack, "loa", str(pem))
            pid, port = speaker.pid, told["port"]
        else:
            server = stack.enter_context(Icecast(folder / "icecast", listeners=count, certificate=pem))
            _, told = _talk(stack, "icecast", str(pem), str(server.port))
            pid, port = server.pid, server.port
        ears = _start(stack, "bench.listeners", str(port), _path(who), str(count), "tls" if pem else "plain")
        _line(ears)
        time.sleep(SETTLE_S)
        first, due_us = _next_chunk(told["due_us"])
        numbers = range(first, first + window_s * US_PER_S // CHUNK_US)
        sizes = [talk.loa_bytes(said, n) if who == "loa" else len(talk.sound_page(said, n)) for n in numbers]
        asked = {"sizes": sizes, "due_us": [due_us + at * CHUNK_US for at in range(len(sizes))]}
        before_s = _cpu_s(pid)
        _send(ears, asked)
        heard = json.loads(_line(ears))
        used_s = _cpu_s(pid) - before_s
        memory_mib = _memory_mib(pid)
    # The listeners answer as soon as they have everything: the window is as long as the chunks.
    minutes = len(sizes) * CHUNK_US / US_PER_S / 60 * count
    late_ms = np.array(heard["late_us"] or [0]) / 1_000
    return {
        "server": who,
        "tls": pem is not None,
        "listeners": count,
        "cpu ms": used_s * 1_000 / minutes,
        "last p50 ms": float(np.percentile(late_ms, 50)),
        "last p99 ms": float(np.percentile(late_ms, 99)),
        "MiB": memory_mib,
        "missing": heard["missing"],
    }


def _path(who: str) -> str:
    return f"/live/{talk.FEED}" if who == "loa" else f"/{talk.FEED}"


def _next_chunk(begin_us: int) -> tuple[int, int]:
    """Wait for the middle between two chunks; the one that comes next, and when it is due."""
    clock = SystemClock()
    number = (clock.now_us() - begin_us) // CHUNK_US + 1
    time.sleep((begin_us + number * CHUNK_US + CHUNK_US // 2 - clock.now_us()) / US_PER_S)
    return number + 1, begin_us + (number + 1) * CHUNK_US


def _talk(stack: ExitStack, *arguments: str) -> tuple[subprocess.Popen[str], Row]:
    process = _start(stack, "bench.talk", *arguments)
    return process, json.loads(_line(process))


def _start(stack: ExitStack, module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise RuntimeError(f"{process.args!r} ended")
    return line


def _send(process: subprocess.Popen[str], asked: Row) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()


def _cpu_s(pid: int) -> float:
    """Processor time of all threads that there are."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _certificate(folder: Path) -> Path:
    """A key and a certificate for this machine in one PEM file."""
    made = folder / "server.pem"
    key, plain = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", f"/CN={HOST}", "-keyout", key, "-out", plain],
        check=True, capture_output=True,
    )  # fmt: skip
    made.write_bytes(plain.read_bytes() + key.read_bytes())
    made.chmod(0o644)
    return made


if __name__ == "__main__":
    sys.exit(main())
