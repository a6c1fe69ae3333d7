"""The endpoint with a rate limit of its own."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from target_service import answers
from target_service.problems import Limited
from target_service.routes.common import Route, claims_of, json_response, refuses, service_of

router = APIRouter(route_class=Route)


@router.get("/api/limited", response_model=answers.Admission)
@refuses(Limited)
async def limited(request: Request) -> Response:
    """Use a turn, if there is one."""
    claims = claims_of(request)
    await service_of(request).limits.take(claims)
    return json_response({"admitted": True})
