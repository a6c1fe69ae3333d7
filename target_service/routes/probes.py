"""What a platform asks: whether the process lives, whether it is ready, and how many requests it has answered."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from target_service import answers
from target_service.problems import Draining, StoreGone
from target_service.routes.common import Route, json_response, refuses, service_of

router = APIRouter(route_class=Route)


@router.get("/health", response_model=answers.Alive)
async def health() -> Response:
    """Say that this process lives.

    It says nothing of the store, because a store that is gone must not have replicas killed.
    """
    return json_response({"status": "alive"})


@router.get("/ready", response_model=answers.Ready)
@refuses(Draining, StoreGone)
async def ready(request: Request) -> Response:
    """Say whether requests should be sent here: not to a replica that is leaving, and not to one without its store."""
    problem = await service_of(request).drain.unready()
    return problem.response() if problem else json_response({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Show what this process has counted, as Prometheus reads it."""
    counters = service_of(request).metrics
    return Response(counters.text(), media_type=counters.content_type)
