"""The store after use, key by key: nothing undeclared, nothing ephemeral without a TTL, nothing that piles up."""

import asyncio
from typing import Any

import pytest
import redis

from target_service import state
from tests.support.target_asking import BODIES, ROUTES, own
from tests.support.target_world import Replica, World, eventually, told

SHORT = {
    # Longer than one turn of it all takes on a slow machine: whose token has ended has no orders.
    "ACCESS_TTL_S": "5",
    "REFRESH_TTL_S": "5",
    "REFRESH_GRACE_S": "0.1",
    "JWT_LEEWAY_S": "0",
    "IDEMPOTENCY_RETENTION_S": "2",
    "JOB_RETENTION_S": "2",
    "CART_TTL_S": "2",
}
SLACK_BYTES = 64 * 1024
"""For what the store itself remembers: scripts, buffers of connections, a rehash under way."""


async def use(replica: Replica, user: str, number: int) -> None:
    """Every endpoint once, by one user, and a second job that is cancelled."""
    tokens = await replica.user(user)
    token = tokens["access_token"]
    again = f"{user}-{number}"
    for name in sorted(ROUTES):
        if "logout" in name:
            continue
        method, path = name.split(" ")
        body: Any = own(BODIES.get(name), again)
        if name == "POST /api/users":
            continue
        if name == "POST /api/login":
            body = {"username": user, "password": "lovelace"}
        if name == "POST /api/refresh":
            body = {"refresh_token": tokens["refresh_token"]}
        key = f"{again}{name.replace(' ', '').replace('/', '')}"
        answer = await replica.call(f"{method} {path.replace('{id}', user)}", body, token, key, {"if-match": "*"})
        assert answer.status < 500, f"{name}: {answer}"
        if name == "POST /api/keys" and answer.status == 201:
            await replica.call(f"DELETE /api/keys/{answer.json['key_id']}", token=token)
    token = (await replica.user(user))["access_token"]
    job = (await replica.submit(token, f"{again}-cancelled", [1] * 50, again)).json["job_id"]
    await replica.call(f"POST /api/cancel/{job}", token=token)
    await replica.call("POST /api/logout", token=token)


def family(name: str) -> state.Key:
    """The one family of keys that declares `name`."""
    found = [key for each in state.states() for key in each.keys if key.covers(name)]
    assert len(found) == 1, f"{name} is declared by {len(found)} families"
    return found[0]


def walk(raw: redis.Redis) -> set[str]:
    """Every key in the store, held to its declaration."""
    names = {str(name) for name in raw.scan_iter("*", count=1000)}
    for name in names:
        key = family(name)
        assert raw.type(name) in (key.kind, "none"), f"{name} is no {key.kind}"
        assert key.ttl is None or raw.pttl(name) != -1, f"{name} should live {key.ttl}, and lives for ever"
    return names


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_used_store_holds_what_was_declared_and_forgets_it_in_time(world: World, raw: redis.Redis) -> None:
    async with world.replica(**SHORT) as replica, world.worker(**SHORT):

        async def quiet() -> bool:
            return not raw.xlen("jobs") and not raw.zcard("payments:open") and not raw.zcard("orders:open")

        async def forgotten() -> bool:
            return all(family(str(name)).ttl is None for name in raw.scan_iter("*"))

        sizes: list[int] = []
        kept: list[set[str]] = []
        for turn in range(3):
            await asyncio.gather(*(use(replica, f"user{n}", turn) for n in range(4)))
            await eventually(quiet, "all jobs, payments and orders are over")
            assert len(walk(raw)) > 4
            await eventually(forgotten, "what was ephemeral is gone")
            sizes.append(int(raw.info("memory")["used_memory_dataset"]))
            kept.append({str(name) for name in raw.scan_iter("*")})
        orders = [{name for name in names if name.startswith("order:")} for names in kept]
        assert kept[1] - orders[1] == kept[2] - orders[2], "it grows with the users, not with what they do,"
        assert orders[1] < orders[2] and [len(names) for names in orders] == [8, 16, 24], "but for the orders they won"
        assert sizes[2] <= sizes[1] + SLACK_BYTES


def test_the_walk_finds_what_is_wrong(raw: redis.Redis) -> None:
    wrong: list[Any] = [("stray", lambda: raw.set("stray", 1)), ("session", lambda: raw.hset("session:x", "user", "a"))]
    wrong.append(("kind", lambda: raw.set("revoked-", 1) and raw.rpush("revoked:x", 1) and raw.delete("revoked-")))
    for what, plant in wrong:
        raw.flushdb()
        plant()
        try:
            walk(raw)
        except AssertionError:
            continue
        raise AssertionError(f"the walk does not see a wrong {what}")
