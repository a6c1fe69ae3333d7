"""Payments: one effect for one key, whatever happens in between."""

import asyncio
from typing import Any

import pytest
import redis

from tests.support.target_world import Crash, World, crash_before, eventually, told

# Private names: `_connect_arguments` lead a store that was there to where nobody listens.


@told
async def test_concurrent_duplicates_charge_once_and_agree(world: World) -> None:
    world.ledger.delay_s = 0.05
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        replicas = [first, second] * 4
        answers = await asyncio.gather(*(replica.pay(token, "k1") for replica in replicas))
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [201] + [409] * 7
        busy = next(answer for answer in answers if answer.status == 409)
        assert busy.json["type"] == "urn:problem:in-progress" and busy.headers["retry-after"] == "1"
        paid = next(answer for answer in answers if answer.status == 201)
        replayed = await second.pay(token, "k1")
        assert (replayed.status, replayed.body) == (201, paid.body)
        assert replayed.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in paid.headers
        assert len(world.ledger.of("r1")) == 1 == len(world.ledger.attempts)


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_crash_after_the_effect_is_finished_by_the_retry_with_the_same_id(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica() as dying, world.replica() as other:
        token = (await dying.user())["access_token"]
        crash_before(dying, "payment_finish")
        with pytest.raises(Crash):
            await dying.pay(token, "k1")
        assert len(world.ledger.of("r1")) == 1, "the effect has happened, and nobody knows"
        (record,) = raw.keys("payment:*")
        payment_id = raw.hget(record, "payment_id")
        assert raw.ttl(record) == -1, "an open payment does not expire"
        assert (await other.pay(token, "k1")).status == 409

        async def retried() -> object:
            answer = await other.pay(token, "k1")
            return answer if answer.status == 201 else None

        answer = await eventually(retried, "the retry finishes the payment")
        assert answer.json["payment_id"] == payment_id
        assert [attempt["fence"] for attempt in world.ledger.attempts] == [1, 2]
        assert len(world.ledger.of("r1")) == 1
        assert 86000 < raw.ttl(record) <= 86400 and raw.zcard("payments:open") == 0


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_crash_before_the_effect_is_finished_by_the_retry(world: World) -> None:
    async with world.replica() as dying, world.replica() as other:
        token = (await dying.user())["access_token"]

        async def die(*_: object) -> None:
            raise Crash()

        dying.service.ledger.post = die  # type: ignore[method-assign]
        with pytest.raises(Crash):
            await dying.pay(token, "k1")
        assert not world.ledger.attempts

        async def retried() -> bool:
            return (await other.pay(token, "k1")).status == 201

        await eventually(retried, "the retry pays")
        assert len(world.ledger.of("r1")) == 1


@pytest.mark.usefixtures("short_leases")
@told
async def test_the_completer_finishes_what_no_client_comes_back_for(world: World) -> None:
    async with world.replica() as dying, world.replica() as other:
        token = (await dying.user())["access_token"]
        crash_before(dying, "payment_finish")
        with pytest.raises(Crash):
            await dying.pay(token, "k1")
        world.ledger.fail_next = 1
        async with world.worker():

            async def settled() -> bool:
                return await other.service.store.command("ZCARD", "payments:open") == 0

            await eventually(settled, "the completer finishes the payment, after the ledger failed once")
        assert [attempt["fence"] for attempt in world.ledger.attempts] == [1, 2, 3]
        answer = await other.pay(token, "k1")
        assert (answer.status, answer.headers["idempotent-replayed"]) == (201, "true")
        assert len(world.ledger.of("r1")) == 1


@told
async def test_after_the_retention_a_key_is_a_new_payment_with_an_effect_of_its_own(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica(IDEMPOTENCY_RETENTION_S="0.2") as replica:
        token = (await replica.user())["access_token"]
        first = await replica.pay(token, "k1", amount=5)

        async def forgotten() -> bool:
            return not raw.keys("payment:*")

        await eventually(forgotten, "the retention ends")
        second = await replica.pay(token, "k1", amount=7)
        assert second.status == 201 and second.json["payment_id"] != first.json["payment_id"]
        assert [effect["amount"] for effect in world.ledger.of("r1")] == ["5", "7"], "what is said to be charged is"


@pytest.mark.usefixtures("short_leases")
@told
async def test_every_attempt_at_a_payment_has_its_stored_id_as_the_key_at_the_ledger(
    world: World, raw: redis.Redis
) -> None:
    async with world.replica() as dying, world.replica() as other:
        token = (await dying.user())["access_token"]
        stored: list[str] = []
        post = dying.service.ledger.post

        async def looked_at(effect: object) -> None:
            (record,) = raw.keys("payment:*")
            stored.append(raw.hget(record, "payment_id"))
            await post(effect)  # type: ignore[arg-type]

        dying.service.ledger.post = looked_at  # type: ignore[method-assign]
        crash_before(dying, "payment_finish")
        with pytest.raises(Crash):
            await dying.pay(token, "k1")
        world.ledger.fail_next = 1

        async def retried() -> Any:
            answer = await other.pay(token, "k1")
            return answer if answer.status != 409 else None

        assert (await eventually(retried, "the lease ends")).status == 503
        async with world.worker():

            async def settled() -> bool:
                return not raw.zcard("payments:open")

            await eventually(settled, "the completer finishes it")
        (payment_id,) = stored
        assert (await other.pay(token, "k1")).json["payment_id"] == payment_id
        assert [attempt["key"] for attempt in world.ledger.attempts] == [f"payment:{payment_id}"] * 3
        assert len(world.ledger.of("r1")) == 1


@told
async def test_a_failing_ledger_leaves_the_payment_open_and_free_to_retry(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        world.ledger.fail_next = 1
        failed = await replica.pay(token, "k1")
        assert (failed.status, failed.json["type"]) == (503, "urn:problem:unavailable")
        assert "x-no-effect" not in failed.headers
        assert (await replica.pay(token, "k1")).status == 201, "the lease was released"
        assert len(world.ledger.of("r1")) == 1


@told
async def test_a_ledger_that_is_too_slow_is_asked_again_with_the_same_key(world: World) -> None:
    async with world.replica(LEDGER_TIMEOUT_S="0.2") as replica:
        token = (await replica.user())["access_token"]
        world.ledger.delay_s = 0.5
        assert (await replica.pay(token, "k1")).status == 503
        world.ledger.delay_s = 0.0
        assert (await replica.pay(token, "k1")).status == 201
        assert len({attempt["key"] for attempt in world.ledger.attempts}) == 1
        assert len(world.ledger.of("r1")) == 1


@pytest.mark.usefixtures("short_leases")
@told
async def test_a_thawed_owner_reports_the_newer_ones_result(world: World) -> None:
    async with world.replica() as frozen, world.replica() as other:
        token = (await frozen.user())["access_token"]
        thaw, post = asyncio.Event(), frozen.service.ledger.post

        async def freezing(effect: object) -> None:
            await thaw.wait()
            await post(effect)  # type: ignore[arg-type]

        frozen.service.ledger.post = freezing  # type: ignore[method-assign]
        late = asyncio.create_task(frozen.pay(token, "k1"))

        async def paid() -> bool:
            return (await other.pay(token, "k1")).status == 201

        await eventually(paid, "another owner takes over after the lease")
        thaw.set()
        assert (await late).status == 409, "the ledger has seen a newer fence"
        assert len(world.ledger.of("r1")) == 1


@told
async def test_a_key_with_another_body_is_refused_and_belongs_to_its_user(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = (await replica.user("ada"))["access_token"], (await replica.user("bob"))["access_token"]
        paid = await replica.pay(ada, "k1", amount=5)
        other = await replica.pay(ada, "k1", amount=6)
        assert (other.status, other.json["type"]) == (422, "urn:problem:key-reused")
        assert (await replica.pay(ada, "k1", amount="5.00")).body == paid.body, "the same amount, written otherwise"
        theirs = await replica.pay(bob, "k1", amount=6, reference="r2")
        assert theirs.status == 201 and theirs.json["payment_id"] != paid.json["payment_id"]


@told
async def test_every_form_of_the_key_is_the_same_key(world: World) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        body = {"amount": 5, "currency": "EUR", "reference": "r1"}
        forms = [{"idempotency-key": "k1"}, {"idempotency-key": '"k1"'}, {"x-idempotency-key": "k1"}]
        answers = [await replica.call("POST /payment", body, token, headers=form) for form in forms]
        assert [answer.status for answer in answers] == [201] * 3
        assert len({answer.body for answer in answers}) == 1 == len(world.ledger.attempts)


@pytest.mark.parametrize(
    ("headers", "type"),
    [
        ({}, "urn:problem:key-missing"),
        ({"idempotency-key": "a", "x-idempotency-key": "b"}, "urn:problem:malformed"),
        ({"idempotency-key": "two words"}, "urn:problem:malformed"),
        ({"idempotency-key": "k" * 256}, "urn:problem:malformed"),
    ],
)
def test_without_a_usable_key_nothing_is_charged(world: World, headers: dict[str, str], type: str) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            token = (await replica.user())["access_token"]
            body = {"amount": 5, "currency": "EUR", "reference": "r1"}
            answer = await replica.call("POST /payment", body, token, headers=headers)
            assert (answer.status, answer.json["type"]) == (400, type)
            assert not world.ledger.attempts

    story()


@pytest.mark.parametrize(
    "change", [{"amount": 0}, {"amount": "x"}, {"currency": "euro"}, {"more": 1}, {"amount": None}]
)
def test_a_malformed_order_is_a_400(world: World, change: dict[str, object]) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            token = (await replica.user())["access_token"]
            body = {"amount": 5, "currency": "EUR", "reference": "r1", **change}
            assert (await replica.call("POST /payment", body, token, "k1")).status == 400

    story()


@told
async def test_a_commit_that_is_not_acknowledged_never_claims_to_be_without_effect(
    world: World, silent_port: int
) -> None:
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        post = replica.service.ledger.post

        async def then_the_store_dies(effect: object) -> None:
            await post(effect)  # type: ignore[arg-type]
            await replica.service.store.close()
            replica.service.store._connect_arguments["port"] = silent_port

        replica.service.ledger.post = then_the_store_dies  # type: ignore[method-assign]
        answer = await replica.pay(token, "k1")
        assert answer.status == 503 and "x-no-effect" not in answer.headers
        assert len(world.ledger.of("r1")) == 1
