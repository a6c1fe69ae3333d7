"""The outermost layer, plain ASGI: counts and logs answers, names requests, limits bodies, says goodbye while draining.

Around everything else, so that no answer of the application escapes it, errors included. The headers that name
replica and boot are not set here but by the server itself: its own answers (a request that is no HTTP) carry them too.

A request is logged when it failed (5xx), and with LOG_REQUESTS=1 always: by route, never by path, which holds ids.
"""

import re
import secrets
import time

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_service import logs
from target_service.drain import Drain
from target_service.metrics import UNMATCHED, Metrics

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
"""What a request may call itself; anything else could forge a line of a log, and is replaced."""


class Edge:
    """Wraps `app`; bodies of more than `max_body_bytes` are answered 413."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, drain: Drain, max_body_bytes: int, log_requests: bool = False
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._drain = drain
        self._max_body_bytes = max_body_bytes
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = time.perf_counter()
        name = _request_id(scope)
        logs.request_id.set(name.decode())

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._account(scope, message["status"], time.perf_counter() - begun)
                message["headers"] = [*message["headers"], (b"x-request-id", name)]
                if self._drain.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive if scope["method"] == "GET" else self._limited(scope, receive), counted)
        except Exception as error:
            # The framework has answered 500 and raises again, for a server that would log it.
            logs.event("unhandled", route=_route(scope), why=repr(error))

    def _account(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, status, seconds)
        if self._log_requests or status >= 500:
            logs.event("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 3))

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        left = self._max_body_bytes

        async def limited() -> Message:
            nonlocal left
            # HTTPException, because the framework turns any other error while reading a body into a 400.
            if int(announced) > self._max_body_bytes:
                raise HTTPException(413)
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        return limited


def _route(scope: Scope) -> str:
    """The template of the route, which the router has left in the scope by the time of the answer."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def _request_id(scope: Scope) -> bytes:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8).encode()
