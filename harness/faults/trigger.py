"""When a fault is due. What it does is apart: a fault knows nothing of when, and a trigger nothing of what.

There is one kind of trigger, the time since the start of the load. Another kind, such as an event, is added here, in
`harness.faults.schedule`, which asks for times, and where the nemesis waits; no fault has to change.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Span = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class Trigger(BaseModel):
    """When an entry of a scenario's faults is due, in seconds from the start of the load.

    Due `at` one or several times, or `every` so often: first at `from` (else after one interval), before `until` (else
    before the load ends). `jitter` moves each time by up to as much, by the seed.

    Attributes:
        at: When it is due: one time or several.
        every: It is due again and again, with this many seconds between.
        from_s: With `every`: first due then. Left out: after one interval.
        until: With `every`: not due from then on. Left out: the end of the load.
        jitter: Moves each time by up to this much, earlier or later, by the seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    at: Seconds | Annotated[list[Seconds], Field(min_length=1)] | None = None
    every: Span | None = None
    from_s: Seconds | None = Field(default=None, alias="from")
    until: Seconds | None = None
    jitter: Seconds = 0.0

    @model_validator(mode="after")
    def _one_way_of_timing(self) -> Self:
        if (self.at is None) == (self.every is None):
            raise ValueError("a fault is due either `at` times or `every` so many seconds: give one of them")
        if self.at is not None and (self.from_s is not None or self.until is not None):
            raise ValueError("`from` and `until` bound `every`; with `at` they say nothing")
        if self.from_s is not None and self.until is not None and self.until <= self.from_s:
            raise ValueError(f"`until` ({self.until:g}) has to be later than `from` ({self.from_s:g})")
        return self

    def times(self, duration_s: float) -> list[float]:
        """Return the times at which the entry is due in a load of so many seconds, before `jitter` moves them.

        An entry that would never be due has one time after the load: it must show in the record rather than vanish
        from the plan.
        """
        if self.every is None:
            at = self.at if self.at is not None else []
            return list(at) if isinstance(at, list) else [at]
        first = self.every if self.from_s is None else self.from_s
        until = duration_s if self.until is None else self.until
        found: list[float] = []
        while (at_s := first + len(found) * self.every) < until:
            found.append(at_s)
        return found or [first]
