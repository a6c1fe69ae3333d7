"""What a platform is: where the target runs, and what can be done to its members.

A platform deploys the store, the ledger, the replicas, the workers and the balancer of one run, and can kill,
stop, freeze and add members. It knows no faults: what is done when, and why, is said by `harness.faults`.
One object serves one run. All methods may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from harness.contract.start import Compose, Kubernetes
from harness.errors import EnvironmentFailure

Role: TypeAlias = Literal["replica", "worker"]
State: TypeAlias = Literal["starting", "ready", "unready", "stopping", "killed", "paused", "gone"]

ROLES: tuple[Role, ...] = ("replica", "worker")
LIVING: frozenset[State] = frozenset({"starting", "ready", "unready", "paused"})
"""States of a member that counts towards the wanted number: it is there, or is coming up."""
POLLED: frozenset[State] = frozenset({"starting", "ready", "unready"})
"""States in which asking a member whether it is ready can change what is known of it."""
DEAD: frozenset[State] = frozenset({"killed", "gone"})

Standing: TypeAlias = bool | str
"""Of a run on an engine: true if it is in progress, a text saying whose it is if nobody here can tell, else false."""


class NotConfigured(EnvironmentFailure):
    """Nothing on this machine leads to an engine of that kind: whoever never used one misses nothing."""


@dataclass(frozen=True)
class Member:
    """One replica or worker. `boot` names this life of it: what its answers carry, else its own name.

    One that is `held` may be ready, but is sent no requests until it is admitted.
    """

    name: str
    role: Role
    host: str
    port: int | None
    boot: str | None
    state: State
    held: bool = False

    @property
    def number(self) -> int:
        """The number in the name; a higher one was started later."""
        return int(self.name.rpartition("-")[2])


@dataclass(frozen=True)
class Slot:
    """What a member about to be started is given."""

    name: str
    host: str
    port: int | None
    store_url: str
    ledger_url: str


@dataclass(frozen=True)
class Program:
    """A command with the variables it needs on top of the harness's own environment."""

    command: list[str]
    environment: dict[str, str]


Launcher: TypeAlias = Callable[[Slot], Program]


@dataclass
class Deployment:
    """One target to bring up. `ledger_record` is the file the ledger writes.

    `health` and `ready` are paths: a replica is up once each has answered 2xx; from then on `ready` alone is asked.
    The ledger repeats its answer to a known key unless `ledger_deduplicates` is false, refuses a lower fence unless
    `ledger_fences` is false, answers 503 without an effect to every `ledger_fail_every`-th attempt, and sends every
    `ledger_answer_twice_every`-th answer to an effect twice (0: never).

    `replica` and `worker` are for platforms that start commands. `compose` and `kubernetes` say how the platforms of
    those names start the service, and `environment` holds the variables that its replicas and workers then get.

    `found` is the file in which an `Attacher` notes how it found a target that runs already. `allowed` names the hosts,
    beside this machine, that the load may go to.

    `boot_header` names the header of the readiness answer that carries the boot id; without one, a member's
    name is its boot id (names are never reused within a run). `sticky_cookie`: the cookie by which the balancer shall
    bring a client back to the replica that answered it first, where the platform is capable of it (`sticky`).
    """

    run_id: str
    logs: Path
    ledger_record: Path
    replicas: int
    workers: int
    directory: Path
    replica: Launcher
    worker: Launcher | None
    health: str
    ready: str
    stop_grace_s: float = 10.0
    ledger_delay_ms: int = 50
    deadline_s: float = 30.0
    boot_header: str | None = None
    sticky_cookie: str | None = None
    compose: Compose | None = None
    kubernetes: Kubernetes | None = None
    environment: Mapping[Role, Mapping[str, str]] = field(default_factory=dict)
    ledger_deduplicates: bool = True
    ledger_fences: bool = True
    ledger_fail_every: int = 0
    ledger_answer_twice_every: int = 0
    found: Path | None = None
    allowed: Collection[str] = ()


