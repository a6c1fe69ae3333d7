"""What a fault is: when it is due, on whom, how it is injected and seen to land, and how it is undone."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from harness.faults.trigger import Span, Trigger
from harness.faults.undo import Nothing, Undo
from harness.platforms.abilities import Ability, required
from harness.platforms.base import Member, Platform
from harness.supervision.supervisor import Supervisor

__all__ = ["Context", "Fault", "Lasting", "Span"]


@dataclass
class Context:
    """What a fault works with.

    Attributes:
        platform: Where the target runs.
        supervisor: Keeps the wanted number of members.
        target: The victim; None for a fault that has no single one.
        abort: Set when the run heals: what lasts for a time ends then.
        give_up: Set when the run is to be torn down at once: then nothing waits for a replacement either.
        undo: Carries out what the fault said would undo it (`Fault.undo`), and returns how that was seen.
        stopped: Filled by a fault that chooses its victims itself: the members that it stopped gracefully. Recorded
            however the fault ends.
    """

    platform: Platform
    supervisor: Supervisor
    target: Member | None
    abort: threading.Event
    give_up: threading.Event
    undo: Callable[[], str] = lambda: ""
    stopped: list[str] = field(default_factory=list)

    @property
    def victim(self) -> Member:
        """The target, for a fault that needs one."""
        assert self.target is not None
        return self.target

    def able(self, ability: type[Ability]) -> Ability:
        """Return the platform as one that has the ability.

        Raises:
            FaultNotSeen: The platform has not the ability, or not on this machine.
        """
        return required(self.platform, ability)


class Fault(Trigger):
    """One entry of a scenario's faults: what is done, and to whom.

    `min_ready` members of the role stay ready: with fewer to spare, the fault waits a moment and then fails.

    Attributes:
        kind: One of the names above.
        role: Whom it is done to.
        min_ready: So many members of the role stay ready. With fewer to spare the fault waits, then fails.
    """

    needs_target: ClassVar[bool] = True
    """Hits one member, which is chosen when the fault is due."""
    graceful: ClassVar[bool] = False
    """Asks members to end and lets them finish what they do: a good service fails no request by it."""
    rough: ClassVar[bool] = False
    """Excuses the requests that fail while it lasts: no service could have answered them."""
    ends_life: ClassVar[bool] = False
    """Ends the life of its target: the boot id of the target never answers again."""
    renews: ClassVar[bool] = False
    """Puts new members in the place of all old ones: a new one has to be seen answering."""
    idle: ClassVar[bool] = False
    """Does nothing: it is no evidence that a check could have failed."""
    lasts: ClassVar[bool] = False
    """Lasts until it is undone, which is done at once when the run heals."""
    whole_role: ClassVar[bool] = False
    """Changes the number or the version of a whole role, so two of them never run at the same time on one role."""
    needs: ClassVar[tuple[type, ...]] = ()
    """Abilities of platforms (`harness.platforms.abilities`), one of which is needed; none: any platform will do."""

    kind: str
    role: Literal["replica", "worker"] = "replica"
    min_ready: Annotated[int, Field(ge=0)] = 1

    @property
    def wanted(self) -> int | None:
        """How many members of the role the target shall have from the fault on; None where the number stays."""
        return None

    def undo(self, context: Context) -> Undo:
        """Return what undoes the fault. It is on the disk before the fault is injected, whoever carries it out."""
        return Nothing()

    def describe(self, context: Context) -> str:
        """Return the target as the record names it."""
        return context.victim.name

    @abstractmethod
    def inject(self, context: Context) -> str:
        """Do it, and return how it was seen to land.

        Raises:
            FaultNotSeen: The effect was not seen. Any other failure counts as the same.
        """

    @abstractmethod
    def heal(self, context: Context) -> str:
        """Wait until the fault is over, and return how that was seen.

        Raises:
            EnvironmentFailure: It was not seen to be over.
        """


class Lasting(Fault):
    """A fault that is undone after some time. `for`: how long the fault lasts, in seconds."""

    lasts = True

    for_s: Span = Field(default=4.0, alias="for")

    def heal(self, context: Context) -> str:
        context.abort.wait(self.for_s)
        return context.undo()
