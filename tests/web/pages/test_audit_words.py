"""Every act that is written into the audit record has words; the acts are read out of the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import scheduler
import web
from scheduler.emergency.service import NAMES
from scheduler.fleet.upkeep.schemas import Act
from scheduler.handover.schemas import Kind
from web.i18n import translations
from web.pages import audit_words

ROOTS = [Path(part.__path__[0]) for part in (scheduler, web)]
ACTION = 3
"""Where `audit.record` takes the act."""
COMPUTED = {
    "item.view.kind.value": {kind.value for kind in Kind},
    "NAMES[row.purpose]": set(NAMES.values()),
    "f'fault.{what}'": {f"fault.{act}" for act in Act},
}
"""What no literal says, as it is written, and what it may be."""
ACT = re.compile(r"[a-z_]+(\.[a-z_]+)?")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Called = tuple[Path, Function | None, ast.Call]


@cache
def trees() -> dict[Path, ast.Module]:
    found = [path for root in ROOTS for path in sorted(root.rglob("*.py")) if "demo" not in path.parts]
    return {path: ast.parse(path.read_text()) for path in found}


@cache
def calls() -> list[Called]:
    """Every call, with the function that it stands in."""

    def within(node: ast.AST, function: Function | None, path: Path) -> Iterator[Called]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield path, function, child
            yield from within(child, child if isinstance(child, Function) else function, path)

    return [found for path, tree in trees().items() for found in within(tree, None, path)]


@cache
def calls_by_name() -> dict[str, list[Called]]:
    found: dict[str, list[Called]] = {}
    for one in calls():
        function = one[2].func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        found.setdefault(name, []).append(one)
    return found


def values(expression: ast.expr, function: Function | None, path: Path) -> set[str]:
    """The texts that an expression may be; none where that cannot be read from the code."""
    if (computed := COMPUTED.get(ast.unparse(expression))) is not None:
        return computed
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return values(one, function, path) | values(other, function, path)
        case ast.JoinedStr(values=parts):
            return {"".join(some) for some in product(*(values(part, function, path) for part in parts))}
        case ast.FormattedValue(value=inner):
            return values(inner, function, path)
        case ast.Name(id=name):
            return of_name(name, function, path)
    return set()


@cache
def of_name(name: str, function: Function | None, path: Path) -> set[str]:
    found: set[str] = set()
    for scope in (function, trees()[path]):
        for node in ast.walk(scope) if scope is not None else ():
            if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
                found |= values(node.value, function, path)
        if found:
            return found
    return passed(name, function, path) if function is not None else found


def passed(name: str, function: Function, path: Path) -> set[str]:
    """What is given for a parameter wherever the function is called; a private one only in its own file."""
    positional = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    place = positional.index(name) if name in positional else None
    place = place - 1 if place is not None and positional[0] == "self" else place
    found: set[str] = set()
    for where, around, call in calls_by_name().get(function.name, ()):
        if function.name.startswith("_") and where != path:
            continue
        given = [keyword.value for keyword in call.keywords if keyword.arg == name]
        if place is not None and place < len(call.args):
            given.append(call.args[place])
        for one in given:
            found |= values(one, around, where)
    return found


def acts() -> dict[str, str]:
    """Each act, and a place where it is noted."""
    found: dict[str, str] = {}
    for path, function, call in calls_by_name()["record"]:
        of_audit = ast.unparse(call.func) == "audit.record"
        if of_audit and len(call.args) > ACTION:
            said = {text for text in values(call.args[ACTION], function, path) if ACT.fullmatch(text)}
            assert said, f"{path}:{call.lineno}: which act is that?"
            found |= dict.fromkeys(said, f"{path.name}:{call.lineno}")
    return found


def test_every_act_has_words() -> None:
    written = acts()
    assert len(written) > 90
    assert {"relay.approve", "deputy.name", "webhook.end", "bulletin.send", "playlist.hand_over"} <= written.keys()
    vietnamese = translations("vi")
    assert {act: place for act, place in written.items() if audit_words.action(vietnamese, act) == act} == {}
