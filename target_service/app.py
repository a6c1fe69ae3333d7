"""The ASGI application of a replica: routes, errors, edge."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from target_service import limits, logs, openapi
from target_service.edge import Edge
from target_service.metrics import UNMATCHED
from target_service.parts import Service
from target_service.problems import Malformed, NotFound, Problem, TooLarge, problem_response
from target_service.routes import ROUTERS


def create_app(service: Service) -> ASGIApp:
    """Return the application around an assembled service."""
    gates = limits.gates(service.limits, service.tokens, service.settings.rate_limits)
    app = FastAPI(
        title="reference service",
        version="1",
        openapi_url=openapi.PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=gates,
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    limited = [name for name, _, _ in service.settings.rate_limits]
    app.openapi = lambda: openapi.describe(app, routes, limited)  # type: ignore[method-assign]
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)
    return Edge(app, service.metrics, service.drain, service.settings.max_body_bytes, service.settings.log_requests)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Only the place and the message are shown: pydantic's errors quote the input, which may be a password.
    faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    return Malformed("; ".join(faults)).response()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {400: Malformed, 404: NotFound, 413: TooLarge}.get(error.status_code)
    if known is not None:
        return known().response()
    kind = error.detail.lower().replace(" ", "-")
    return problem_response(error.status_code, f"urn:problem:{kind}", error.detail, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    logs.event("error", route=getattr(request.scope.get("route"), "path", UNMATCHED), why=repr(error))
    return Problem().response()
