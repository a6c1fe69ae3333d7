"""The outermost layer, plain ASGI: counts answers, limits bodies, says goodbye while draining.

Around everything else, so that no answer of the application escapes it, errors included. The headers that name
replica and boot are not set here but by the server itself: its own answers (a request that is no HTTP) carry them too.
"""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_service import logs
from target_service.drain import Drain
from target_service.metrics import UNMATCHED, Metrics


class Edge:
    """Wraps `app`; bodies of more than `max_body_bytes` are answered 413."""

    def __init__(self, app: ASGIApp, metrics: Metrics, drain: Drain, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._drain = drain
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The router has left its route in the scope by now.
                self._metrics.answered(getattr(scope.get("route"), "path", UNMATCHED), message["status"])
                if self._drain.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, receive if scope["method"] == "GET" else self._limited(scope, receive), counted)
        except Exception as error:
            # The framework has answered 500 and raises again, for a server that would log it.
            logs.event("unhandled", path=scope["path"], why=repr(error))

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
