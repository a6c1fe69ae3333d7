"""What some platforms can do beside what all of them can: one small protocol an ability, and the question for it.

    offered(platform, Pausable)     the platform, typed as one that can freeze its members, or None

A platform has an ability by having its methods, or, where the ability has none, by inheriting from its marker. What
depends on the machine (a cluster's processes can be frozen only where its node is this machine) is said by the platform
itself (`Conditional`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from harness.errors import FaultNotSeen
from harness.platforms.base import Member, Platform, Role

Ability = TypeVar("Ability")


class Hoppable:
    """Marker: replicas have addresses of their own, so a client can send each request to a replica of its choice."""


class Sticky:
    """Marker: the balancer can bring a client back to the replica that answered first (`Deployment.sticky_cookie`)."""


@runtime_checkable
class Startable(Protocol):
    """A platform that begins a member when it is told to: the harness replaces the dead, and keeps the number."""

    def start(self, role: Role, held: bool = False) -> Member:
        """Begin a new member and return it; the member is ready later.

        Args:
            role: Which part of the service.
            held: The balancer sends no request to the replica until it is admitted; for `Admitting` platforms alone.

        Raises:
            EnvironmentFailure: the member cannot even be begun.
        """


@runtime_checkable
class Renewable(Startable, Protocol):
    """A platform on which the members begun from some time on can be of another version."""

    def renew(self, role: Role, environment: Mapping[str, str]) -> None:
        """Give these variables, on top of all others, to the members of the role that are begun from now on."""


@runtime_checkable
class Admitting(Renewable, Protocol):
    """A platform on which a replica can be begun and held back from requests until it is admitted."""

    def admit(self, names: Sequence[str]) -> None:
        """Let the balancer send requests to replicas that were held.

        Raises:
            EnvironmentFailure: the balancer does not take one of them.
        """


@runtime_checkable
class SelfHealing(Protocol):
    """A platform that replaces the dead and keeps the wanted number by itself, as a cluster's controllers do.

    Each method returns when the change is asked for; what comes of it is seen in `Platform.members`.
    """

    def scale(self, role: Role, count: int) -> None:
        """Want so many members of a role from now on."""

    def roll(self, role: Role, environment: Mapping[str, str]) -> None:
        """Begin to roll out a new version, which gets these variables as well, one member after another."""

    def switch(
        self, role: Role, environment: Mapping[str, str], deadline_s: float, abort: threading.Event | None = None
    ) -> None:
        """Bring up as many members of a new version, send all requests to them, and ask the old ones to end.

        Raises:
            EnvironmentFailure: the new ones were not up in time, or `abort` was set. Then all is as before, and
                nothing of the switch lands later.
        """

    def give_up(self, role: Role) -> None:
        """Go back to the version from before the last `roll`, which was not seen to land."""


@runtime_checkable
class Pausable(Protocol):
    """A platform that can freeze a member as a whole. Each method returns how its effect was seen."""

    def pause(self, name: str) -> str:
        """Freeze the member. Raises `FaultNotSeen` if it is not seen to stand still."""

    def resume(self, name: str) -> str:
        """Thaw the member. Raises `FaultNotSeen` if it is not seen to run again."""


@runtime_checkable
class Disconnectable(Protocol):
    """A platform that can take a replica off the network by which it is reached. Each returns how that was seen."""

    def cut(self, name: str) -> str:
        """Take the replica off. Raises `FaultNotSeen` if it is still seen on the network."""

    def mend(self, name: str) -> str:
        """Put the replica back. Raises `FaultNotSeen` if it is not seen on the network again."""


@runtime_checkable
class Thawer(Protocol):
    """A platform that can thaw a member of a dead run, whose platform object died with it."""

    def thaw_left(self, run_id: str, name: str, handle: str) -> str:
        """Thaw the member, if it is there and the run's, and return how that was seen. May be called again.

        Args:
            run_id: The dead run.
            name: The member, as the run called it.
            handle: The member, as the platform knows it (`Member.handle`).

        Raises:
            FaultNotSeen: the member is not seen to run again.
        """


@runtime_checkable
class Mender(Protocol):
    """A platform that can put a member of a dead run back on the network by which it was reached."""

    def mend_left(self, run_id: str, name: str, handle: str) -> str:
        """Put the member back, if it is there and the run's, and return how that was seen; see `Thawer.thaw_left`."""


@runtime_checkable
class Scaler(Protocol):
    """A platform that can bring back the number of members that a dead run had before it changed it.

    Where the members of a run go with it there is nothing to bring back; what ran before the run is brought back by
    `Attachable.restore`.
    """

    def scale_left(self, run_id: str, role: Role, count: int) -> str:
        """Let so many members of the role be there, and return how that was seen. May be called again."""


@runtime_checkable
class Attachable(Protocol):
    """A platform that can use a target that runs already, which its part of the contract names as `attach`.

    Before `deploy` changes anything it writes to `Deployment.found` how it found the target. `tear_down` removes what
    was added, brings the rest back to that, and looks again.
    """

    def restore(self, found: Path) -> list[str]:
        """Bring a target back to what the file says, whoever changed it, and return what was done.

        A second call has nothing to do.

        Raises:
            EnvironmentFailure: the target cannot be brought back.
        """


@runtime_checkable
class Leased(Protocol):
    """A platform whose engine is reached from other machines, which do not see the name that the run holds."""

    def renew_lease(self) -> None:
        """Show on the engine that the run is in progress; called every few seconds, from before `deploy` on."""


@runtime_checkable
class Conditional(Protocol):
    """A platform some of whose abilities depend on what is there."""

    def withholds(self, ability: type) -> str | None:
        """Return why an ability cannot be used here, None if it can. Soon, and without an effect."""


WORDS: dict[type, str] = {Hoppable: "hop", Sticky: "sticky", Attachable: "attach"}
"""What users call the abilities that a scenario or a contract can ask for."""


def offered(platform: Platform, ability: type[Ability]) -> Ability | None:
    """Return the platform as one that has the ability, None if it has not, or not on this machine."""
    if not isinstance(platform, ability) or why_withheld(platform, ability):
        return None
    return platform


def required(platform: Platform, ability: type[Ability]) -> Ability:
    """Return the platform as one that has the ability.

    Raises:
        FaultNotSeen: The platform has not the ability, or not on this machine.
    """
    found = offered(platform, ability)
    if found is None:
        raise FaultNotSeen(f"the platform {platform.name} is not {ability.__name__}: choose another one")
    return found


def why_withheld(platform: Platform, ability: type) -> str | None:
    """Return why the platform, which has the ability elsewhere, does not offer it on this machine; else None."""
    if not isinstance(platform, ability) or not isinstance(platform, Conditional):
        return None
    return platform.withholds(ability)
