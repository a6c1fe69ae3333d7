"""One JSON object a line on standard output. Callers name what they log: no token or password by accident."""

import logging
import sys
import time

import orjson

_base: dict[str, str] = {}


def identify(**base: str) -> None:
    """Fields that every later line carries, such as the replica and its boot id."""
    _base.update(base)


def event(name: str, **fields: object) -> None:
    """Writes one event; `at` is Unix time in seconds."""
    line = orjson.dumps({"event": name, "at": round(time.time(), 3), **_base, **fields}, default=str)
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


class Handler(logging.Handler):
    """Sends what libraries log the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record."""
        event("library", logger=record.name, level=record.levelname, text=record.getMessage())
