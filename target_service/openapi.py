"""The description of the interface, /openapi.json: made from the routes, and true of every answer.

A success has the status and the body that its route declares (answers.py). An error is problem+json. Errors that the
helpers of a handler raise are known by the names of the helpers; the handler declares the others (`refuses`). So each
status names the problems that it may be. The status 500 is left out, because it is a bug wherever it happens. The tests
ask the service whether it keeps to the description, and whether they would notice if it did not.
"""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from target_service import state
from target_service.problems import (
    CONTENT_TYPE,
    KeyMissing,
    KeyReused,
    Limited,
    Malformed,
    NotAuthenticated,
    PreconditionRequired,
    Problem,
    StoreUnreachable,
    TooLarge,
    Unavailable,
)

PATH = "/openapi.json"
"""The path under which the description is served."""

AUTHENTICATED = "claims_of"
"""The name of the helper by which a handler learns who asks."""

HEADERS = {
    "required_idempotency_key": (
        "Idempotency-Key",
        "Names the operation: repeated with it, it is done once.",
        "^[!-~]{1,255}$",
    ),
    "required_match": ("If-Match", "The ETag of what the change was made from.", '^([*]|"[!#-~]{1,64}")$'),
}
"""The helpers by which handlers read a header that they need. Each has the header's name, what it is for, and the
pattern of what is accepted."""

RAISED: dict[str, tuple[type[Problem], ...]] = {
    AUTHENTICATED: (NotAuthenticated,),
    "required_idempotency_key": (KeyMissing, KeyReused),
    "required_match": (PreconditionRequired,),
}
"""The problems that a helper raises, or that follow from what a handler needs the helper for."""

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:problem:"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
"""The schema of every error."""


def describe(app: FastAPI, routes: list[APIRoute], limited: Collection[str]) -> dict[str, Any]:
    """Return the description of the interface.

    Args:
        app: The application, which brings paths, parameters and bodies.
        routes: The routes, from which security, headers and errors are added.
        limited: The routes that have been given a rate limit, as "METHOD /path".
    """
    document = dict(FastAPI.openapi(app))
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            called = calls(route)
            success = str(route.status_code or 200)
            refused = problems(route) | ({Limited} if f"{method} {route.path}" in limited else set())
            operation["responses"] = {success: operation["responses"][success], **_refusals(refused)}
            if AUTHENTICATED in called:
                operation["security"] = [{"bearer": []}]
            operation.setdefault("parameters", []).extend(
                _header(*header) for helper, header in HEADERS.items() if helper in called
            )
    return document


def calls(route: APIRoute) -> set[str]:
    """Return the names that the handler of a route uses."""
    return set(route.endpoint.__code__.co_names)


def _header(name: str, why: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "description": why, "schema": schema}


def problems(route: APIRoute) -> set[type[Problem]]:
    """Return all problems that a route may answer."""
    found: set[type[Problem]] = {Malformed, TooLarge, *getattr(route.endpoint, "refuses", ())}
    for helper, raised in RAISED.items():
        if helper in calls(route):
            found.update(raised)
    asks_the_store = {name for each in state.states() for name in each.trips}
    if any(f"{method} {route.path}" in asks_the_store for method in route.methods or ()):
        found |= {Unavailable, StoreUnreachable}
    return found


def _refusals(found: set[type[Problem]]) -> dict[str, Any]:
    by_status = groupby(sorted(found, key=lambda each: (each.status, each.type)), key=lambda each: each.status)
    return {str(status): _refusal(status, list(each)) for status, each in by_status}


def _refusal(status: int, found: list[type[Problem]]) -> dict[str, Any]:
    these = {"status": {"const": status}, "type": {"enum": [each.type for each in found]}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": these}]}
    return {"description": "; ".join(each.title for each in found), "content": {CONTENT_TYPE: {"schema": schema}}}
