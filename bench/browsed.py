"""Pages as Chromium loads them: bytes and requests, and when they can be used on a slow machine and line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from bench import report
from broadcast.broker.folder import free_port
from broadcast.clock import US_PER_S
from web.demo.year.crew import DISPATCHER, LEADER

CHROMIUM = "/usr/bin/chromium"
SLOWER = 6
LINE = {"offline": False, "latency": 300, "downloadThroughput": 200_000, "uploadThroughput": 96_000}
"""3G: 300 ms there and back, 1.6 Mbit/s down, 768 kbit/s up."""
FIRST = ("/sign-in", "/")
PAGES = (
    *FIRST, "/broadcasts/new", "/board", "/inbox", "/broadcasts", "/announcements", "/receivers", "/receivers?view=map",
    "/faults", "/reports?length=month", "/emergency", "/live", "/people", "/nghe",
)  # fmt: skip
START_S, PATIENCE_MS = 60, 60_000
_OPEN = frozenset({"/sign-in", "/nghe"})
_SETTLE_MS = 500
_USABLE = "() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


def pages(folder: Path, password: str, *, rounds: int) -> list[dict[str, Any]]:
    """A row for each page; times are medians of `rounds`, from asking until its scripts have run."""
    with _served(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        states = {login: _signed_in(browser, url, login, password) for login in (DISPATCHER, LEADER)}
        rows = []
        for path in PAGES:
            report.progress(f"browser: {path}")
            state = None if path in _OPEN else states[LEADER if path == "/inbox" else DISPATCHER]
            rows.append(
                {"page": path, **_wire(browser, url + path, state), **_usable(browser, url + path, state, rounds)}
            )
            rows[-1]["first"] = path in FIRST
        browser.close()
    return rows


def _wire(browser: Browser, url: str, state: StorageState | None) -> dict[str, int]:
    """Bytes and requests of a first visit, and of one more."""
    with _visitor(browser, state) as context:
        page, told = context.new_page(), list[int]()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda one: told.append(int(one["encodedDataLength"])))
        found: dict[str, int] = {}
        for name in ("cold", "warm"):
            told.clear()
            page.goto(url)
            page.wait_for_load_state("load")
            page.wait_for_timeout(_SETTLE_MS)
            asked = [size for size in told if size > 0]  # what comes from the cache takes nothing
            found |= {f"{name} bytes": sum(asked), f"{name} requests": len(asked)}
    return found


def _usable(browser: Browser, url: str, state: StorageState | None, rounds: int) -> dict[str, float]:
    """Milliseconds until a page's scripts have run on a machine and a line that are slow."""
    first, again = list[float](), list[float]()
    for _ in range(rounds):
        with _visitor(browser, state) as context:
            page = context.new_page()
            _slow_down(page)
            for times in (first, again):
                page.goto(url)
                times.append(float(page.evaluate(_USABLE)))
    return {"usable ms": median(first), "again ms": median(again)}


def _slow_down(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", LINE)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


def _signed_in(browser: Browser, url: str, login: str, password: str) -> StorageState:
    with _visitor(browser, None) as context:
        answer = context.request.post(f"{url}/api/v1/session", data={"login": login, "password": password})
        if not answer.ok:
            raise RuntimeError(answer.text())
        return context.storage_state()


@contextmanager
def _visitor(browser: Browser, state: StorageState | None) -> Iterator[BrowserContext]:
    """Somebody with an empty cache, on a telephone."""
    context = browser.new_context(storage_state=state, locale="vi-VN", viewport={"width": 360, "height": 740})
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The pages of a filled folder, over loopback."""
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "web.cli", "demo-data", "--show", "--folder", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        until_us = report.CLOCK.monotonic_us() + START_S * US_PER_S
        while not _answers(url):
            if process.poll() is not None or report.CLOCK.monotonic_us() > until_us:
                raise RuntimeError("the pages did not come up")
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health", timeout=2).is_success
    except httpx.TransportError:
        return False
