"""The body of one request on its way in: bounded, refused where none is taken, never in the way of the next request.

A body that nobody reads stands on the connection before the next request. What a refusal leaves unread is therefore
read and thrown away, a bounded amount for a bounded time, so that a client which is still sending can also read why it
was refused. If more is left after that, the connection is closed. A client that asks first (`Expect: 100-continue`) is
not told to go on.
"""

import asyncio
from contextlib import suppress

from fastapi import HTTPException
from starlette.types import Message, Receive

from target_service.problems import Malformed, TooLarge

SCOPE = "target_service.incoming"
"""The name under which a request's scope holds its Incoming. A request without a body has none."""

DISCARD_BYTES = 1024 * 1024
"""How many bytes of a refused body are read and thrown away at most."""
DISCARD_S = 1.0
"""How many seconds that may take."""


class Incoming:
    """The body of a request.

    Attributes:
        over: True when nothing of the body is left to read.
    """

    def __init__(self, receive: Receive, announced: int, asks: bool, most_bytes: int) -> None:
        self._receive = receive
        self._announced = announced
        self._asks = asks
        self._most_bytes = most_bytes
        self._read_bytes = 0
        self.over = False
        """Nothing of the body is left to read."""

    async def receive(self) -> Message:
        """Return the next part of the body.

        Raises:
            HTTPException: The body is too large, by what was announced or by what has come (413).
        """
        # HTTPException, because the framework turns any other error while reading a body into a 400.
        if self._announced > self._most_bytes:
            raise HTTPException(413)
        message = await self._next()
        if self._read_bytes > self._most_bytes:
            raise HTTPException(413)
        return message

    async def refuse(self) -> None:
        """Refuse any body. Parts that come in chunks are read until one of them is a body.

        Raises:
            TooLarge: The announced body is too large.
            Malformed: There is a body.
        """
        if self._announced > self._most_bytes:
            raise TooLarge()
        while not (self._announced or self._read_bytes or self.over):
            await self._next()
        if self._announced or self._read_bytes:
            raise Malformed("no body is taken here")

    async def discard(self) -> None:
        """Read what is left of the body, if that is little enough and comes soon; `over` says whether all was read."""
        if self._asks or self._announced > DISCARD_BYTES:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while not self.over and self._read_bytes <= DISCARD_BYTES:
                    await self._next()

    async def _next(self) -> Message:
        self._asks = False
        message = await self._receive()
        self._read_bytes += len(message.get("body", b""))
        self.over = not message.get("more_body", False)
        return message
