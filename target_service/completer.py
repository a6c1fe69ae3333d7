"""Finishes what its owner left open: payments and orders whose replica was killed, and whose client never came back.

A record that cannot be read (torn, or of another version during a rolling update) stands for itself alone: it is logged
by its name, stays open, and is looked at again a lease later, behind the others.
"""

import asyncio
from typing import Protocol, TypeVar

from target_service import logs
from target_service.problems import InProgress, Unavailable

COMPLETE_AT_ONCE = 16

A = TypeVar("A")


class Abandonable(Protocol[A]):
    """A kind of state with work under leases. `A` is an owner's attempt."""

    async def due(self, most: int) -> list[str]:
        """Names of what is open under a lease that has ended; at most `most` of them, each put off for a while."""
        ...

    async def resume(self, name: str) -> A | None:
        """Takes it over, if it is free to take; raises anything if it cannot be read."""
        ...

    async def complete(self, attempt: A) -> bytes:
        """Does what is left; raises InProgress or Unavailable."""
        ...


async def complete_abandoned(work: Abandonable[A]) -> None:
    """One look, and all of it at once that is found. Raises Unavailable."""
    names = await work.due(COMPLETE_AT_ONCE)
    await asyncio.gather(*(_complete(work, name) for name in names))


async def _complete(work: Abandonable[A], name: str) -> None:
    kind = type(work).__name__
    try:
        attempt = await work.resume(name)
        if attempt is not None:
            await work.complete(attempt)
            logs.event("completed", kind=kind, open=name)
    except (InProgress, Unavailable):
        logs.event("not_completed", kind=kind, open=name)
    except Exception as error:
        logs.event("not_completed", kind=kind, open=name, why=repr(error))
