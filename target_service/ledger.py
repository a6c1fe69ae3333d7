"""The way to the ledger, the outside world in which effects land: a small HTTP/1.1 client that sends each request once.

Each request has a deadline. Whatever is not an answer is `LedgerUnavailable`: the effect may have happened or not. The
owner of the operation asks again with the same key, under a newer fence. Nothing is sent again here.
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools
import orjson


class LedgerUnavailable(Exception):
    """There was no answer, or none that says anything: nobody knows whether the effect happened."""


class StaleFence(Exception):
    """The ledger has seen a newer owner: the owner with this fence must stop."""


@dataclass(frozen=True)
class Effect:
    """An effect that happens once for all requests that carry the same `key`.

    Attributes:
        reference: The client's name for the effect.
        key: What the ledger deduplicates by.
        fence: The number of the attempt, as the store counts them; None for an effect without a fence.
        kind: What the effect belongs to: payment, order or job.
        amount: What is charged, if anything is.
    """

    reference: str
    key: str
    fence: int | None
    kind: str
    amount: str | None = None

    def body(self) -> bytes:
        """Return the effect as the ledger reads it; an absent amount is left out."""
        parts = {"reference": self.reference, "key": self.key, "fence": self.fence, "kind": self.kind}
        if self.amount is not None:
            parts["amount"] = self.amount
        return orjson.dumps(parts)


class Ledger:
    """A client of the ledger. It keeps idle connections, and looks at each before it is used again."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._target = f"{parts.path.rstrip('/')}/effects"
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []

    async def post(self, effect: Effect) -> None:
        """Have an effect, or find that it has been had.

        Raises:
            StaleFence: The ledger has seen a newer fence for the reference.
            LedgerUnavailable: There was no answer in time, or one that says nothing.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = self._take() or await _connect(self._host, self._port)
                status = await self._exchange(connection, effect.body())
        except (OSError, EOFError, TimeoutError, httptools.HttpParserError) as error:
            raise LedgerUnavailable(type(error).__name__) from error
        if status == 409:
            raise StaleFence()
        if status not in (200, 201):
            raise LedgerUnavailable(f"status {status}")

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().writer.close()

    def _take(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof():
                return connection
            connection.writer.close()
        return None

    async def _exchange(self, connection: "_Connection", body: bytes) -> int:
        head = (
            f"POST {self._target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer = _Answer()
        try:
            connection.writer.write(head.encode() + body)
            while not answer.complete:
                data = await connection.reader.read(65536)
                if not data:
                    raise EOFError
                answer.feed(data)
        except BaseException:
            connection.writer.close()
            raise
        if answer.keep_alive:
            self._idle.append(connection)
        else:
            connection.writer.close()
        return answer.status


@dataclass(frozen=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def _connect(host: str, port: int) -> _Connection:
    return _Connection(*await asyncio.open_connection(host, port))


class _Answer:
    """Callbacks of the HTTP parser. Only the status is of interest; the body must be read to its end."""

    def __init__(self) -> None:
        self.complete = False
        self.keep_alive = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = bool(self._parser.should_keep_alive())
