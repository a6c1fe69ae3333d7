"""The way to the store: one command or one script, one round trip, never sent twice.

redis-py retries commands ten times by default. A retry after a lost reply executes a write again, so nothing here
retries: a reply that does not come is `Unavailable`, and the caller's own idempotency decides what happens next.
The one repetition is EVAL after EVALSHA answered NOSCRIPT, which proves that nothing was executed.

Connections are redis.asyncio's (hiredis parser), kept in a plain last-in-first-out list: a connection is looked at
before it is used (an end of file that has arrived means reconnect, before anything is sent), and dropped after any
doubt, because a late reply must never be read as the answer to the next command.
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
"""What a command consists of."""

Reply = Any
"""What the store answered: bytes, int, None, or a list of them."""

LUA_FOLDER = Path(__file__).parent / "lua"
PRELUDE = ("clock", "live", "gcra", "lease")
"""Fragments that stand before every script: the store's clock, whether a session is live, a rate limit, leases."""

FOR_NOW = ("MISCONF ", "NOREPLICAS ", "MASTERDOWN ", "CLUSTERDOWN ", "BUSY ", "TRYAGAIN ")
"""How a refusal begins that is the store's trouble and no fault of the command: disk, replicas, a long script."""


def lua_files() -> dict[str, str]:
    """Every Lua fragment and script of this package by name."""
    return {path.stem: path.read_text() for path in sorted(LUA_FOLDER.glob("*.lua"))}


class Store:
    """A client of the store. `lua`: fragments and scripts by name, as lua_files() gives them."""

    def __init__(self, url: str, lua: Mapping[str, str], timeout_s: float = 2.0, connections: int = 64) -> None:
        self._timeout_s = timeout_s
        self._connect_arguments: dict[str, Any] = {
            **parse_url(url),
            "protocol": 2,
            "driver_info": None,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_error": [],
            "health_check_interval": 0,
            # One deadline stands around the whole round trip below; redis-py's own would start a task per write.
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
        """Runs a script of `lua` atomically; raises StoreUnreachable (not sent) or Unavailable (nobody knows)."""
        code = self._scripts[script]
        try:
            return await self.command("EVALSHA", code.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self.command("EVAL", code.text, len(keys), *keys, *args)

    async def command(self, *words: Word, wait_s: float = 0.0) -> Reply:
        """One command in one round trip; `wait_s`: how long the command itself may block in the store."""
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
        """Whether the store answers at all."""
        try:
            return bool(await self.command("PING") == b"PONG")
        except (Unavailable, ResponseError):
            return False

    async def close(self) -> None:
        """Closes idle connections; those in use close themselves when their command ends."""
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
