"""The schema of `journal-<agent>.jsonl`: every event a journal holds, and every key of its line.

A line is one JSON object. Keys are short, because a run writes millions of lines; each has a long name, which is what
the code speaks and, for an op, what the column of `history.parquet` is called. Everything that has to know the keys
takes them from here: the client that writes a line (`shortened`), the reader that checks a line (`accepts`), the
history that reads all lines at once (`SHAPE`, `columns`), and the documentation (`EVENTS`).

An op is two lines with the same op number `n`:

    {"e":"i","at":81230114,"n":7,"c":3,"w":"session","k":"login","p":"load","key":"s-0-5","rt":"hop","to":"replica-2"}
    {"e":"c","at":81742009,"n":7,"o":"ok","cl":"ok","st":200,"r":"replica-2","b":"replica-2-f81c"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

INVOKE = "i"
"""The event of an op that begins; its line is written before the first byte of the request."""

COMPLETE = "c"
"""The event of an op that ended; its line is written after the last byte of the answer."""

LAG = "lag"
"""The event of one second of the agent's own delay."""

SUMMARY = "summary"
"""The event of what Locust counted; an agent's last line."""

OUTCOMES = ("ok", "fail", "info")
"""What can become of an op: took effect; provably took none; nobody knows."""

LATEST_NS = (1 << 62) - 1
"""The latest time an op's line may have; a later one cannot be calculated with and is damage."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one event's line.

    Attributes:
        short: The key as it stands in the line.
        name: The long name, by which the code and the history call it.
        type: The DuckDB type it is read as; `VARCHAR[]` is a list of strings.
        meaning: What it says, in one sentence, for the documentation.
        needed: Whether a line without it (or with a value of another type) is damage.
    """

    short: str
    name: str
    type: str
    meaning: str
    needed: bool = False


EVENT, AT, NUMBER = "e", "at", "n"
"""The short keys that the journal itself writes: which event, when, and the number that joins an op's two lines."""

_E = Key(EVENT, "event", "VARCHAR", "Which event the line is.", needed=True)


def _at(name: str, meaning: str) -> Key:
    return Key(AT, name, "BIGINT", f"{meaning} CLOCK_MONOTONIC of the agent's host, in nanoseconds.", needed=True)


_N = Key(NUMBER, "op", "BIGINT", "The op's number, unique in its journal and ascending.", needed=True)

EVENTS: dict[str, tuple[Key, ...]] = {
    INVOKE: (
        _E,
        _at("invoke_ns", "When the op began."),
        _N,
        Key("c", "client", "BIGINT", "The client that does the op; after an `info` its id is used no more."),
        Key("w", "workload", "VARCHAR", "The workload that the op belongs to, such as `session`.", needed=True),
        Key("k", "kind", "VARCHAR", "What the op does, such as `login`.", needed=True),
        Key("p", "phase", "VARCHAR", "The run's phase: `steady`, `load`, `settle` or `final`."),
        Key("key", "key", "VARCHAR", "The item that the op is about: a session, a payment, a job.", needed=True),
        Key("s", "session", "VARCHAR", "The session that the request authenticates with, by its item key."),
        Key("u", "user", "VARCHAR", "The user in whose name the request is sent."),
        Key("a", "arg", "VARCHAR", "What is written, or which variant of the request is sent; secrets as hashes."),
        Key("want", "want", "VARCHAR", "The value that a correct answer shows, where one answer alone is correct."),
        Key("x", "expect", "VARCHAR[]", "The answer classes that are correct, where the client can tell beforehand."),
        Key("to", "sent_to", "VARCHAR", "The replica that the request is sent to; absent through the balancer."),
        Key("rt", "routing", "VARCHAR", "How the client chooses where to send: `balancer` or `hop`."),
        Key("it", "intended_ns", "BIGINT", "When the op was due, where arrivals are declared as a rate."),
    ),
    COMPLETE: (
        _E,
        _at("return_ns", "When the last byte of the answer was read, or the client gave up."),
        _N,
        Key("o", "outcome", "VARCHAR", "`ok`, `fail` (provably no effect) or `info` (nobody knows).", needed=True),
        Key("cl", "class", "VARCHAR", "The answer's class by the contract, such as `ok` or `absent`.", needed=True),
        Key("st", "status", "INTEGER", "The HTTP status; absent when no answer came."),
        Key("r", "replica", "VARCHAR", "The replica that answered, as far as it is known."),
        Key("b", "boot", "VARCHAR", "The boot id of the replica that answered: one start of one replica."),
        Key("v", "value", "VARCHAR", "The value that the answer showed; secrets as keyed hashes."),
        Key("id", "given_id", "VARCHAR", "The id that the service gave to the item."),
        Key("num", "number", "DOUBLE", "The number that the answer showed, such as a job's progress."),
        Key("state", "state", "VARCHAR", "The state that the answer showed, in the words of the contract."),
        Key("err", "error", "VARCHAR", "Why no answer came, such as `timeout`, `reset` or `refused`."),
    ),
    LAG: (
        _E,
        _at("at_ns", "When the second ended."),
        Key("ms", "ms", "DOUBLE", "The latest that the agent woke up in that second, in milliseconds."),
    ),
    SUMMARY: (
        _E,
        _at("at_ns", "When the agent ended."),
        Key("requests", "requests", "BIGINT", "How many requests Locust counted."),
        Key("failures", "failures", "BIGINT", "How many of them Locust counted as failed."),
        Key("by_kind", "by_kind", "JSON", "Locust's count of requests for each `<workload>/<kind>`."),
        Key("dropped", "dropped", "BIGINT", "Arrivals for which no client was free, so that no op began."),
    ),
}
"""The keys of each event's line, in the order in which they are documented. A key that is absent is null."""

