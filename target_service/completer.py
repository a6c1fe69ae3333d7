"""Finishes what its owner left open: payments and orders whose replica was killed, and whose client never came back."""

import asyncio
from typing import Protocol, TypeVar

from target_service import logs
from target_service.problems import InProgress, Unavailable

COMPLETE_AT_ONCE = 16

A = TypeVar("A")


class Abandonable(Protocol[A]):
    """A kind of state with work under leases. `A` is an owner's attempt."""

    async def due(self, most: int) -> list[str]:
        """Names of what is open under a lease that has ended; at most `most` of them."""
        ...

    async def resume(self, name: str) -> A | None:
        """Takes it over, if it is free to take."""
        ...

    async def complete(self, attempt: A) -> bytes:
        """Does what is left; raises InProgress or Unavailable."""
        ...


async def complete_abandoned(work: Abandonable[A]) -> None:
    """One look, and all of it at once that is found. Raises Unavailable."""
    names = await work.due(COMPLETE_AT_ONCE)
    await asyncio.gather(*(_complete(work, name) for name in names))


async def _complete(work: Abandonable[A], name: str) -> None:
    attempt = await work.resume(name)
    if attempt is None:
        return
    try:
        await work.complete(attempt)
        logs.event("completed", open=name)
    except (InProgress, Unavailable):
        logs.event("not_completed", open=name)
