"""What an answer means: its class, and the fields the contract takes from it. Pure.

Classes of the contract are definite. `error` (5xx, 408, a broken connection) and `unexpected` (any other status
that the contract does not name) prove nothing: the op may have taken effect, so its outcome is `info`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.http.operation import Matcher, Operation

OUTCOMES = {"ok": "ok", "error": "info", "unexpected": "info"}
MISSING = object()
OPTIONAL = ("progress", "output")


def outcome(answer_class: str) -> str:
    """`ok`, `fail` or `info` for a class of answer."""
    return OUTCOMES.get(answer_class, "fail")


class Answers:
    """The answers of one operation, indexed by status.

    A matcher that wants a header or a body comes before one that wants the status alone.
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
        """The class of an answer, and its extracted fields when the class is `ok`.

        `headers` have lower-case names. An answer called `ok` that lacks a field of `extract` is `unexpected`:
        whoever was promised a token and got none was not served.
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
        """The fields that are there; None when one is missing that is not optional."""
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
    """The value at a JSON pointer (RFC 6901), or `MISSING`."""
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
