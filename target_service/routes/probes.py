"""What the platform asks: alive, ready, and how many requests were answered."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from target_service import answers
from target_service.problems import Draining, StoreGone
from target_service.routes.common import Route, json_response, refuses, service_of

router = APIRouter(route_class=Route)


@router.get("/health", response_model=answers.Alive)
async def health() -> Response:
    """Whether this process lives; says nothing of its store, or a store that is gone would have replicas killed."""
    return json_response({"status": "alive"})


@router.get("/ready", response_model=answers.Ready)
@refuses(Draining, StoreGone)
async def ready(request: Request) -> Response:
    """Whether requests should be sent here: not when leaving, and not without the store."""
    problem = await service_of(request).drain.unready()
    return problem.response() if problem else json_response({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    counters = service_of(request).metrics
    return Response(counters.text(), media_type=counters.content_type)
