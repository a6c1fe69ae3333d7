"""Where an idempotency key is needed, a request without one changes nothing. Which routes need none: see openapi."""

from typing import Any

import pytest
import redis
from fastapi.routing import APIRoute

from target_service import openapi
from target_service.routes import ROUTERS
from tests.support.target_world import World, told

KEYED = [
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and "required_idempotency_key" in openapi.calls(route)
    for method in route.methods
]

BODIES: dict[str, Any] = {
    "POST /payment": {"amount": 5, "currency": "EUR", "reference": "r1"},
    "POST /api/orders": {"order_id": "o1", "item": "tea", "quantity": 1},
    "POST /process-order": {"order_id": "o1", "item": "tea", "quantity": 1},
    "POST /api/process": {"reference": "j1", "input": {"numbers": [1]}},
    "POST /api/cart/lines": {"item": "tea", "quantity": 1},
    "POST /api/keys": {"name": "robot"},
}
"""Each with a body that would be accepted."""


def test_every_route_that_needs_a_key_is_tried_here() -> None:
    assert sorted(KEYED) == sorted(BODIES)


@pytest.mark.parametrize("route", sorted(BODIES))
def test_without_a_key_it_is_refused_and_nothing_happens(world: World, raw: redis.Redis, route: str) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            token = (await replica.user())["access_token"]
            before = sorted(raw.keys("*"))
            answer = await replica.call(route, BODIES[route], token)
            assert (answer.status, answer.json["type"]) == (400, "urn:problem:key-missing")
            assert sorted(raw.keys("*")) == before and not world.ledger.attempts
            assert (await replica.call(route, BODIES[route], token, "k1")).status in (201, 202)

    story()
