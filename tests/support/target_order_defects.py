"""How each seeded defect of orders and of the store's client shows: True when it is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.target_world import Answer, Crash, Replica, World, crash_before

# Private names: `_connected` is where the store takes a connection: below it, a late reply is late for one command
# alone.

RESUMED_S = 3.0
"""Many leases and polls: who has not resumed by then never will."""


def _one_late_reply(replica: Replica) -> None:
    """The reply to the next command is there at once, and read a moment later."""
    store = replica.service.store
    connected = store._connected

    async def slow() -> Any:
        store._connected = connected  # type: ignore[method-assign]
        connection = await connected()
        read = connection.read_response

        async def late() -> Any:
            await asyncio.sleep(0.1)
            return await read()

        connection.read_response = late  # type: ignore[method-assign]
        return connection

    store._connected = slow  # type: ignore[method-assign]


def _wait_before_claim(replica: Replica, both: asyncio.Barrier) -> None:
    """Its next claim of an order waits for that of another replica: whatever comes before has been done by both."""
    store = replica.service.store
    run = store.run

    async def waiting(script: str, *rest: Any) -> Any:
        if script == "order_claim":
            store.run = run  # type: ignore[method-assign]
            await both.wait()
        return await run(script, *rest)

    store.run = waiting  # type: ignore[method-assign]


async def _tokens(replica: Replica, *names: str) -> list[str]:
    return [str((await replica.user(name))["access_token"]) for name in names]


async def _place(replica: Replica, token: str) -> Answer:
    body = {"order_id": "o1", "item": "tea", "quantity": 1}
    return await replica.call("POST /api/orders", body, token, "k1")


async def an_order_stays_in_processing(world: World, first: Replica, second: Replica) -> bool:
    (token,) = await _tokens(first, "ada")
    world.ledger.fail_next = 1
    failed = {"order_id": "o0", "item": "tea", "quantity": 1}
    assert (await first.call("POST /api/orders", failed, token, "k0")).status == 503
    assert (await second.call("POST /api/orders", failed, token, "k0")).status == 201, "a lease given back is free"
    crash_before(first, "order_finish")
    with pytest.raises(Crash):
        await _place(first, token)
    await asyncio.sleep(2 * second.service.settings.payment_lease_s)
    async with world.worker(TARGET_DEFECTS=",".join(second.service.settings.defects)):
        until = time.monotonic() + RESUMED_S
        while time.monotonic() < until:
            if (await second.call("GET /api/orders/o1", token=token)).json["status"] == "processed":
                return False
            await asyncio.sleep(0.02)
    return True


async def two_racers_have_one_order(world: World, first: Replica, second: Replica) -> bool:
    world.ledger.delay_s = 0.05
    ada, bob = await _tokens(first, "ada", "bob")
    both = asyncio.Barrier(2)
    for replica in (first, second):
        _wait_before_claim(replica, both)
    told = [*await asyncio.gather(_place(first, ada), _place(second, bob))]
    # One of them may have been fenced off at the ledger meanwhile: it is told when it asks again.
    told += [await _place(replica, token) for replica, token in ((first, ada), (second, bob))]
    (cleo,) = await _tokens(first, "cleo")
    assert (await _place(second, cleo)).status == 409
    return all(201 in (told[racer].status, told[racer + 2].status) for racer in (0, 1))


async def a_log_out_finds_that_it_has_happened(world: World, first: Replica, second: Replica) -> bool:
    token, other = await _tokens(first, "ada", "bob")
    # From here on the store knows the script: what is sent late has been executed.
    await first.call("POST /api/logout", token=other)
    _one_late_reply(first)
    answer = await first.call("POST /api/logout", token=token)
    assert (await second.call("GET /profile", token=token)).status == 401, "it has worked, whatever was said"
    return answer.status == 401


ORDER_BUGS: dict[str, Callable[[World, Replica, Replica], Awaitable[bool]]] = {
    "lease-never-resumed": an_order_stays_in_processing,
    "order-check-then-claim": two_racers_have_one_order,
    "client-retries-writes": a_log_out_finds_that_it_has_happened,
}
