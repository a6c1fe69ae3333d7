"""What every route needs: the assembled service, who asks, and an answer of bytes that are ready."""

import orjson
from fastapi import Request
from fastapi.responses import Response

from target_service.headers import bearer
from target_service.parts import Service
from target_service.tokens import Claims

JSON = "application/json"


def service_of(request: Request) -> Service:
    """The service that this request came to."""
    service: Service = request.scope["app"].state.service
    return service


def claims_of(request: Request) -> Claims:
    """What the request's token says; raises NotAuthenticated."""
    return service_of(request).tokens.verify(bearer(request))


def json_response(body: object, status: int = 200) -> Response:
    """An answer that no response model is walked for."""
    return Response(orjson.dumps(body), status, media_type=JSON)
