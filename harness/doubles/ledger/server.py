"""The HTTP side of the ledger: asyncio and httptools, kept-alive connections, one request at a time on each.

The effect is recorded as soon as the request has been read; the answer waits for the delay. In that window a replica
has had its effect and does not know so: killing the replica there is what matters most. A client that hangs up has had
its effect all the same.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from dataclasses import dataclass
from urllib.parse import parse_qs

import httptools
import orjson

from harness.doubles.ledger.book import Answer, BadRequest, Book, parse

_BODY_MAX = 65_536
_HEAD_MAX = 16_384
_QUEUE_MAX = 64
_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


@dataclass
class Settings:
    """What can be changed while the ledger runs, through `/control`.

    Attributes:
        book: Where the orders go.
        delay_ms: How long the answer to an effect waits after the effect, in milliseconds.
        token: What the header `X-Control` must carry; empty when nobody may change anything.
        answer_twice_next: How many of the next answers to an effect are sent twice.
        answer_twice_every: With N here every Nth answer to an effect is sent twice; 0 for none.
        effect_answers: How many answers to effects have been given.
    """

    book: Book
    delay_ms: float
    token: str
    answer_twice_next: int = 0
    answer_twice_every: int = 0
    effect_answers: int = 0

    def is_answered_twice(self) -> bool:
        """Count one answer to an effect, and return whether the answer is to be sent twice.

        To be called once for each answer.
        """
        self.effect_answers += 1
        is_next = self.answer_twice_next > 0
        self.answer_twice_next -= is_next
        return is_next or (self.answer_twice_every > 0 and self.effect_answers % self.answer_twice_every == 0)


@dataclass(frozen=True)
class _Request:
    method: str
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes
    keep: bool


def _problem(status: int, text: str) -> Answer:
    return Answer(status, orjson.dumps({"error": text}))


def respond(settings: Settings, method: str, target: bytes, headers: dict[bytes, bytes], body: bytes) -> Answer:
    """Return the answer to one request; the effect of the request, if any, is recorded before this returns.

    Args:
        settings: The ledger's settings and its book.
        method: The HTTP method.
        target: The request target, as it stands in the request line.
        headers: The headers by lower-case name.
        body: The content.
    """
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserError:
        return _problem(400, "the target is not a URL")
    path = url.path or b""
    allowed = {b"/effects": ("POST", "GET"), b"/health": ("GET",), b"/control": ("POST",)}.get(path)
    if allowed is None:
        return _problem(404, "no such path; there are /effects, /health, /control")
    if method not in allowed:
        return _problem(405, f"{path.decode()} takes {' and '.join(allowed)}")
    if path == b"/health":
        return Answer(200, b'{"status":"ok"}')
    try:
        if path == b"/control":
            return _control(settings, headers.get(b"x-control", b""), body)
        if method == "GET":
            return _effects(settings, url.query or b"")
        return settings.book.take(parse(body))
    except BadRequest as error:
        return _problem(400, str(error))


def _effects(settings: Settings, query: bytes) -> Answer:
    try:
        references = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=8).get("reference", [])
    except ValueError as error:
        raise BadRequest("the query is not UTF-8, or has too many fields") from error
    if len(references) != 1:
        raise BadRequest("name one reference: /effects?reference=…")
    return Answer(200, settings.book.effects(references[0]))


def _control(settings: Settings, token: bytes, body: bytes) -> Answer:
    if not settings.token or not hmac.compare_digest(token, settings.token.encode()):
        return _problem(403, "X-Control does not carry the token of this ledger")
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("the body is not JSON") from error
    known = {"delay_ms", "fail_next", "answer_twice_next"}
    if not isinstance(asked, dict) or not set(asked) <= known:
        raise BadRequest(f"control is a JSON object of {', '.join(sorted(known))}")
    if not all(type(value) is int and 0 <= value <= 600_000 for value in asked.values()):
        raise BadRequest("control takes whole numbers from 0 to 600000")
    settings.delay_ms = asked.get("delay_ms", settings.delay_ms)
    settings.book.fail_next = asked.get("fail_next", settings.book.fail_next)
    settings.answer_twice_next = asked.get("answer_twice_next", settings.answer_twice_next)
    return Answer(204, b"")


class Connection(asyncio.Protocol):
    """One client of the ledger; requests that the client sends before it has its answer wait in order.

    Args:
        settings: The settings and the book, shared by all connections.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[_Request] = deque()
        self._busy = False
        self._closing = False
        self.on_message_begin()

    # -- what httptools calls

    def on_message_begin(self) -> None:
        """Begin a request with nothing in it (called by httptools)."""
        self._target, self._body, self._head = b"", b"", 0
        self._headers: dict[bytes, bytes] = {}
        self._too_large = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target (called by httptools)."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header (called by httptools)."""
        self._count(len(name) + len(value))
        if not self._too_large:
            self._headers[name.lower()] = value

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _HEAD_MAX:
            self._too_large = 431

    def on_body(self, body: bytes) -> None:
        """Take a piece of the content, unless there is too much of it (called by httptools)."""
        if len(self._body) + len(body) > _BODY_MAX:
            self._too_large = 413
        elif not self._too_large:
            self._body += body

    def on_message_complete(self) -> None:
        """Queue the request that has been read (called by httptools)."""
        method = self._parser.get_method().decode()
        keep = self._parser.should_keep_alive()
        self._waiting.append(_Request(method, self._target, self._headers, self._body, keep))

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer through (called by asyncio)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and refuse what is no HTTP or too large (called by asyncio)."""
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(_problem(400, "no upgrades here"))
        except httptools.HttpParserError:
            self._refuse(_problem(400, "not HTTP"))
        if self._too_large or len(self._waiting) > _QUEUE_MAX:
            self._refuse(_problem(self._too_large or 413, "too large, or too much at once"))
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Carry out the requests that were read whole, although nobody waits for an answer (called by asyncio)."""
        self._transport = None
        # Requests that were read whole have reached the outside world, whether anybody waits or not.
        while self._waiting:
            self._answer(self._waiting.popleft())

    # -- answering

    def _refuse(self, answer: Answer) -> None:
        if not self._closing:
            self._closing = True
            self._send(answer, keep=False)

    def _next(self) -> None:
        if self._waiting and not self._busy and not self._closing:
            self._busy = True
            request = self._waiting.popleft()
            answer = self._answer(request)
            is_effect = request.method == "POST" and answer.status in (200, 201)
            delay_s = self._settings.delay_ms / 1000 if is_effect else 0.0
            asyncio.get_running_loop().call_later(delay_s, self._finish, answer, request.keep, is_effect)

    def _answer(self, request: _Request) -> Answer:
        return respond(self._settings, request.method, request.target, request.headers, request.body)

    def _finish(self, answer: Answer, keep: bool, is_effect: bool) -> None:
        self._busy = False
        if is_effect and self._settings.is_answered_twice():
            # The connection is closed after that: on a kept connection the second answer would be read as the answer to
            # the next request.
            self._send(answer, keep=True)
            keep = False
        self._send(answer, keep)
        self._closing = self._closing or not keep
        self._next()

    def _send(self, answer: Answer, keep: bool) -> None:
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}", "Content-Type: application/json"]
        if answer.status != 204:
            head.append(f"Content-Length: {len(answer.body)}")
        head.append(f"Connection: {'keep-alive' if keep else 'close'}")
        self._transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + answer.body)
        if not keep:
            self._transport.close()
