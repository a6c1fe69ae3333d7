"""The outermost layer, plain ASGI: it counts and logs answers, names requests, bounds bodies, and closes connections.

It stands around everything else, so that no answer of the application escapes it, errors included. The headers that
name the replica and its boot are set by the server and not here: the server's own answers (to a request that is no
HTTP, say) carry them too.

A request that failed (5xx) is logged; with LOG_REQUESTS=1 every request is. A line names the route and not the path,
because paths hold ids.
"""

import re
import secrets
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_service import incoming, logs
from target_service.drain import Drain
from target_service.incoming import Incoming
from target_service.metrics import UNMATCHED, Metrics

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
"""What a request may call itself. Any other name could forge a line of a log, and is replaced."""


class Edge:
    """Wraps an application. A body of more than `max_body_bytes` is answered 413 (incoming.py)."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, drain: Drain, max_body_bytes: int, log_requests: bool = False
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._drain = drain
        self._max_body_bytes = max_body_bytes
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever is no HTTP goes through as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = time.perf_counter()
        given = dict(scope["headers"])
        name = _request_id(given)
        logs.request_id.set(name.decode())
        body = self._body(given, receive)
        if body is not None:
            scope[incoming.SCOPE], receive = body, body.receive

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._account(scope, message["status"], time.perf_counter() - begun)
                message["headers"] = [*message["headers"], (b"x-request-id", name)]
                if body is not None and not body.over:
                    await body.discard()
                if self._drain.draining or not (body is None or body.over):
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:
            # The framework has answered 500 and raises again, for a server that would log it.
            logs.event("unhandled", route=_route(scope), why=repr(error))

    def _account(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, status, seconds)
        if self._log_requests or status >= 500:
            logs.event("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 3))

    def _body(self, given: Mapping[bytes, bytes], receive: Receive) -> Incoming | None:
        length = given.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in given:
            return None
        return Incoming(receive, int(length), b"expect" in given, self._max_body_bytes)


def _route(scope: Scope) -> str:
    """Return the template of the route. The router has left it in the scope by the time of the answer."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def _request_id(given: Mapping[bytes, bytes]) -> bytes:
    name = given.get(b"x-request-id", b"")
    return name if REQUEST_ID.fullmatch(name) else secrets.token_hex(8).encode()
