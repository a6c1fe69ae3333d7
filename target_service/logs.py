"""Logs: one JSON object a line on standard output.

Callers name each field that they log, so that no token or password gets in by chance.

A line that is logged while a request is answered carries the id of the request: the caller's `X-Request-Id`, or a new
one. The answer carries the same id, so that a person who has one of the two finds the other.
"""

import logging
import sys
import time
from contextvars import ContextVar

import orjson

_base: dict[str, str] = {}

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered here, if any."""


def identify(**base: str) -> None:
    """Add fields to every later line, such as the replica and its boot id."""
    _base.update(base)


def event(name: str, **fields: object) -> None:
    """Write one line about an event. Its field `at` is Unix time in seconds.

    Args:
        name: What happened.
        fields: What is known about it; values that JSON does not know are written as text.
    """
    current = request_id.get()
    about = {"request": current} if current else {}
    line = orjson.dumps({"event": name, "at": round(time.time(), 3), **_base, **about, **fields}, default=str)
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


class Handler(logging.Handler):
    """Writes what libraries log as lines of the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as an event called `library`."""
        event("library", logger=record.name, level=record.levelname, text=record.getMessage())
