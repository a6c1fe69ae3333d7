"""Orders: one of those who ask gets it, it is processed once, and none stays in processing."""

import asyncio
from typing import Any

import pytest
import redis

from tests.support.target_world import Answer, Crash, Replica, World, crash_before, eventually, told


async def place(
    replica: Replica, token: str | None, key: str | None, order: str = "o1", quantity: Any = 1, **more: Any
) -> Answer:
    body = {"order_id": order, "item": "tea", "quantity": quantity, **more}
    return await replica.call("POST /api/orders", body, token, key)


async def tokens_of(replica: Replica, *names: str) -> list[str]:
    return [str((await replica.user(name))["access_token"]) for name in names]


@told
async def test_one_of_many_racers_is_accepted(world: World) -> None:
    world.ledger.delay_s = 0.05
    async with world.replica() as first, world.replica() as second:
        tokens = await tokens_of(first, "ada", "bob", "cleo", "dan")
        racers = [(token, f"{token[-4:]}-{n}") for token in tokens for n in range(2)]
        answers = await asyncio.gather(
            *(place((first, second)[n % 2], token, key) for n, (token, key) in enumerate(racers))
        )
        assert sorted(answer.status for answer in answers) == [201] + [409] * 7
        types = {answer.json["type"] for answer in answers if answer.status == 409}
        assert types == {"urn:problem:order-taken"}
        (winner,) = [n for n, answer in enumerate(answers) if answer.status == 201]
        assert answers[winner].json["status"] == "processed" and len(world.ledger.attempts) == 1
        token, key = racers[winner]
        again = await place(second, token, key)
        assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, answers[winner].body, "true")
        same_user = racers[winner ^ 1]
        assert (await place(first, *same_user)).json["type"] == "urn:problem:order-taken", "a key of the user, not this"


@told
async def test_both_names_of_the_route_are_one_operation(world: World) -> None:
    async with world.replica() as replica:
        (token,) = await tokens_of(replica, "ada")
        body = {"order_id": "o1", "item": "tea", "quantity": 1}
        first = await replica.call("POST /process-order", body, token, "k1")
        assert first.status == 201 and first.headers["location"] == "/api/orders/o1"
        assert (await place(replica, token, "k1")).body == first.body
        assert (await replica.call("POST /process-order", body, token, "k2")).status == 409


