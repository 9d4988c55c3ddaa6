"""Finds every English sentence that a page may show, as the translators' tools and the problems' own calls have them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file

import web

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
    "BadRecurrence": 1,
    "NotSignedIn": 1,
    "PreconditionRequired": 1,
    "NotPossible": 2,
}
KEYWORDS = {**DEFAULT_KEYWORDS, "count": (1, 2)}
JINJA = {"extensions": "jinja2.ext.i18n", "silent": "false"}
# The command line and the demo speak English only.
NOT_PAGES = ("web/cli/", "web/demo/")


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
