"""An office that is open: the centre runs as a process, a browser is there, and nothing reaches another host."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

from bench.tasks.affairs import RELAY_HOST, occupy
from bench.tasks.office import PASSWORD, Office, furnish
from broadcast.clock import SystemClock
from scheduler.store.engine import Store
from web.demo.stage import BROKER_OFFSET, Stage, is_free

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"),
)
HEIGHT_OF = {320: 740, 360: 740, 640: 450, 1280: 900}


@dataclass
class Served:
    """`broken` collects what no page may do: ask another host, come without a strict policy, violate it, or fail."""

    office: Office
    url: str
    browser: Browser
    folder: Path
    broken: list[str] = field(default_factory=list)
    _cookies: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def open(
        self, login: str = "", width: int = 1280, *, dark: bool = False, language: str = "vi-VN", forced: bool = False
    ) -> Page:
        """A page of somebody who is signed in, or of nobody."""
        context = self.browser.new_context(
            base_url=self.url,
            locale=language,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            forced_colors="active" if forced else "none",
            viewport={"width": width, "height": HEIGHT_OF[width]},
            permissions=["microphone"],
        )
        context.set_default_timeout(20_000)
        self._watch(context)
        page = context.new_page()
        if login in self._cookies:
            context.add_cookies(self._cookies[login])  # type: ignore[arg-type]
        elif login:
            sign_in(page, login, self.office.code(login))
            self._cookies[login] = context.cookies()  # type: ignore[assignment]
        return page

    def keep(self, login: str, page: Page) -> None:
        """Somebody who signed in anew has another cookie."""
        self._cookies[login] = page.context.cookies()  # type: ignore[assignment]

    def _watch(self, context: BrowserContext) -> None:
        own = urlsplit(self.url).netloc

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != own:
                self.broken.append(f"another host was asked: {request.url}")

        def answered(response: Response) -> None:
            policy = response.headers.get("content-security-policy", "")
            if not strict(policy):
                self.broken.append(f"{response.url}: {policy or 'no policy'}")
            if response.status >= 500:
                self.broken.append(f"{response.url}: {response.status}")

        def said(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
                self.broken.append(f"{message.location.get('url')}: {message.text}")

        context.on("request", asked)
        context.on("response", answered)
        context.on("console", said)
        context.on("weberror", lambda error: self.broken.append(f"script: {error.error}"))


def strict(policy: str) -> bool:
    """Nothing but what is named, and nothing named that lets any script or style in; a widget may be framed by all."""
    rules = {words[0]: words[1:] for words in (rule.split() for rule in policy.split(";")) if words}
    lax = {"*", "'unsafe-inline'", "'unsafe-eval'", "data:", "http:", "https:"}
    sources = [rules.get(name, []) for name in ("script-src", "style-src", "connect-src", "form-action")]
    return rules.get("default-src") == ["'none'"] and not any(lax & set(some) for some in sources)


def sign_in(page: Page, login: str, code: str) -> None:
    page.goto("/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    if code:
        page.fill("#code", code)
        page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)


@contextmanager
def opened(folder: Path) -> Iterator[Served]:
    """The office in `folder`, for as long as the block runs."""
    port = next(port for port in range(21_000, 30_000) if is_free(port) and is_free(port + BROKER_OFFSET))
    clock = SystemClock()
    home = folder / "centre"
    home.mkdir(parents=True, exist_ok=True)
    with Stage(folder, port, (), device="none") as stage, ExitStack() as stack:
        stage.extra["LOA_BANK_DELAY_S"] = "36000"
        stage.extra["LOA_LIVE_RELAY_HOSTS"] = RELAY_HOST
        store = Store(f"sqlite:///{home / 'loa.sqlite3'}")
        office = furnish(home, store, clock)
        occupy(store, office, clock.now())
        store.close()
        stage.start_centre(lambda _line: None)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        stack.callback(browser.close)
        yield Served(office, stage.url, browser, folder)


if __name__ == "__main__":
    with opened(Path(sys.argv[1])) as served:
        print(served.url)
        subprocess.run(["sleep", "infinity"], check=False)
