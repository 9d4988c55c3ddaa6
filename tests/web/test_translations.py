"""Every sentence that tells a person what went wrong exists in every language of the pages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from web import i18n

ROOT = Path(__file__).parents[2]
PROBLEMS = {
    "Invalid",
    "NotFound",
    "Forbidden",
    "Conflict",
    "Stale",
    "TooMany",
    "NotSignedIn",
    "PreconditionRequired",
    "PydanticCustomError",
}
SOURCES = [
    *(ROOT / "scheduler" / "people").glob("*.py"),
    *(ROOT / "scheduler" / "zones").glob("*.py"),
    *(ROOT / "web" / f"{name}.py" for name in ("auth", "conditional", "once", "problems")),
]


def sentences(path: Path) -> Iterator[str]:
    """What is given to a problem or marked for translation, by its text or by a name that the file gives one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named.setdefault(node.targets[0].id, []).extend(texts(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            spoken = node.args[1:2] if name in PROBLEMS else node.args[:1] if name == "N_" else []
            for argument in spoken:
                yield from named.get(argument.id, []) if isinstance(argument, ast.Name) else texts(argument)


def texts(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


@pytest.mark.parametrize("language", sorted(i18n.LANGUAGES.keys() - {i18n.SOURCE_LANGUAGE}))
def test_every_problem_is_told_in_every_language(language: str) -> None:
    said = {sentence for path in SOURCES for sentence in sentences(path)}
    assert len(said) > 70
    translations = i18n.translations(language)
    assert sorted(sentence for sentence in said if translations.gettext(sentence) == sentence) == []


@pytest.mark.parametrize("language", sorted(i18n.LANGUAGES.keys() - {i18n.SOURCE_LANGUAGE}))
def test_a_translation_has_the_same_places(language: str) -> None:
    for path in SOURCES:
        for sentence in sentences(path):
            if "%(" in sentence:
                values = dict.fromkeys(names_in(sentence), "§")
                assert (i18n.translations(language).gettext(sentence) % values).count("§") == len(values)


def names_in(sentence: str) -> list[str]:
    return [part.split(")")[0] for part in sentence.split("%(")[1:]]
