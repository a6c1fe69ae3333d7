"""The store's client sends a command again when no reply is there in time, and writes are no exception.

Seen in the wild: redis-py retries ten times by default, HTTP clients hedge slow requests, drivers repeat what timed
out. The first command may well have been executed, and then the second finds something else than the first. A log-out
that is repeated is told that there is no session.
"""

import asyncio

from target_service.parts import Parts
from target_service.store import Reply, Store, Word

PATIENCE_S = 0.002
"""How long a reply may take, in seconds: the value of a client that was tuned for its median."""

RETRIES = 2


class EagerStore(Store):
    """A client that treats writes like reads."""

    async def command(self, *words: Word, wait_s: float = 0.0) -> Reply:
        """Send one command, in one round trip or a few."""
        for _ in range(0 if wait_s else RETRIES):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return await super().command(*words, wait_s=wait_s)
            except TimeoutError:
                continue
        return await super().command(*words, wait_s=wait_s)


def apply(parts: Parts) -> None:
    """Replace the client of the store."""
    parts.store = EagerStore
