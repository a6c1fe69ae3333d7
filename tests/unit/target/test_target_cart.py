"""Carts: what was added is there until it is removed, at every replica, and stays removed."""

import asyncio

import pytest
import redis

from tests.support.target_world import Answer, Crash, Replica, World, told


async def add(replica: Replica, token: str, key: str, item: str = "book", quantity: int = 2) -> Answer:
    return await replica.call("POST /api/cart/lines", {"item": item, "quantity": quantity}, token, key)


async def lines(replica: Replica, token: str) -> list[str]:
    answer = await replica.call("GET /api/cart", token=token)
    assert answer.status == 200, answer
    return [line["line_id"] for line in answer.json["lines"]]


@told
async def test_a_line_added_at_one_replica_is_in_the_cart_at_another_in_every_session_of_the_user(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token, other, bob = [(await first.user(name))["access_token"] for name in ("ada", "ada", "bob")]
        answer = await add(first, token, "k1")
        line = answer.json["line_id"]
        assert (answer.status, answer.json) == (201, {"line_id": line, "item": "book", "quantity": 2})
        assert (await second.call("GET /api/cart", token=other)).json == {"lines": [answer.json]}
        assert await lines(second, bob) == []
        assert (await second.call(f"DELETE /api/cart/lines/{line}", token=bob)).status == 404, "not yours"
        assert await lines(first, token) == [line]


@told
async def test_a_repeated_add_is_one_line_and_does_not_bring_back_what_was_removed(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        answers = await asyncio.gather(*(add(replica, token, "k1") for replica in (first, second, first)))
        (line,) = {answer.json["line_id"] for answer in answers}
        assert await lines(second, token) == [line]
        assert (await first.call(f"DELETE /api/cart/lines/{line}", token=token)).status == 204
        late = await add(second, token, "k1")
        assert (late.status, late.json["line_id"]) == (201, line), "the same answer as before"
        assert await lines(first, token) == [], "however late the repetition comes"


@told
async def test_of_two_removals_one_alone_succeeds(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        line = (await add(first, token, "k1")).json["line_id"]
        path = f"DELETE /api/cart/lines/{line}"
        answers = await asyncio.gather(*(replica.call(path, token=token) for replica in (first, second)))
        assert sorted(answer.status for answer in answers) == [204, 404]


@told
async def test_changes_at_once_lose_none(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        work = [add((first, second)[number % 2], token, f"k{number}") for number in range(20)]
        added = {answer.json["line_id"] for answer in await asyncio.gather(*work)}
        assert len(added) == 20 and set(await lines(first, token)) == added


@told
async def test_bad_adds_are_refused_without_effect(world: World, raw: redis.Redis) -> None:
    async with world.replica(CART_LINES="1") as replica:
        token = (await replica.user())["access_token"]
        for body in ({}, {"item": "", "quantity": 1}, {"item": "a", "quantity": 0}, {"item": "a", "quantity": "x"}, []):
            assert (await replica.call("POST /api/cart/lines", body, token, "k0")).status == 400
        keyless = await replica.call("POST /api/cart/lines", {"item": "a", "quantity": 1}, token)
        assert keyless.json["type"] == "urn:problem:key-missing"
        assert not raw.keys("cart*")
        assert (await add(replica, token, "k1")).status == 201
        reused = await add(replica, token, "k1", quantity=3)
        assert (reused.status, reused.json["type"]) == (422, "urn:problem:key-reused")
        full = await add(replica, token, "k2")
        assert (full.status, full.json["type"]) == (409, "urn:problem:cart-full")
        assert len(await lines(replica, token)) == 1
        for request in ("POST /api/cart/lines", "GET /api/cart", "DELETE /api/cart/lines/x"):
            body = {"item": "a", "quantity": 1} if request.startswith("POST") else None
            assert (await replica.call(request, body, "bad", "k")).status == 401


@told
async def test_an_ended_session_changes_nothing(world: World) -> None:
    async with world.replica() as replica:
        token, other = [(await replica.user())["access_token"] for _ in range(2)]
        line = (await add(replica, token, "k1")).json["line_id"]
        assert (await replica.call("POST /api/logout", token=token)).status == 204
        assert (await add(replica, token, "k2")).status == 401
        assert (await replica.call(f"DELETE /api/cart/lines/{line}", token=token)).status == 401
        assert await lines(replica, other) == [line]


@told
async def test_everything_of_a_cart_has_a_life(world: World, raw: redis.Redis) -> None:
    async with world.replica(CART_TTL_S="100", IDEMPOTENCY_RETENTION_S="50") as replica:
        token = (await replica.user())["access_token"]
        line = (await add(replica, token, "k1")).json["line_id"]
        await add(replica, token, "k2")
        assert 90 < raw.ttl(raw.keys("cart:*")[0]) <= 100 and 90 < raw.ttl(f"cart-added:{line}") <= 100
        raw.persist(raw.keys("cart:*")[0])
        assert (await replica.call(f"DELETE /api/cart/lines/{line}", token=token)).status == 204
        assert 90 < raw.ttl(raw.keys("cart:*")[0]) <= 100, "renewed by every change"
    async with world.replica(CART_TTL_S="50", IDEMPOTENCY_RETENTION_S="100") as replica:
        line = (await add(replica, token, "k3")).json["line_id"]
        assert 90 < raw.ttl(f"cart-added:{line}") <= 100, "never less than any key is remembered"


@told
async def test_a_removed_line_stays_removed_as_long_as_a_cart_lives_however_old_its_add_is(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica(IDEMPOTENCY_RETENTION_S="1") as replica:
        token = (await replica.user())["access_token"]
        line = (await add(replica, token, "k1")).json["line_id"]
        raw.delete(f"cart-added:{line}")
        assert (await add(replica, token, "k1")).status == 201
        changed = await add(replica, token, "k1", quantity=3)
        assert changed.json["type"] == "urn:problem:key-reused", "a line that is there is its own memory"
        assert (await replica.call(f"DELETE /api/cart/lines/{line}", token=token)).status == 204
        assert raw.ttl(f"cart-added:{line}") > 29 * 86400
        late, other = await add(replica, token, "k1"), await add(replica, token, "k1", quantity=3)
        assert (late.status, other.status) == (201, 422)
        assert await lines(replica, token) == []


@told
async def test_an_add_whose_reply_is_lost_is_repeated_elsewhere_with_the_same_line(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        run = first.service.store.run

        async def dies_after(name: str, *rest: object) -> None:
            await run(name, *rest)  # type: ignore[arg-type]
            raise Crash(name)

        first.service.store.run = dies_after  # type: ignore[method-assign]
        with pytest.raises(Crash):
            await add(first, token, "k1")
        answer = await add(second, token, "k1")
        assert answer.status == 201 and await lines(second, token) == [answer.json["line_id"]]
