"""A module whose first lines say "(pure)" decides, and does nothing."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("broadcast", "receivers", "scheduler", "web")
DOES = {
    *("aiofiles", "aiomqtt", "aiortc", "asyncio", "concurrent", "ffmpeg", "httpx", "multiprocessing", "os", "paho"),
    *("pyaudio", "pydub", "shutil", "socket", "sqlalchemy", "sqlite3", "sqlmodel", "ssl", "subprocess", "tempfile"),
    *("threading", "time", "urllib.request"),
}

SAID = re.compile(r"\(pure[):;]")  # not "(pure but for …)"


def first_paragraph(module: ast.Module) -> str:
    return (ast.get_docstring(module) or "").partition("\n\n")[0]


def imported(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names | {name.partition(".")[0] for name in names}


PARSED = {path: ast.parse(path.read_text()) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
PURE = [path for path, module in PARSED.items() if SAID.search(first_paragraph(module))]


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_says_that_it_is_pure_is(path: Path) -> None:
    assert imported(PARSED[path]) & DOES == set()


def test_the_modules_that_decide_say_so() -> None:
    said = {str(path.relative_to(ROOT)) for path in PURE}
    assert len(said) > 130
    for name in ("timeline", "policy", "rights", "workflow", "clashes", "quota", "recurrence"):
        assert f"scheduler/{name}.py" in said
    for name in ("life", "clock_trust", "orders", "thrift", "reckoning", "live/decide"):
        assert f"receivers/{name}.py" in said
