"""What kinds of state there are, declared so that a machine can hold the service to it.

Each state file exports `STATE`: its keys, its scripts, the store round trips of its endpoints, and what a crash leaves.
`python -m target_service.state` prints STATE.md from these declarations. Tests compare the declarations with the truth:
every script and every endpoint belongs to one kind of state, round trips are counted, and a store that was used holds
no key that is not declared.
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
"""The modules of this package that export STATE. To add one, write the file and add its name here."""

PROBES = {"GET /health": 0, "GET /ready": 1, "GET /metrics": 0}
"""Round trips of the endpoints that belong to no kind of state."""

ENDPOINT = re.compile("[A-Z]+ /")
"""How the name of an endpoint begins. The other names among the trips are what a worker does."""

Trips = int | tuple[int, str]
"""The store round trips of one request, at most; where there are more than one, with the reason."""


@dataclass(frozen=True)
class Key:
    """One family of keys in the store.

    A key whose TTL begins later (when a job is over, say) has a TTL as soon as nothing is under way.

    Attributes:
        pattern: The names, with * for the part that varies, as KEYS and SCAN take it.
        kind: The type of the value.
        ttl: How long a key lives, in words; None for a key that lives for ever.
        owner: Who alone may write it.
        why: What it holds, and why it is in the store.
    """

    pattern: str
    kind: Literal["string", "hash", "set", "zset", "list", "stream"]
    ttl: str | None
    owner: str
    why: str

    def covers(self, name: str) -> bool:
        """Return whether a key of the store belongs to this family."""
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True)
class State:
    """One kind of state.

    Attributes:
        name: What it is called.
        keys: Its families of keys.
        scripts: The names of its scripts in lua/.
        trips: Store round trips by endpoint ("GET /path/{id}"), or by what a worker does.
        crash: What a crash between any two steps leaves behind, and why that is safe.
    """

    name: str
    keys: tuple[Key, ...]
    scripts: tuple[str, ...]
    trips: Mapping[str, Trips]
    crash: str


def number(trips: Trips) -> int:
    """Return the number of round trips, declared with or without a reason."""
    return trips if isinstance(trips, int) else trips[0]


def states() -> list[State]:
    """Return every kind of state. The modules are imported late, because each of them imports this one."""
    return [import_module(f"target_service.{name}").STATE for name in KINDS_OF_STATE]


def endpoints() -> list[str]:
    """Return every endpoint of the service, as "GET /path/{id}"."""
    declared = [name for each in states() for name in each.trips if ENDPOINT.match(name)]
    return sorted([*declared, *PROBES])


def document() -> str:
    """Return the text of STATE.md."""
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
