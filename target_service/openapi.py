"""The description of the interface, /openapi.json: made from the routes, and true of every answer.

A success has the status and the body that its route declares (answers.py). An error is problem+json: those that a
handler's helpers raise are known by their names, those of its own it declares (`refuses`), so that each status names
the problems which it may be. Left out is 500, which is a bug wherever it happens. The tests ask the service whether it
keeps to this, and whether they would notice if it did not.
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

AUTHENTICATED = "claims_of"
"""The helper by which a handler learns who asks."""

HEADERS = {
    "required_idempotency_key": (
        "Idempotency-Key",
        "Names the operation: repeated with it, it is done once.",
        "^[!-~]{1,255}$",
    ),
    "required_match": ("If-Match", "The ETag of what the change was made from.", '^([*]|"[!#-~]{1,64}")$'),
}
"""Helpers by which a handler reads a header that it needs, each with the pattern of what it takes."""

RAISED: dict[str, tuple[type[Problem], ...]] = {
    AUTHENTICATED: (NotAuthenticated,),
    "required_idempotency_key": (KeyMissing, KeyReused),
    "required_match": (PreconditionRequired,),
}
"""What comes of a helper, or of what the handler has it for."""

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


def describe(app: FastAPI, routes: list[APIRoute], limited: Collection[str]) -> dict[str, Any]:
    """The document; `app` brings paths, parameters and bodies, this adds what it cannot know.

    `limited`: the routes that have been given a rate limit, as "METHOD /path".
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
    """Names that the handler of a route uses."""
    return set(route.endpoint.__code__.co_names)


def _header(name: str, why: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "description": why, "schema": schema}


def problems(route: APIRoute) -> set[type[Problem]]:
    """What a route may answer but a success."""
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