_SHORT = {event: {key.name: key.short for key in keys} for event, keys in EVENTS.items()}


def _shape(keys: Iterable[Key]) -> str:
    shape: dict[str, object] = {}
    for key in keys:
        element = key.type.removesuffix("[]")
        wanted: object = [element] if element != key.type else element
        if shape.setdefault(key.short, wanted) != wanted:
            raise ValueError(f"the journal's key `{key.short}` has two types: {shape[key.short]} and {wanted}")
    return orjson.dumps(shape).decode()


SHAPE = _shape(key for keys in EVENTS.values() for key in keys)
"""All keys with their types, as the structure that DuckDB's `json_transform` takes."""

_PYTHON_TYPES = {"VARCHAR": str, "BIGINT": int, "INTEGER": int}

_OUTCOME = _SHORT[COMPLETE]["outcome"]

# An unknown event is read over, not refused: a later version may write events that this one does not know.
_NEEDED = {
    event: tuple((key.short, _PYTHON_TYPES[key.type]) for key in EVENTS[event] if key.needed and key is not _E)
    for event in (INVOKE, COMPLETE)
}


def columns(event: str) -> str:
    """Return a SQL select list that gives the short keys of one event their long names.

    Args:
        event: Which event, such as `INVOKE`.

    Returns:
        For example `"n" AS "op", "c" AS "client"`: every key of the event, but for the type of the event.
    """
    return ", ".join(f'"{key.short}" AS "{key.name}"' for key in EVENTS[event] if key is not _E)


def shortened(event: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of one line under their short keys; those that are None are left out.

    Args:
        event: Which event, such as `COMPLETE`.
        fields: Values by long name, such as `{"outcome": "ok", "class": "ok", "status": 200}`.

    Raises:
        KeyError: The event has no field of that name.
    """
    short = _SHORT[event]
    return {short[name]: value for name, value in fields.items() if value is not None}


def accepts(event: Mapping[str, Any]) -> bool:
    """Return whether a decoded line has what its event cannot do without.

    Args:
        event: A decoded line that has a type `e` and a time `at` (`harness.rundir.lines.usable`).
    """
    kind = event[EVENT]
    needed = _NEEDED.get(kind)
    if needed is None:
        return True
    # A plain loop, because a long run has millions of lines and each is checked.
    for short, wanted in needed:
        if type(event.get(short)) is not wanted:
            return False
    return 0 <= event[AT] <= LATEST_NS and (kind != COMPLETE or event[_OUTCOME] in OUTCOMES)
