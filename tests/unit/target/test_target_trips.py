"""Store round trips of every endpoint, counted, against what the state files declare."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from fastapi.routing import APIRoute
from target_world import Replica, World, told

from target_service import state
from target_service.routes import ROUTERS

DECLARED = {name: state.number(trips) for each in state.states() for name, trips in each.trips.items()} | state.PROBES
ENDPOINTS = sorted(
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)

BODIES: dict[str, Any] = {
    "POST /api/users": {"username": "eve", "password": "lovelace"},
    "POST /api/login": {"username": "ada", "password": "lovelace"},
    "POST /payment": {"amount": 5, "currency": "EUR", "reference": "r1"},
    "POST /api/process": {"reference": "j1", "input": {"numbers": [1]}},
    "POST /api/orders": {"order_id": "o1", "item": "book", "quantity": 1},
    "POST /process-order": {"order_id": "o2", "item": "book", "quantity": 1},
    "POST /api/cart/lines": {"item": "book", "quantity": 1},
    "PUT /api/preferences": {"theme": "dark", "language": "en", "timezone": "Europe/Berlin"},
    "PUT /api/users/{id}/role": {"role": "admin"},
    "POST /api/keys": {"name": "robot"},
}
"""A body that each endpoint takes. One that is not here is asked with an empty one, and must still not exceed it."""


@asynccontextmanager
async def counted(replica: Replica) -> AsyncIterator[Callable[[], int]]:
    """How often the store was asked since the beginning of the block."""
    store, asked = replica.service.store, 0
    command = store.command

    async def counting(*words: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await command(*words, **more)

    store.command = counting  # type: ignore[method-assign]
    try:
        yield lambda: asked
    finally:
        store.command = command  # type: ignore[method-assign]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_asks_the_store_as_often_as_it_says(world: World, raw: redis.Redis, name: str) -> None:
    """Twice: the first time a script may have to be sent in full, which is no round trip that every request takes."""
    method, path = name.split(" ")

    @told
    async def story() -> None:
        async with world.replica() as replica:
            most = 0
            for _ in range(2):
                raw.flushdb()
                tokens = await replica.user()
                job = (await replica.submit(tokens["access_token"], "k0", [1])).json["job_id"]
                body = BODIES.get(name, {} if method in ("POST", "PUT") else None)
                if name == "POST /api/refresh":
                    body = {"refresh_token": tokens["refresh_token"]}
                target = path.replace("{id}", job if "status" in path or "cancel" in path else "ada")
                async with counted(replica) as asked:
                    headers = {"if-match": "*"}
                    answer = await replica.call(f"{method} {target}", body, tokens["access_token"], "k1", headers)
                    most = asked()
                assert answer.status < 500, answer
                if name in BODIES and "role" not in name:
                    assert answer.status < 300, f"{name} refused what it should take: {answer}"
            assert most == DECLARED[name] or (answer.status >= 400 and most <= DECLARED[name])

    story()


@told
async def test_counting_counts(world: World) -> None:
    async with world.replica() as replica, counted(replica) as asked:
        await asyncio.gather(*(replica.service.store.alive() for _ in range(3)))
        assert asked() == 3
