"""Read a contract file, and report every problem in it, also those that show only when its parts are compared."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.contract.model import Contract
from harness.contract.start import Program, Start
from harness.errors import UsageError
from harness.http.operation import Operation
from harness.http.template import Template
from harness.placeholders import placeholders
from harness.properties import PROPERTIES
from harness.yamlfile import Document, check, nearest, read

PLACEHOLDERS: dict[str, frozenset[str]] = {
    "users.signup": frozenset({"username", "password"}),
    **{
        f"{name}.{operation}": known
        for name, each in PROPERTIES.items()
        for operation, known in each.placeholders.items()
    },
}
"""The `{placeholders}` that have a value in each operation of a contract, by its dotted place."""
START = {"python", "host", "port", "name", "run", "store_url", "ledger_url"}


def read_contract(path: Path) -> Contract:
    """Read and check a contract.

    Args:
        path: path of the contract file.

    Raises:
        UsageError: the contract is not usable; one line for every problem, with its place and remedy.
    """
    document = read(path, "contract")
    contract, problems = check(document, Contract, document.data)
    # The valid parts are compared with each other even if others are invalid, so that all problems are told at once.
    held = contract or _right_parts(document)
    problems += [*_operations(document, held), *_start(document, held), *_answers(document, held)]
    problems += _properties(document, held)
    if problems or contract is None:
        raise UsageError(f"{path}: not a usable contract:", problems)
    return contract


def _right_parts(document: Document) -> Contract:
    """Return the contract with the parts that are valid by themselves; every other part is None."""
    parts: dict[str, object] = {}
    for name, field in Contract.model_fields.items():
        annotation: Any = field.annotation
        try:
            parts[name] = TypeAdapter(annotation).validate_python(document.data.get(name))
        except ValidationError:
            parts[name] = None
    return Contract.model_construct(None, **parts)


def _operations(document: Document, contract: Contract) -> list[str]:
    problems = []
    for place, operation in {**_right_operations(document), **contract.operations()}.items():
        location = tuple(place.split("."))
        try:
            used = _used(operation)
        except ValueError as error:
            problems.append(document.problem(location, f"cannot be sent: {error}"))
            continue
        problems += [
            document.problem(location, f"unknown placeholder `{{{name}}}`{nearest(name, PLACEHOLDERS[place])}")
            for name in sorted(used - PLACEHOLDERS[place])
            if not name.startswith("secret:")
        ]
    return problems


def _right_operations(document: Document) -> dict[str, Operation]:
    """Return, by dotted place, the operations that are valid by themselves, even in a section that is not."""
    found = {}
    for place in PLACEHOLDERS:
        section, _, name = place.partition(".")
        written = document.data.get(section)
        with contextlib.suppress(ValidationError):
            if isinstance(written, dict) and isinstance(written.get(name), dict):
                found[place] = Operation.model_validate(written[name])
    return found


def _used(operation: Operation) -> set[str]:
    return set(Template(operation.method, operation.path, operation.headers, operation.body).placeholders)


def _start(document: Document, contract: Contract) -> list[str]:
    if not contract.start:
        return []
    programs = {"replica": contract.start.replica, "worker": contract.start.worker}
    texts: dict[tuple[str, ...], set[str]] = {
        ("start", "environment"): placeholders(contract.start.environment),
        **{
            ("start", name, "environment"): placeholders(way.environment)
            for name, way in contract.start.ways.items()
            if not isinstance(way, Program)
        },
        **{
            ("start", name): placeholders([program.command, program.environment])
            for name, program in programs.items()
            if program
        },
    }
    return _reachable(document, contract.start) + [
        document.problem(location, f"unknown placeholder `{{{name}}}`{nearest(name, {*START, 'secret:NAME'})}")
        for location, names in texts.items()
        for name in sorted(names)
        if name not in START and not name.startswith("secret:")
    ]


def _reachable(document: Document, start: Start) -> list[str]:
    """Return why the harness could not reach a replica that is started as the contract says."""
    problems = [
        document.problem(("start", name), "is a path and must start with `/`")
        for name, path in (("health", start.health), ("ready", start.ready))
        if not path.startswith("/")
    ]
    program = start.replica
    if program and "port" not in placeholders([start.environment, program.environment, program.command]):
        message = "nothing passes `{port}` to a replica, so that it cannot know where to listen"
        problems.append(document.problem(("start", "replica"), message))
    return problems


def _answers(document: Document, contract: Contract) -> list[str]:
    problems = []
    for place, operation in contract.operations().items():
        plain = [m.status for matchers in operation.answers.values() for m in matchers if not m.specific]
        for status in sorted({each for each in plain if plain.count(each) > 1}):
            message = f"status {status} stands for two answers; only one can be right"
            problems.append(document.problem((*place.split("."), "answers"), message))
    return problems


def _properties(document: Document, contract: Contract) -> list[str]:
    """Return the problems that properties find in their sections, and sections that lack the one to log in by."""
    problems = []
    sessions = next(each.name for each in PROPERTIES.values() if each.gives_sessions)
    for name, section in contract.sections.items():
        each = PROPERTIES[name]
        problems += [
            document.problem((name, *place), text) for place, text in each.problems(section, contract.promises or None)
        ]
        if each.needs_session and sessions not in document.data:
            problems.append(document.problem((name,), f"needs `{sessions}`: its clients log in first"))
    return problems


def read_users(contract: Contract, contract_path: Path) -> list[tuple[str, str]]:
    """Read the users from the file that a contract names.

    Args:
        contract: the contract.
        contract_path: path of the contract file, which the path of the users' file is relative to.

    Returns:
        Name and password of each user; [] when users sign up instead.

    Raises:
        UsageError: the file cannot be read, holds no user, or has a line that is not `username,password`.
    """
    if contract.users.file is None:
        return []
    path = contract_path.parent / contract.users.file
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path}: users cannot be read: {error}. `users.file` is relative to the contract.") from None
    problems = [f"{path}:{n}: must be `username,password`" for n, row in enumerate(rows, 1) if row and len(row) != 2]
    if problems or not any(rows):
        raise UsageError(f"{path}: not a usable file of users:", problems or [f"{path}:1: holds no user"])
    return [(row[0], row[1]) for row in rows if row][: contract.users.count]