class Platform(Protocol):
    """What is done to a member returns how it was seen to land, or raises `FaultNotSeen`.

    `capabilities`: what can be done here. `hop` (replicas have addresses of their own), `workers`, `store`, `ledger`,
    and the kinds of faults that work here (`kill`, `stop`, `pause`, `scale`, `restart`, `roll`, `switch`, `cut`).
    `controls`: the platform itself replaces the dead and keeps the wanted number (it is a `Controller`).
    """

    name: str
    controls: bool

    @property
    def capabilities(self) -> frozenset[str]:
        """See above; where it depends on what is there, asked soon and without an effect."""

    def missing(self) -> list[str]:
        """What this machine lacks for the platform to work, each with how to get it. Soon, and without an effect."""

    def deploy(self, deployment: Deployment) -> None:
        """Brings everything up and waits until it is ready.

        Raises `EnvironmentFailure` with the tail of the log of what did not come up; then nothing is left.
        """

    def balancer(self) -> tuple[str, int]:
        """Address that spreads requests over the ready replicas."""

    def members(self) -> list[Member]:
        """All living members and the last few dead ones, in the order in which they were started."""

    def start(self, role: Role, held: bool = False) -> Member:
        """Begins a new member; it is ready later. `EnvironmentFailure` if it cannot even be begun.

        A replica that is `held` is sent no requests by the balancer until it is admitted.
        """

    def admit(self, names: Sequence[str]) -> None:
        """Lets the balancer send requests to replicas that were held."""

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        """A new version: members begun from now on get these variables as well."""

    def kill(self, name: str) -> str:
        """Ends it at once, with no chance to clean up."""

    def stop(self, name: str, grace_s: float) -> str:
        """Asks it to end. `FaultNotSeen` if it is still there after the grace; then it is killed."""

    def pause(self, name: str) -> str:
        """Freezes it as a whole."""

    def resume(self, name: str) -> str:
        """Thaws it."""

    def cut(self, name: str) -> str:
        """Takes a replica off the network by which it is reached."""

    def mend(self, name: str) -> str:
        """Puts it back."""

    def ready(self, member: Member) -> bool:
        """Asks it, bounded in time, and notes the answer as its state. A frozen or dead member is not ready."""

    def failures(self) -> list[str]:
        """Parts beside the members (store, ledger, balancer) that died: nothing can be judged after that."""

    def problems(self) -> list[str]:
        """What else went wrong of itself, and lost nothing: a member that cannot be started, a cluster that is away."""

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last lines a part wrote; empty when it wrote none."""

    def tear_down(self) -> None:
        """Removes everything of the run but its folder, and looks again. May be called twice.

        Raises `EnvironmentFailure` naming what is still there.
        """

    def keep(self) -> None:
        """Shows on the engine that the run is in progress; called every few seconds, from before `deploy` on.

        Nothing to do where all who can reach the engine see the name that the run holds
        (`harness.platforms.common.lock`).
        """

    def runs(self) -> Mapping[str, Standing]:
        """Ids of all runs of which something is there, by looking at the engine alone.

        A run of this place (`harness.platforms.common.lock`) is false: the name that it holds tells. One of another
        place is true if `keep` goes on showing that it is in progress; a text where that cannot be shown. It may
        take as long as it takes to see that nothing is shown any more. `EnvironmentFailure` if one cannot look.
        """

    def leftovers(self, run_id: str) -> list[str]:
        """What is there of this run, one line each."""

    def remove(self, run_id: str) -> list[str]:
        """Removes what is there of this run and returns what was removed. `EnvironmentFailure` if some stays."""


class Controller(Platform, Protocol):
    """A platform that keeps the wanted number of members by itself: `start`, `admit` and `renew` are not for it.

    What is brought about is seen in `members`, after these have returned.
    """

    def scale(self, role: Role, count: int) -> None:
        """Wants this many from now on."""

    def roll(self, role: Role, environment: Mapping[str, str]) -> None:
        """Begins to roll out a new version, which has these variables as well, one member after another."""

    def switch(
        self, role: Role, environment: Mapping[str, str], deadline_s: float, abort: threading.Event | None = None
    ) -> None:
        """Brings up as many members of a new version, sends all requests to them, and asks the old to end.

        `EnvironmentFailure` if the new ones were not up in time, or on `abort`: then all is as before, and nothing of
        it lands later.
        """

    def give_up(self, role: Role) -> None:
        """Goes back to the version from before the last `roll`, which was not seen to land."""


class Attacher(Platform, Protocol):
    """A platform that can use a target that runs already (capability `attach`, named in its part of the contract).

    Before `deploy` changes anything it writes to `Deployment.found` how it found the target; `tear_down` removes what
    was added, brings the rest back to that, and looks again.
    """

    def restore(self, found: Path) -> list[str]:
        """Brings a target back to what the file says, whoever changed it, and returns what was done.

        A second call has nothing to do. `EnvironmentFailure` if it cannot be brought back.
        """
