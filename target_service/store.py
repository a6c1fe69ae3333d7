"""The way to the store: one command or one script, one round trip, never sent twice.

redis-py repeats commands ten times by default. A repetition after a lost reply executes a write again, so nothing is
repeated here. A reply that does not come is `Unavailable`, and the idempotency of the caller decides what happens next.
The one exception is EVAL after EVALSHA answered NOSCRIPT, which proves that nothing was executed.

Connections are redis.asyncio's (hiredis parser), kept in a plain last-in-first-out list. A connection is looked at
before it is used: if its end of file has arrived, it is opened again before anything is sent. A connection is dropped
after any doubt, because a late reply must never be read as the answer to the next command.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

from target_service.metrics import RoundTrip
from target_service.problems import StoreUnreachable, Unavailable

Word = str | int | bytes | float
"""One word of a command."""

Reply = Any
"""What the store answered: bytes, int, None, or a list of them."""

LUA_FOLDER = Path(__file__).parent / "lua"
"""The scripts and fragments. Each begins with its KEYS and ARGV and, after an arrow, with what it returns."""

PRELUDE = ("clock", "live", "gcra", "lease")
"""The fragments that stand before every script: the store's clock, whether a session is live, a rate limit, leases."""

FOR_NOW = ("MISCONF ", "NOREPLICAS ", "MASTERDOWN ", "CLUSTERDOWN ", "BUSY ", "TRYAGAIN ")
"""How a refusal begins that is the store's trouble and not the command's: full disk, few replicas, a long script."""


def lua_files() -> dict[str, str]:
    """Return every Lua fragment and script of this package by name."""
    return {path.stem: path.read_text() for path in sorted(LUA_FOLDER.glob("*.lua"))}


class Store:
    """A client of the store.

    Attributes:
        observe: Called with what came of each round trip.
    """

    def __init__(self, url: str, lua: Mapping[str, str], timeout_s: float = 2.0, connections: int = 64) -> None:
        self._timeout_s = timeout_s
        self._connect_arguments: dict[str, Any] = {
            **parse_url(url),
            "protocol": 2,
            "driver_info": None,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_error": [],
            "health_check_interval": 0,
            # There is one deadline around the whole round trip below; redis-py's own would start a task for each write.
            "socket_timeout": None,
            "socket_connect_timeout": timeout_s,
        }
        self.observe: Callable[[RoundTrip], None] = lambda outcome: None
        """Hears what came of each round trip."""
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []
        prelude = "".join(lua[name] for name in PRELUDE)
        self._scripts = {name: _Script(prelude + text) for name, text in lua.items() if name not in PRELUDE}

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Word]) -> Reply:
        """Run a script as one atomic step.

        Args:
            script: The name of the script.
            keys: The keys that it uses.
            args: Its arguments.

        Returns:
            What the script returned.

        Raises:
            StoreUnreachable: Nothing was sent.
            Unavailable: No reply came, so nobody knows whether the script ran; or the store refused for now.
            ResponseError: The store refused the script.
        """
        code = self._scripts[script]
        try:
            return await self.command("EVALSHA", code.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self.command("EVAL", code.text, len(keys), *keys, *args)

    async def command(self, *words: Word, wait_s: float = 0.0) -> Reply:
        """Send one command in one round trip.

        Args:
            words: The command and its arguments.
            wait_s: How long the command itself may block in the store, in seconds.

        Returns:
            What the store answered.

        Raises:
            StoreUnreachable: Nothing was sent.
            Unavailable: No reply came, so nobody knows whether the command ran; or the store refused for now.
            ResponseError: The store refused the command.
        """
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s):
                    connection = await self._connected()
            except (RedisError, OSError, TimeoutError) as error:
                self.observe("unreachable")
                raise StoreUnreachable() from error
            try:
                async with asyncio.timeout(self._timeout_s + wait_s):
                    await connection.send_command(*words)
                    reply = await connection.read_response()
            except ResponseError as error:
                self._idle.append(connection)
                self.observe("refused")
                if isinstance(error, (ReadOnlyError, OutOfMemoryError)) or str(error).startswith(FOR_NOW):
                    raise Unavailable() from error
                raise
            except BaseException as error:
                await connection.disconnect(nowait=True)
                self.observe("unknown")
                if isinstance(error, (RedisError, OSError, TimeoutError)):
                    raise Unavailable() from error
                raise
            self._idle.append(connection)
            self.observe("answered")
            return reply

    async def alive(self) -> bool:
        """Return whether the store answers at all."""
        try:
            return bool(await self.command("PING") == b"PONG")
        except (Unavailable, ResponseError):
            return False

    async def close(self) -> None:
        """Close the idle connections. Those in use close themselves when their command ends."""
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)

    async def _connected(self) -> Connection:
        connection = self._idle.pop() if self._idle else Connection(**self._connect_arguments)
        try:
            if connection.is_connected and await connection.can_read():
                await connection.disconnect(nowait=True)
            if not connection.is_connected:
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection


class _Script:
    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
