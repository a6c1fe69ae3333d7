"""What kinds of state there are, declared so that a machine can hold the service to it.

Each state file exports `STATE`: its keys, its scripts, the store round trips of its endpoints, and what a crash leaves.
`python -m target_service.state` prints STATE.md from these. Tests hold the declarations to the truth: every script and
every endpoint belongs to one of them, round trips are counted, and a store that was used holds no key undeclared.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Literal

KINDS_OF_STATE = (
    "accounts",
    "sessions",
    "users",
    "apikeys",
    "payments",
    "orders",
    "jobs",
    "cart",
    "preferences",
    "limits",
)
"""The modules of this package that export STATE. To add one: write the file, add it here."""

PROBES = {"GET /health": 0, "GET /ready": 1, "GET /metrics": 0}
"""Round trips of the endpoints that belong to no kind of state."""

ENDPOINT = re.compile("[A-Z]+ /")
"""How a name among the trips begins that is no worker's."""

Trips = int | tuple[int, str]
"""Store round trips of one request, at most; where they are more than one, with the reason."""


@dataclass(frozen=True)
class Key:
    """One family of keys in the store.

    `pattern`: with * for what varies, as KEYS and SCAN take it. `ttl`: how long it lives, in words; None: durable, for
    ever. A key with a TTL that begins later (when a job is over, say) has one as soon as nothing is under way.
    `owner`: who alone may write it. `why`: what it holds, and why there.
    """

    pattern: str
    kind: Literal["string", "hash", "set", "zset", "list", "stream"]
    ttl: str | None
    owner: str
    why: str

    def covers(self, name: str) -> bool:
        """Whether a key of the store is one of this family."""
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True)
class State:
    """One kind of state. `scripts`: names in lua/. `trips`: by endpoint, "GET /path/{id}", or by what a worker does.

    `crash`: what a crash between any two steps leaves behind, and why that is safe.
    """

    name: str
    keys: tuple[Key, ...]
    scripts: tuple[str, ...]
    trips: Mapping[str, Trips]
    crash: str


def number(trips: Trips) -> int:
    """The number, with or without a reason."""
    return trips if isinstance(trips, int) else trips[0]


def states() -> list[State]:
    """Every kind of state; imported late, because each of them imports this module."""
    return [import_module(f"target_service.{name}").STATE for name in KINDS_OF_STATE]


def endpoints() -> list[str]:
    """Every endpoint of the service, as "GET /path/{id}"."""
    declared = [name for each in states() for name in each.trips if ENDPOINT.match(name)]
    return sorted([*declared, *PROBES])


def document() -> str:
    """STATE.md."""
    parts = [_HEAD, *(_section(state) for state in states())]
    return "\n".join(parts)


_HEAD = """\
# The state of the reference service

Written by `python -m target_service.state` from the declarations in the code; do not edit. All state is in the store.
A replica or a worker holds nothing that another could miss: it may be killed at any instant.
"""


def _section(state: State) -> str:
    keys = [
        f"| `{key.pattern}` | {key.kind} | {key.ttl or 'for ever'} | {key.owner} | {key.why} |" for key in state.keys
    ]
    trips = [f"| {_code(name)} | {number(value)} | {_reason(value)} |" for name, value in state.trips.items()]
    scripts = ", ".join(f"[`{name}`](lua/{name}.lua)" for name in state.scripts) or "none"
    lines = [f"## {state.name}", "", "| key | kind | lives | owner | what and why |", "|---|---|---|---|---|", *keys]
    lines += ["", f"Scripts: {scripts}.", "", "| request | store round trips | why more than one |", "|---|---|---|"]
    lines += [*trips, "", f"Crash: {' '.join(state.crash.split())}", ""]
    return "\n".join(lines)


def _code(name: str) -> str:
    return f"`{name}`" if name.split(" ")[0].isupper() else name


def _reason(trips: Trips) -> str:
    return "" if isinstance(trips, int) else trips[1]


if __name__ == "__main__":
    sys.stdout.write(document())
