"""What the ledger remembers: the effects by key, and the highest fence that it has seen for each reference.

The ledger behaves as a good provider does. A key that is known already is answered with the first answer, and has no
new effect. A fence lower than one seen before for the same reference is refused. The key is looked up first, because
repeating an answer has no effect. A contract may say that its provider does neither; then every order that does not
fail has an effect of its own.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import orjson

_TEXT_MAX = 300
_KINDS = ("payment", "job", "order")


class BadRequest(ValueError):
    """The request is not one that the ledger takes; the text says what is wrong."""


@dataclass(frozen=True)
class Order:
    """One checked request for an effect.

    Attributes:
        reference: What the effect is about, in the client's own words.
        key: The downstream key: orders with the same key are to have one effect.
        fence: The number that tells a later holder of a lease from an earlier one; None for an order without a fence.
        kind: `payment`, `job` or `order`.
        rest: The other members of the request, as they came.
    """

    reference: str
    key: str
    fence: int | None
    kind: str
    rest: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body."""

    status: int
    body: bytes


class RecordBroken(RuntimeError):
    """The record cannot be written.

    This is not an OSError, because asyncio takes an OSError inside a protocol for a client that hung up.
    """


class Record:
    """The append-only record: one write(2) a line, so that a kill tears at most the last line.

    Args:
        path: The file; one that exists is continued.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, event: dict[str, Any]) -> None:
        """Append one event.

        Raises:
            RecordBroken: The line could not be written whole; then nothing may be answered as done.
        """
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise RecordBroken(f"the record cannot be written: {error}") from error
        if written != len(line):
            raise RecordBroken("the record took only a part of a line: the disk is full")


def parse(body: bytes) -> Order:
    """Return the order that the JSON body of a request asks for.

    Raises:
        BadRequest: The body is not JSON, or a member of it cannot be used.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(data, dict):
        raise BadRequest("the body is not a JSON object")
    reference, key = (_text(data, name) for name in ("reference", "key"))
    fence, kind = data.get("fence"), data.get("kind", "payment")
    if fence is not None and (type(fence) is not int or not 0 <= fence < 2**63):
        raise BadRequest("fence is neither null nor a whole number from 0 up")
    if kind not in _KINDS:
        raise BadRequest(f"kind is none of {', '.join(_KINDS)}")
    rest = {name: value for name, value in data.items() if name not in ("reference", "key", "fence", "kind", "effect")}
    return Order(reference, key, fence, kind, rest)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX:
        raise BadRequest(f"{name} is missing, empty, longer than {_TEXT_MAX} characters or not text")
    return value


class Book:
    """Takes orders one after the other; every order leaves its attempt and the outcome of the attempt in the record.

    Args:
        record: Where every attempt and every outcome is written before it is answered.
        deduplicates: Whether an order with a known key is answered without a new effect.
        fences: Whether an order with a lower fence than one seen before is refused.
        fail_every: With N here every Nth attempt fails before any effect, repeated orders counted too; 0 for none.

    Attributes:
        fail_next: How many of the next attempts fail before any effect.
    """

    def __init__(self, record: Record, *, deduplicates: bool = True, fences: bool = True, fail_every: int = 0) -> None:
        self._record = record
        self._deduplicates, self._refuses_fences, self._fail_every = deduplicates, fences, fail_every
        self._attempts = 0
        self._effects: dict[str, tuple[str, bytes]] = {}
        self._by_reference: dict[str, list[bytes]] = {}
        self._fences: dict[str, int] = {}
        self.fail_next = 0

    def take(self, order: Order) -> Answer:
        """Record an attempt, then what came of it, and return what to answer.

        Returns:
            201 for a new effect, 200 for the repeated answer to a known key, 409 for a stale fence, 503 for an attempt
                that was to fail.

        Raises:
            RecordBroken: The record cannot be written.
        """
        self._attempts += 1
        about = {"reference": order.reference, "key": order.key, "fence": order.fence, "kind": order.kind}
        self._write("attempt", about)
        known = self._effects.get(order.key) if self._deduplicates else None
        highest = self._fences.get(order.reference)
        if order.fence is not None and (highest is None or order.fence > highest):
            self._fences[order.reference] = order.fence
        is_unlucky = self._fail_every > 0 and self._attempts % self._fail_every == 0
        if self.fail_next > 0 or is_unlucky:
            self.fail_next = max(0, self.fail_next - 1)
            self._write("failed", {"effect": None, **about})
            return Answer(503, orjson.dumps({"error": "asked to fail"}))
        if known is not None:
            self._write("replayed", {"effect": known[0], **about})
            return Answer(200, known[1])
        is_stale = order.fence is not None and highest is not None and order.fence < highest
        if is_stale and self._refuses_fences:
            self._write("refused", {"effect": None, **about})
            return Answer(409, orjson.dumps({"error": "stale fence", "highest": highest}))
        return self._accept(order, about)

    def _accept(self, order: Order, about: dict[str, Any]) -> Answer:
        effect = f"e{self._attempts}"
        body = orjson.dumps({"effect": effect, **about, **order.rest})
        self._write("accepted", {"effect": effect, **about})
        self._effects[order.key] = effect, body
        self._by_reference.setdefault(order.reference, []).append(body)
        return Answer(201, body)

    def effects(self, reference: str) -> bytes:
        """Return the accepted effects of one reference as a JSON list, the earliest first."""
        return b"[" + b",".join(self._by_reference.get(reference, [])) + b"]"

    def _write(self, event: str, about: dict[str, Any]) -> None:
        self._record.write({"e": event, "at": time.monotonic_ns(), "attempt": self._attempts, **about})
