"""What a fault is: when it is due, on whom, how it is injected and seen to land, and how it is undone."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.errors import FaultNotSeen
from harness.platforms.abilities import Ability, offered
from harness.platforms.base import Member, Platform
from harness.supervision.supervisor import Supervisor

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Span = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


@dataclass
class Context:
    """What a fault works with. `target` is None for a fault that has no single victim.

    `abort` is set when the run heals: what lasts for a time ends then. `give_up` is set when the run is to be torn
    down at once: then nothing waits for a replacement either. `stopped` is filled by a fault that chooses its victims
    itself: the members that it stopped gracefully, recorded however it ends.
    """

    platform: Platform
    supervisor: Supervisor
    target: Member | None
    abort: threading.Event
    give_up: threading.Event
    stopped: list[str] = field(default_factory=list)

    @property
    def victim(self) -> Member:
        """The target of a fault that needs one."""
        assert self.target is not None
        return self.target

    def able(self, ability: type[Ability]) -> Ability:
        """Return the platform as one that has the ability. Raises `FaultNotSeen` where the platform has not."""
        found = offered(self.platform, ability)
        if found is None:
            raise FaultNotSeen(f"the platform {self.platform.name} is not {ability.__name__}: choose another one")
        return found


class Fault(BaseModel):
    """One entry of a scenario's faults; times in seconds from the start of the load.

    Due `at` one or several times, or `every` so often: first at `from` (else after one interval), before
    `until` (else before the load ends). `jitter` moves each time by up to as much, by the seed. `min_ready`
    members of the role stay ready: with fewer to spare, the fault waits a moment and then fails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

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
    whole_role: ClassVar[bool] = False
    """Changes the number or the version of a whole role: two of them cannot both be seen to land at once."""
    needs: ClassVar[tuple[type, ...]] = ()
    """Abilities of platforms (`harness.platforms.abilities`), one of which is needed; none: any platform will do."""

    kind: str
    role: Literal["replica", "worker"] = "replica"
    at: Seconds | Annotated[list[Seconds], Field(min_length=1)] | None = None
    every: Span | None = None
    from_s: Seconds | None = Field(default=None, alias="from")
    until: Seconds | None = None
    jitter: Seconds = 0.0
    min_ready: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _one_way_of_timing(self) -> Self:
        if (self.at is None) == (self.every is None):
            raise ValueError("a fault is due either `at` times or `every` so many seconds: give one of them")
        if self.at is not None and (self.from_s is not None or self.until is not None):
            raise ValueError("`from` and `until` bound `every`; with `at` they say nothing")
        if self.from_s is not None and self.until is not None and self.until <= self.from_s:
            raise ValueError(f"`until` ({self.until:g}) has to be later than `from` ({self.from_s:g})")
        return self

    def undo(self, context: Context) -> dict[str, Any]:
        """What would have to be done should the harness die now; written before the fault is injected."""
        return {"do": "none"}

    def describe(self, context: Context) -> str:
        """The target as the record names it."""
        return context.victim.name

    @abstractmethod
    def inject(self, context: Context) -> str:
        """Does it and returns how it was seen to land. Raises `FaultNotSeen` (or another failure) if it was not."""

    @abstractmethod
    def heal(self, context: Context) -> str:
        """Undoes it, or waits until it is undone; returns how that was seen. Raises if it was not."""
