"""One JSON object a line on standard output. Callers name what they log: no token or password by accident.

Whatever is logged while a request is answered carries its id: the caller's `X-Request-Id`, or a new one. The answer
says it too, so that a person who has one of them finds the other.
"""

import logging
import sys
import time
from contextvars import ContextVar

import orjson

_base: dict[str, str] = {}

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that is being answered here, if any."""


def identify(**base: str) -> None:
    """Fields that every later line carries, such as the replica and its boot id."""
    _base.update(base)


def event(name: str, **fields: object) -> None:
    """Writes one event; `at` is Unix time in seconds."""
    current = request_id.get()
    about = {"request": current} if current else {}
    line = orjson.dumps({"event": name, "at": round(time.time(), 3), **_base, **about, **fields}, default=str)
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


class Handler(logging.Handler):
    """Sends what libraries log the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record."""
        event("library", logger=record.name, level=record.levelname, text=record.getMessage())