@told
async def test_the_user_is_the_tokens_and_an_order_is_shown_to_nobody_else(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        ada, bob = await tokens_of(first, "ada", "bob")
        claimed = await place(first, ada, "k1", user="bob")
        assert (claimed.status, claimed.json["type"]) == (400, "urn:problem:malformed")
        assert not world.ledger.attempts
        placed = await place(first, ada, "k1")
        assert placed.json["user_id"] == (await first.call("GET /profile", token=ada)).json["user_id"]
        own = await second.call("GET /api/orders/o1", token=ada)
        assert (own.status, own.json) == (200, placed.json)
        foreign, none = [await second.call(f"GET /api/orders/{name}", token=bob) for name in ("o1", "o2")]
        assert (foreign.status, foreign.body) == (404, none.body) and none.status == 404
        assert (await second.call("GET /api/orders/o1")).status == 401


@told
async def test_a_key_wins_one_order_with_one_body(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = await tokens_of(replica, "ada", "bob")
        assert (await place(replica, ada, "k1", "o1")).status == 201
        for order, quantity in (("o2", 1), ("o1", 2)):
            reused = await place(replica, ada, "k1", order, quantity)
            assert (reused.status, reused.json["type"]) == (422, "urn:problem:key-reused")
        assert (await place(replica, bob, "k1", "o2")).status == 201, "the same key of another user is another key"
        assert len(world.ledger.effects) == 2


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("script", ["order_finish", "the ledger"])
def test_a_crash_never_strands_an_order(world: World, raw: redis.Redis, script: str) -> None:
    @told
    async def story() -> None:
        async with world.replica() as dying, world.replica() as other:
            ada, bob = await tokens_of(dying, "ada", "bob")

            async def die(*_: object) -> None:
                raise Crash()

            if script == "the ledger":
                dying.service.ledger.post = die  # type: ignore[method-assign]
            else:
                crash_before(dying, script)
            with pytest.raises(Crash):
                await place(dying, ada, "k1")
            assert len(world.ledger.effects) == (script != "the ledger")
            assert (await other.call("GET /api/orders/o1", token=ada)).json["status"] == "processing"
            assert (await place(other, bob, "k1")).json["type"] == "urn:problem:order-taken"
            assert (await place(other, ada, "k1")).json["type"] == "urn:problem:in-progress"
            async with world.worker():

                async def processed() -> bool:
                    shown = await other.call("GET /api/orders/o1", token=ada)
                    return bool(shown.json["status"] == "processed")

                await eventually(processed, "the completer finishes it, without any client")
            answer = await place(other, ada, "k1")
            assert (answer.status, answer.headers["idempotent-replayed"]) == (201, "true")
            assert len(world.ledger.effects) == 1 and raw.zcard("orders:open") == 0

    story()


@pytest.mark.usefixtures("short_leases")
@told
async def test_the_winners_retry_goes_on_where_a_crash_left_it(world: World) -> None:
    async with world.replica() as dying, world.replica() as other:
        (ada,) = await tokens_of(dying, "ada")
        crash_before(dying, "order_finish")
        with pytest.raises(Crash):
            await place(dying, ada, "k1")
        receipt = (await other.call("GET /api/orders/o1", token=ada)).json["receipt"]

        async def placed() -> Answer | None:
            answer = await place(other, ada, "k1")
            return answer if answer.status == 201 else None

        answer = await eventually(placed, "the lease ends")
        assert answer.json["receipt"] == receipt
        assert [attempt["fence"] for attempt in world.ledger.attempts] == [1, 2] and len(world.ledger.effects) == 1


@told
async def test_a_failing_ledger_leaves_the_order_its_winners(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = await tokens_of(replica, "ada", "bob")
        world.ledger.fail_next = 1
        failed = await place(replica, ada, "k1")
        assert (failed.status, failed.json["type"]) == (503, "urn:problem:unavailable")
        assert "x-no-effect" not in failed.headers
        assert (await place(replica, bob, "k1")).status == 409
        assert (await place(replica, ada, "k1")).status == 201, "the lease was released"
        assert len(world.ledger.effects) == 1


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_thawed_owner_cannot_finish_over_a_newer_one(world: World) -> None:
    async with world.replica() as frozen, world.replica() as other:
        (ada,) = await tokens_of(frozen, "ada")
        thaw, post = asyncio.Event(), frozen.service.ledger.post

        async def freezing(effect: object) -> None:
            await thaw.wait()
            await post(effect)  # type: ignore[arg-type]

        frozen.service.ledger.post = freezing  # type: ignore[method-assign]
        late = asyncio.create_task(place(frozen, ada, "k1"))

        async def placed() -> bool:
            return (await place(other, ada, "k1")).status == 201

        await eventually(placed, "another owner takes over after the lease")
        thaw.set()
        assert (await late).status == 409, "the ledger has seen a newer fence"
        assert len(world.ledger.effects) == 1


@pytest.mark.parametrize(
    ("key", "change", "status"),
    [
        (None, {}, 400),
        ("two words", {}, 400),
        ("k1", {"quantity": 0}, 400),
        ("k1", {"quantity": "x"}, 400),
        ("k1", {"order": ""}, 400),
        ("k1", {"order": "a/b"}, 400),
        ("k1", {"item": ""}, 400),
    ],
)
def test_what_is_malformed_has_no_effect(
    world: World, raw: redis.Redis, key: str | None, change: dict[str, Any], status: int
) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            (ada,) = await tokens_of(replica, "ada")
            answer = await place(replica, ada, key, **change)
            assert answer.status == status and answer.headers["content-type"] == "application/problem+json"
            assert not world.ledger.attempts and not raw.keys("order*")

    story()


@told
async def test_a_log_out_ends_the_right_to_order(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        (ada,) = await tokens_of(replica, "ada")
        assert (await replica.call("POST /api/logout", token=ada)).status == 204
        assert (await place(replica, ada, "k1")).status == 401
        assert (await replica.call("GET /api/orders/o1", token=ada)).status == 401
        assert not raw.keys("order*")


@told
async def test_an_order_is_its_winners_for_ever_and_a_key_is_remembered_as_long_as_promised(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica() as replica:
        (ada,) = await tokens_of(replica, "ada")
        assert (await place(replica, ada, "k1")).status == 201
        lives = {key.partition(":")[0]: raw.ttl(key) for key in raw.keys("order*")}
        assert lives.pop("order") == -1 and 86000 < lives.pop("order-key") <= 86400 and not lives


@told
async def test_who_has_won_does_not_change_when_the_key_is_forgotten(world: World, raw: redis.Redis) -> None:
    async with world.replica(IDEMPOTENCY_RETENTION_S="0.2") as replica:
        ada, bob = await tokens_of(replica, "ada", "bob")
        placed = await place(replica, ada, "k1")

        async def forgotten() -> bool:
            return not raw.keys("order-key:*")

        await eventually(forgotten, "the retention ends")
        assert (await place(replica, bob, "k1")).json["type"] == "urn:problem:order-taken"
        assert (await replica.call("GET /api/orders/o1", token=ada)).json == placed.json
        again = await place(replica, ada, "k1")
        assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, placed.body, "true")
        assert (await place(replica, ada, "k1", "o2")).status == 201, "the key may win another order now"
        assert [effect["reference"] for effect in world.ledger.effects] == ["o1", "o2"]
