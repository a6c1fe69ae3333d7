"""How each seeded defect of payments shows: True when it is there. The last words of a story are the bug."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.target_world import Answer, Crash, Replica, World, eventually


async def _token(replica: Replica, name: str = "ada") -> str:
    return str((await replica.user(name))["access_token"])


async def _dies_with_the_charge_made(world: World, replica: Replica, token: str) -> None:
    """The charge has landed; whatever the replica would do next, it does not."""
    post = replica.service.ledger.post

    async def last(effect: object) -> None:
        await post(effect)  # type: ignore[arg-type]

        async def nothing(*_: object, **__: object) -> None:
            raise Crash()

        replica.service.store.command = replica.service.store.run = nothing  # type: ignore[method-assign]

    replica.service.ledger.post = last  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await replica.pay(token, "k1")
    assert len(world.ledger.of("r1")) == 1


async def _paid(replica: Replica, token: str) -> Answer:
    async def once() -> Answer | None:
        answer = await replica.pay(token, "k1")
        return answer if answer.status == 201 else None

    answer = await eventually(once, "the retry is answered")
    assert isinstance(answer, Answer)
    return answer


async def killed_after_the_charge_it_charges_again(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    world.ledger.delay_s = 0.05
    both = await asyncio.gather(first.pay(token, "k0", "r0"), second.pay(token, "k0", "r0"))
    assert sorted(answer.status for answer in both) == [201, 409] and len(world.ledger.of("r0")) == 1
    await _dies_with_the_charge_made(world, first, token)
    await _paid(second, token)
    return len(world.ledger.of("r1")) == 2


async def a_failed_charge_is_acknowledged_later(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    world.ledger.fail_next = 1
    assert (await first.pay(token, "k1")).status == 503
    assert (await second.pay(token, "k1")).status == 201
    return not world.ledger.of("r1")


async def another_body_gets_the_first_ones_answer(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    assert (await first.pay(token, "k1", amount=5)).status == 201
    other = await second.pay(token, "k1", amount=6)
    assert len(world.ledger.effects) == 1
    return other.status == 201


async def another_users_key_is_in_the_way(world: World, first: Replica, second: Replica) -> bool:
    ada, bob = await _token(first), await _token(second, "bob")
    assert (await first.pay(ada, "k1", "r1")).status == 201
    return (await second.pay(bob, "k1", "r2")).status == 422


async def one_failure_is_repeated_for_ever(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    world.ledger.fail_next = 1
    assert (await first.pay(token, "k1")).status == 503
    return (await second.pay(token, "k1")).status == 503


async def a_killed_owner_holds_the_lock_for_ever(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    await _dies_with_the_charge_made(world, first, token)
    await asyncio.sleep(2 * second.service.settings.payment_lease_s)
    return (await second.pay(token, "k1")).status == 409


async def _ids_of(world: World, first: Replica, *others: Replica) -> set[str]:
    """Ids of those attempts that were acknowledged: the others come one after the other, while the first charges."""
    token = await _token(first)
    world.ledger.delay_s = 1.5
    begun = asyncio.create_task(first.pay(token, "k1"))

    async def charging() -> bool:
        return bool(world.ledger.attempts)

    await eventually(charging, "the first charges")
    # A lock that is too short has ended by then.
    await asyncio.sleep(0.1)
    answers = [await other.pay(token, "k1") for other in others]
    return {answer.json["payment_id"] for answer in (await begun, *answers) if answer.status == 201}


async def a_late_owner_answers_beside_the_next(world: World, first: Replica, second: Replica) -> bool:
    return len(await _ids_of(world, first, second)) == 2


async def one_turned_away_opens_the_door(world: World, first: Replica, second: Replica) -> bool:
    return len(await _ids_of(world, first, second, first)) == 2


async def two_payments_of_one_second_have_one_id(world: World, first: Replica, second: Replica) -> bool:
    token = await _token(first)
    ids = [(await first.pay(token, f"k{n}", f"r{n}")).json["payment_id"] for n in range(8)]
    return len(set(ids)) < len(ids)


PAYMENT_BUGS: dict[str, Callable[[World, Replica, Replica], Awaitable[bool]]] = {
    "key-stored-after-effect": killed_after_the_charge_it_charges_again,
    "answer-cached-before-commit": a_failed_charge_is_acknowledged_later,
    "no-fingerprint": another_body_gets_the_first_ones_answer,
    "key-not-scoped-to-user": another_users_key_is_in_the_way,
    "error-stored-for-ever": one_failure_is_repeated_for_ever,
    "lock-without-ttl": a_killed_owner_holds_the_lock_for_ever,
    "ttl-shorter-than-work": a_late_owner_answers_beside_the_next,
    "lock-deleted-by-non-owner": one_turned_away_opens_the_door,
    "ids-from-the-second": two_payments_of_one_second_have_one_id,
}
