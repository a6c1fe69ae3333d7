"""A route with a rate limit."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service.routes.common import claims_of, json_response, service_of

router = APIRouter()


@router.get("/api/limited")
async def limited(request: Request) -> Response:
    claims = claims_of(request)
    await service_of(request).limits.take(claims)
    return json_response({"admitted": True})
