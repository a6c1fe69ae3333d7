"""What a platform is: where the target runs, and what can be done to its members.

A platform deploys the store, the ledger, the replicas, the workers and the balancer of one run, and can kill,
stop, freeze and add members. It knows no faults: what is done when, and why, is said by `harness.faults`.
One object serves one run. All methods may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
    """One replica or worker.

    Attributes:
        boot: Names this life of the member: the boot id that its answers carry, else the name of the member.
        held: The member may be ready, but is sent no requests until it is admitted.
        handle: By what the platform still knows the member after the harness died; empty where the name is enough.
    """

    name: str
    role: Role
    host: str
    port: int | None
    boot: str | None
    state: State
    held: bool = False
    handle: str = ""

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

    `found` is the file in which an `Attachable` platform notes how it found a target that runs already. `allowed` names
    the hosts, beside this machine, that the load may go to.

    `boot_header` names the header of the readiness answer that carries the boot id; without one, a member's
    name is its boot id (names are never reused within a run). `sticky_cookie`: the cookie by which the balancer shall
    bring a client back to the replica that answered it first, where the platform can do that (`Sticky`).
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
    """What every platform can do. What only some can is in `harness.platforms.abilities`.

    What is done to a member returns how its effect was seen, or raises `FaultNotSeen`.
    """

    name: str

    def missing(self) -> list[str]:
        """Return what this machine lacks for the platform to work, each with how to get it. Soon, without an effect."""

    def deploy(self, deployment: Deployment) -> None:
        """Bring everything up and wait until it is ready.

        Raises:
            EnvironmentFailure: something did not come up; the text has the tail of its log. Then nothing is left.
        """

    def balancer(self) -> tuple[str, int]:
        """Return the address that spreads requests over the ready replicas."""

    def members(self) -> list[Member]:
        """Return all living members and the last few dead ones, in the order in which they were started."""

    def ready(self, member: Member) -> bool:
        """Ask the member whether it is ready, bounded in time, and note the answer as its state.

        A frozen or dead member is not ready.
        """

    def kill(self, name: str) -> str:
        """End the member at once, with no chance to clean up."""

    def stop(self, name: str, grace_s: float) -> str:
        """Ask the member to end. `FaultNotSeen` if it is still there after the grace; then it is killed."""

    def failures(self) -> list[str]:
        """Return which parts beside the members (store, ledger, balancer) died: then nothing can be judged."""

    def problems(self) -> list[str]:
        """Return what else went wrong by itself, and lost nothing: a member that cannot be started, say."""

    def log_tail(self, name: str, lines: int = 20) -> str:
        """Return the last lines that a part wrote; empty when it wrote none."""

    def tear_down(self) -> None:
        """Remove everything of the run but its folder, and look again. May be called twice.

        Raises:
            EnvironmentFailure: naming what is still there.
        """

    def runs(self) -> Mapping[str, Standing]:
        """Return the ids of all runs of which something is there, by looking at the engine alone.

        A run of this place (`harness.platforms.common.lock`) is false: the name that it holds tells more. One of
        another place is true if its lease goes on being renewed (`Leased`), and a text where that cannot be shown.
        May take as long as it takes to see that a lease is not renewed any more.

        Raises:
            EnvironmentFailure: the engine cannot be looked at.
        """

    def leftovers(self, run_id: str) -> list[str]:
        """Return what is there of this run, one line each."""

    def remove(self, run_id: str) -> list[str]:
        """Remove what is there of this run and return what was removed. `EnvironmentFailure` if some of it stays."""
