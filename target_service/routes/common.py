"""What every route needs: the assembled service, who asks, and an answer of bytes that are ready."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from target_service import incoming
from target_service.headers import bearer
from target_service.parts import Service
from target_service.problems import Problem
from target_service.tokens import Claims

JSON = "application/json"
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Route(APIRoute):
    """A route that refuses a body before anything is done, unless its handler takes one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler, behind one that refuses a body where none is taken."""
        handle = super().get_route_handler()
        if self.body_field is not None:
            return handle

        async def without_body(request: Request) -> Response:
            body = request.scope.get(incoming.SCOPE)
            if body is not None:
                await body.refuse()
            return await handle(request)

        return without_body


def refuses(*problems: type[Problem]) -> Callable[[Handler], Handler]:
    """Declare the problems that a handler answers, besides those that openapi.py knows from its helpers."""

    def noted(handler: Handler) -> Handler:
        handler.refuses = problems  # type: ignore[attr-defined]
        return handler

    return noted


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.scope["app"].state.service
    return service


def claims_of(request: Request) -> Claims:
    """Return what the token or the API key of a request says.

    Raises:
        NotAuthenticated: There is no token, or none that is genuine.
    """
    return service_of(request).tokens.verify(bearer(request))


def json_response(body: object, status: int = 200) -> Response:
    """Return an answer whose body is encoded at once, without a response model."""
    return Response(orjson.dumps(body), status, media_type=JSON)
