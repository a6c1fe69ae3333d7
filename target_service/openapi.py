"""The description of the interface, /openapi.json: made from the routes, and true of every answer.

The framework would promise 200 and 422 for everything. What really happens is uniform: a success of the route's own
status, an error as problem+json (problems.py). What a handler reads from its headers is known by the helpers that it
calls, so a new route describes itself. The tests ask the service whether it keeps to this.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

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


def describe(app: FastAPI, routes: list[APIRoute]) -> dict[str, Any]:
    """The document; `app` brings paths, parameters and bodies, this adds what it cannot know."""
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
            operation["responses"] = _responses(route)
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


def _responses(route: APIRoute) -> dict[str, Any]:
    success = str(route.status_code) if route.status_code else "2XX"
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        success: {"description": "done"},
        "4XX": {"description": "the request is not what it must be; nothing was done", "content": problem},
        "5XX": {"description": "the service cannot answer now", "content": problem},
    }
