"""The pages on an application of their own, and every English sentence that they may show."""

import ast
import gzip
import re
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import uvicorn
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright
from sqlmodel import select

import web
from broadcast.clock import SystemClock
from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from scheduler.announcements.models import RecordingState
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.changes import Changes
from scheduler.store.engine import Store
from web.app import create_app
from web.centre import Centre
from web.pages.errors import problem_page
from web.pages.router import router
from web.settings import Settings

ROOT = Path(web.__file__).parent.parent
Message = str | tuple[str, str]
# Which argument is the message: of problems the second, of the workflow's own the third.
PROBLEMS = {
    "Invalid": 1,
    "NotFound": 1,
    "Forbidden": 1,
    "Conflict": 1,
    "Stale": 1,
    "TooMany": 1,
    "NotTheirs": 1,
    "BadRecurrence": 1,
    "NotSignedIn": 1,
    "PreconditionRequired": 1,
    "PydanticCustomError": 1,
    "NotPossible": 2,
}
KEYWORDS = {**DEFAULT_KEYWORDS, "count": (1, 2)}
JINJA = {"extensions": "jinja2.ext.i18n", "silent": "false"}
# The command line and the demo speak English only.
NOT_PAGES = ("web/cli/", "web/demo/")

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def one_app(empty_sqlite: Path) -> FastAPI:
    """As a centre that serves pages has it."""
    settings = Settings(data_dir=empty_sqlite.parent, host="testserver", port=80)
    store = Store(f"sqlite:///{empty_sqlite}")
    app = create_app(Centre(settings=settings, clock=SystemClock(), store=store, changes=Changes()), problem_page)
    app.include_router(router)
    return app


@pytest.fixture
def browser(centre: Centre, sign_in: Callable[[str], TestClient], tmp_path: Path) -> Callable[[str], TestClient]:
    """`browser(login)`: somebody signed in who asks for pages, at a centre that takes sound files."""
    media, originals = MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals")
    centre.producer = Producer(media, originals, ())

    def open_as(login: str) -> TestClient:
        client = sign_in(login)
        client.headers["accept"] = "text/html"
        return client

    return open_as


@pytest.fixture
def full_bank(store: Store, now: datetime) -> None:
    """The message bank as if all of it were produced."""
    with store.writing() as db:
        entries.seed(db, now)
        for number, media in enumerate(db.exec(select(BankMedia)).all()):
            media.state, media.sha256 = RecordingState.READY, f"{number:064x}"
            media.size_bytes, media.duration_us = 48_000, 14_000_000


@pytest.fixture(scope="session")
def weight() -> Callable[[TestClient, str], int]:
    """How many bytes a page is with all it loads, compressed."""

    def of(client: TestClient, path: str) -> int:
        page = client.get(path, headers={"accept-encoding": "gzip"})
        assert page.headers["content-encoding"] == "gzip"
        waiting = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        total, seen = len(gzip.compress(page.content, 6)), set[str]()
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            asset = client.get(address, headers={"accept-encoding": "gzip"})
            assert asset.status_code == 200
            total += min(len(asset.content), len(gzip.compress(asset.content, 6)))
            folder = address.rsplit("/", 1)[0]
            waiting += [f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', asset.text)]
        assert len(seen) >= 4
        return total

    return of


@pytest.fixture(scope="session")
def sentences() -> dict[Message, str]:
    """Each sentence and one place where it stands."""
    found: dict[Message, str] = {}
    for path in _sources():
        for message in _messages(path):
            found.setdefault(message, str(path.relative_to(ROOT)))
    return found


def _sources() -> list[Path]:
    files = [*ROOT.glob("web/**/*.py"), *ROOT.glob("scheduler/**/*.py"), *ROOT.glob("web/templates/**/*.html")]
    return [path for path in sorted(files) if not str(path.relative_to(ROOT)).startswith(NOT_PAGES)]


def _messages(path: Path) -> Iterator[Message]:
    method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
    for _line, message, _comments, _context in extract_from_file(method, path, KEYWORDS, options=JINJA):
        if isinstance(message, str):
            yield message
        elif all(isinstance(part, str) and part for part in message):
            yield (message[0], message[1])
    if path.suffix == ".py":
        yield from _of_problems(ast.parse(path.read_text()))


def _of_problems(tree: ast.Module) -> Iterator[str]:
    """The messages of problems and notices, also those that stand in a variable first."""
    texts: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    texts.setdefault(target.id, []).append(node.value.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for argument in _message_arguments(node, node.func.id):
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value
                elif isinstance(argument, ast.Name):
                    yield from texts.get(argument.id, [])


def _message_arguments(call: ast.Call, name: str) -> list[ast.expr]:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "message" and name == "Notice"]
    place = PROBLEMS.get(name)
    return [*named, *(call.args[place : place + 1] if place is not None else ())]


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """Where the pages are served."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    serving.join()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
