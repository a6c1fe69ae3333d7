"""Contract file -> `Contract`, with every problem that shows only when its parts are held together."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.contract.model import Contract
from harness.errors import UsageError
from harness.http.operation import Operation
from harness.http.template import Template
from harness.placeholders import placeholders
from harness.yamlfile import Document, check, nearest, read

COMMON = {"username", "password"}
AVAILABLE: dict[str, set[str]] = {
    "users.signup": COMMON,
    "session.login": COMMON,
    "session.read": {"token", "username"},
    "session.refresh": {"token", "refresh"},
    "session.logout": {"token", "refresh"},
    "idempotency.pay": {"token", "username", "key", "amount", "reference"},
    "idempotency.effects": {"token", "username", "key", "reference", "id"},
    "order.place": {"token", "username", "key", "amount", "reference"},
    "order.show": {"token", "username", "reference"},
    "job.submit": {"token", "username", "key", "input", "reference"},
    "job.status": {"token", "username", "id", "reference"},
    "job.cancel": {"token", "username", "id", "reference"},
    "cart.add": {"token", "username", "key", "amount", "reference"},
    "cart.show": {"token", "username"},
    "cart.remove": {"token", "username", "id"},
    "preference.get": {"token", "username"},
    "preference.put": {"token", "username", "value", "version"},
    "limit.hit": {"token", "username"},
}
AVAILABLE |= {
    f"access.{name}": {"token", "username", *more}
    for name, more in {
        "whoami": (),
        "user": ("id",),
        "key_create": ("name", "key"),
        "key_revoke": ("id",),
        "logout_all": (),
        "grant": ("id", "role"),
    }.items()
} | {"access.key_use": {"key", "id"}}
START = {"python", "host", "port", "name", "run", "store_url", "ledger_url"}


def read_contract(path: Path) -> Contract:
    """The contract at `path`.

    Raises:
        UsageError: with one line for every problem, each with its place and remedy.
    """
    document = read(path, "contract")
    contract, problems = check(document, Contract, document.data)
    # What is right by itself is held together even so: a file's problems are all told at once.
    held = contract or _right_parts(document)
    problems += [*_operations(document, held), *_start(document, held), *_properties(document, held)]
    if problems or contract is None:
        raise UsageError(f"{path}: not a usable contract:", problems)
    return contract


def _right_parts(document: Document) -> Contract:
    """The parts of a contract that are right by themselves; all others are None."""
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
            document.problem(location, f"unknown placeholder `{{{name}}}`{nearest(name, AVAILABLE[place])}")
            for name in sorted(used - AVAILABLE[place])
            if not name.startswith("secret:")
        ]
    return problems


def _right_operations(document: Document) -> dict[str, Operation]:
    """Operations that are right by themselves, wherever their section is not."""
    found = {}
    for place in AVAILABLE:
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
            for name, way in (("compose", contract.start.compose), ("kubernetes", contract.start.kubernetes))
            if way
        },
        **{
            ("start", name): placeholders([program.command, program.environment])
            for name, program in programs.items()
            if program
        },
    }
    return [
        document.problem(location, f"unknown placeholder `{{{name}}}`{nearest(name, {*START, 'secret:NAME'})}")
        for location, names in texts.items()
        for name in sorted(names)
        if name not in START and not name.startswith("secret:")
    ]


def _properties(document: Document, contract: Contract) -> list[str]:
    problems = []
    start, program = contract.start, contract.start.replica if contract.start else None
    for name in ("health", "ready") if start else ():
        if not getattr(start, name).startswith("/"):
            problems.append(document.problem(("start", name), "is a path and must start with `/`"))
    given = [start.environment, program.environment, program.command] if program else None
    if given and "port" not in placeholders(given):
        message = "nothing passes `{port}` to a replica, so that it cannot know where to listen"
        problems.append(document.problem(("start", "replica"), message))
    for place, each_operation in contract.operations().items():
        plain = [m.status for matchers in each_operation.answers.values() for m in matchers if not m.specific]
        for status in sorted({each for each in plain if plain.count(each) > 1}):
            message = f"status {status} stands for two answers; only one can be right"
            problems.append(document.problem((*place.split("."), "answers"), message))
    if contract.session and "token" not in placeholders(
        [contract.session.read.path, contract.session.read.headers, contract.session.read.body]
    ):
        problems.append(document.problem(("session", "read"), "sends no `{token}`, so that it reads no session"))
    session = contract.session
    if session:
        for name, operation in (("login", session.login), ("refresh", session.refresh)):
            if operation and "token" not in operation.extract:
                problems.append(document.problem(("session", name), "`extract` must say where the `token` is"))
        if session.refresh:
            for name, operation in (("login", session.login), ("refresh", session.refresh)):
                if "refresh" not in operation.extract:
                    problems.append(
                        document.problem(("session", name), "`extract` must say where the `refresh` token is")
                    )
        if not session.read.answers.get("absent"):
            problems.append(
                document.problem(("session", "read"), "`answers` must name `absent`, what a lost session looks like")
            )
    for part in ("idempotency", "order", "job", "cart", "preference", "limit", "hostile"):
        if getattr(contract, part) and "session" not in document.data:
            problems.append(document.problem((part,), "needs `session`: its clients log in first"))
    problems += _limit(document, contract)
    if contract.job and {"state"} - set(contract.job.status.extract):
        problems.append(document.problem(("job", "status"), "`extract` must say where the `state` is"))
    if contract.job and {"id"} - set(contract.job.submit.extract):
        problems.append(document.problem(("job", "submit"), "`extract` must say where the `id` is"))
    pay = contract.idempotency.pay if contract.idempotency else None
    if pay and "key" not in placeholders([pay.path, pay.headers, pay.body]):
        problems.append(document.problem(("idempotency", "pay"), "the `{key}` stands nowhere in the request"))
    placing = contract.order.place if contract.order else None
    written = placeholders([placing.path, placing.headers, placing.body]) if placing else {"key", "reference"}
    for name in sorted({"key", "reference"} - written):
        problems.append(document.problem(("order", "place"), f"the `{{{name}}}` stands nowhere in the request"))
    effects = contract.idempotency.effects if contract.idempotency else None
    if isinstance(effects, Operation) and "count" not in effects.extract:
        problems.append(document.problem(("idempotency", "effects"), "`extract` must say where the `count` is"))
    return problems


def _limit(document: Document, contract: Contract) -> list[str]:
    if contract.limit is None:
        return []
    problems = []
    promises = contract.promises
    if promises and None in (promises.limit_window_s, promises.limit_most):
        message = "needs `limit_window_s` and `limit_most` under `promises`: without them nothing was promised"
        problems.append(document.problem(("limit",), message))
    if not contract.limit.hit.answers.get("limited"):
        message = "`answers` must name `limited`, what a refusal looks like"
        problems.append(document.problem(("limit", "hit"), message))
    return problems


def read_users(contract: Contract, contract_path: Path) -> list[tuple[str, str]]:
    """Users of the contract's file as (name, password); [] when they sign up instead.

    Raises:
        UsageError: the file is missing, or a line is not `username,password`.
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
