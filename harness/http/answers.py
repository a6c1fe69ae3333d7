"""Say what an HTTP answer means under the contract: its class, and the fields that the contract takes from the answer.

Every class that a contract names is definite. Two classes prove nothing, because the op may have taken effect, so that
the outcome of the op is `info`: `error` (status 5xx or 408, or a broken connection) and `unexpected` (any other status
that the contract does not name). Nothing in this module does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.http.operation import Matcher, Operation

OUTCOMES = {"ok": "ok", "error": "info", "unexpected": "info"}
"""The outcome of an op by the class of its answer; every class that is not here is a `fail`."""

MISSING = object()
"""What `point` returns when there is nothing at the place."""

OPTIONAL = ("progress", "output")
"""The fields that an `ok` answer may lack."""


def outcome(answer_class: str) -> str:
    """Return the outcome of an op whose answer has the given class.

    Args:
        answer_class: A class that the contract names (`harness.http.operation.DEFINITE`), `error` or `unexpected`.

    Returns:
        `ok`, `fail` (provably no effect) or `info` (nobody knows).
    """
    return OUTCOMES.get(answer_class, "fail")


class Answers:
    """The answers that one operation of a contract can have, indexed by status.

    A matcher that asks for a header or for parts of the body is tried before one that asks for the status alone.

    Args:
        operation: The operation as the contract declares it.
        balancer_header: The lower-case name of the header that marks an answer given by the harness's own balancer.
    """

    def __init__(self, operation: Operation, balancer_header: str = "x-harness-no-effect") -> None:
        self._balancer_header = balancer_header
        self._by_status: dict[int, list[tuple[Matcher, str]]] = {}
        for name, matchers in operation.answers.items():
            for matcher in matchers:
                self._by_status.setdefault(matcher.status, []).append((matcher, name))
        for pairs in self._by_status.values():
            pairs.sort(key=lambda pair: not pair[0].specific)
        self._pointers = [(name, _split(pointer), name in OPTIONAL) for name, pointer in operation.extract.items()]

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, dict[str, Any]]:
        """Return the class of an answer, and the fields that the contract extracts from it.

        An answer that matches `ok` and lacks a field of `extract` has the class `unexpected`: a client that was
        promised a token and got none was not served.

        Args:
            status: The HTTP status.
            headers: The headers of the answer; their names are in lower case.
            body: The content, without transfer coding.

        Returns:
            The class, and the extracted values by name; no values unless the class is `ok`.
        """
        for matcher, name in self._by_status.get(status, ()):
            if matcher.specific and not _fits(matcher, headers, body):
                continue
            if name != "ok" or not self._pointers:
                return name, {}
            fields = self._extract(body)
            return ("unexpected", {}) if fields is None else (name, fields)
        if self._balancer_header in headers:
            return "no_effect", {}
        return ("error" if status >= 500 or status == 408 else "unexpected"), {}

    def _extract(self, body: bytes) -> dict[str, Any] | None:
        """Return the extracted fields; None when a field that is not optional is missing."""
        document = _parse(body)
        fields = {}
        for name, path, optional in self._pointers:
            value = point(document, path)
            if value is not MISSING:
                fields[name] = value
            elif not optional:
                return None
        return fields


def _split(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return MISSING


def point(document: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a JSON pointer (RFC 6901), or `MISSING` when there is none.

    Args:
        document: A decoded JSON value.
        path: The parts of the pointer, already unescaped, such as `("user", "id")` for `/user/id`.
    """
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return MISSING
    return document


def _fits(matcher: Matcher, headers: Mapping[str, str], body: bytes) -> bool:
    if any(headers.get(name.lower()) != value for name, value in matcher.header.items()):
        return False
    if not matcher.body:
        return True
    document = _parse(body)
    return all(point(document, _split(pointer)) == value for pointer, value in matcher.body.items())
