"""Each seeded defect does what its catalogue entry says, and the clean service does not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

import target_service
from target_service.jobs import Claim, StaleClaim
from target_service.parts import defect_names
from tests.support.target_job_defects import JOB_BUGS
from tests.support.target_order_defects import ORDER_BUGS
from tests.support.target_payment_defects import PAYMENT_BUGS
from tests.support.target_world import SHORT_LEASES, Crash, Replica, World, crash_before, eventually, told

FOLDER = Path(target_service.__file__).parent
Bug = Callable[[World, Replica, Replica], Awaitable[bool]]


async def session_is_unknown_elsewhere(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    assert (await first.call("GET /profile", token=token)).status == 200
    assert (await first.pay(token, "k1")).status == 201, "the replica itself serves its sessions in full"
    return (await second.call("GET /profile", token=token)).status == 401


async def session_outlives_its_logout(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    for replica in (first, second):
        assert (await replica.call("GET /profile", token=token)).status == 200
    assert (await first.call("POST /api/logout", token=token)).status == 204
    assert (await first.call("GET /profile", token=token)).status == 401
    return (await second.call("GET /profile", token=token)).status == 200


async def a_logout_changes_nothing(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    assert (await first.call("POST /api/logout", token=token)).status == 204
    return [(await each.call("GET /profile", token=token)).status for each in (first, second)] == [200, 200]


async def only_the_issuer_takes_its_tokens(world: World, first: Replica, second: Replica) -> bool:
    tokens = await first.user()
    assert (await first.call("GET /profile", token=tokens["access_token"])).status == 200
    refreshed = await second.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
    return ((await second.call("GET /profile", token=tokens["access_token"])).status, refreshed.status) == (401, 401)


async def a_repeated_refresh_ends_the_session(world: World, first: Replica, second: Replica) -> bool:
    body = {"refresh_token": (await first.user())["refresh_token"]}
    rotated = await first.call("POST /api/refresh", body)
    assert rotated.status == 200
    repeated = await second.call("POST /api/refresh", body)
    read = await second.call("GET /profile", token=rotated.json["access_token"])
    return (repeated.status, read.status) == (401, 401)


async def any_old_refresh_token_is_as_good_as_the_newest(world: World, first: Replica, second: Replica) -> bool:
    tokens = [(await first.user())["refresh_token"]]
    for _ in range(2):
        answer = await first.call("POST /api/refresh", {"refresh_token": tokens[-1]})
        tokens.append(answer.json["refresh_token"])
    again = await second.call("POST /api/refresh", {"refresh_token": tokens[0]})
    return again.status == 200 and again.json["refresh_token"] == tokens[-1]


async def a_stolen_family_lives_on(world: World, first: Replica, second: Replica) -> bool:
    tokens = await first.user()
    assert (await first.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).status == 200
    await asyncio.sleep(0.06)
    reused = await second.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
    assert reused.status == 401
    return (await first.call("GET /profile", token=tokens["access_token"])).status == 200


async def a_revoked_api_key_is_taken_elsewhere(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    made = (await first.call("POST /api/keys", {"name": "cron"}, token, key="k1")).json
    assert [(await each.call("GET /profile", token=made["key"])).status for each in (first, second)] == [200, 200]
    assert (await first.call(f"DELETE /api/keys/{made['key_id']}", token=token)).status == 204
    return (await second.call("GET /profile", token=made["key"])).status == 200


async def a_former_admin_still_is_one(world: World, first: Replica, second: Replica) -> bool:
    admin, token = await first.admin(), (await first.user())["access_token"]
    (own, other) = [(await first.call("GET /profile", token=each)).json["user_id"] for each in (token, admin)]
    assert (await first.call(f"PUT /api/users/{own}/role", {"role": "admin"}, admin)).status == 204
    token = (await first.user())["access_token"]
    assert (await second.call(f"GET /api/users/{other}", token=token)).status == 200
    assert (await first.call(f"PUT /api/users/{own}/role", {"role": "user"}, admin)).status == 204
    return (await second.call(f"GET /api/users/{other}", token=token)).status == 200


async def a_stranger_is_shown(world: World, first: Replica, second: Replica) -> bool:
    token, stranger = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
    own = (await first.call("GET /profile", token=token)).json["user_id"]
    return (await second.call(f"GET /api/users/{own}", token=stranger)).status == 200


async def a_user_makes_itself_an_admin(world: World, first: Replica, second: Replica) -> bool:
    token, other = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
    own, stranger = [(await first.call("GET /profile", token=each)).json["user_id"] for each in (token, other)]
    body = {"role": "admin"}
    assert (await first.call(f"PUT /api/users/{stranger}/role", body, token)).status == 403
    if (await first.call(f"PUT /api/users/{own}/role", body, token)).status != 204:
        return False
    token = (await second.user())["access_token"]
    return (await second.call(f"GET /api/users/{stranger}", token=token)).status == 200


async def anybody_can_write_a_token(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = {"kid": jwt.get_unverified_header(token)["kid"]}
    foreign = jwt.encode(claims, "another key that is as long as it should be", "HS256", headers=kid)
    assert (await second.call("GET /profile", token=foreign)).status == 401
    return (await second.call("GET /profile", token=jwt.encode(claims, None, "none", headers=kid))).status == 200


async def another_device_stays_logged_in(world: World, first: Replica, second: Replica) -> bool:
    phone, laptop = [(await each.user())["access_token"] for each in (first, second)]
    assert (await first.call("POST /api/logout-all", token=laptop)).status == 204
    assert (await first.call("GET /profile", token=laptop)).status == 401
    return (await second.call("GET /profile", token=phone)).status == 200


async def duplicates_charge_twice(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    charge = first.service.ledger.post

    async def after_the_other(effect: Any) -> None:
        """The duplicate comes when the first request has looked, and has not charged."""
        await second.pay(token, "k1")
        await charge(effect)

    first.service.ledger.post = after_the_other  # type: ignore[method-assign]
    assert (await first.pay(token, "k1")).status == 201
    return len(world.ledger.of("r1")) == 2


async def a_retry_charges_again(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    assert (await first.pay(token, "k0", "r0")).status == 201 == (await second.pay(token, "k0", "r0")).status
    assert len(world.ledger.of("r0")) == 1, "harmless until an answer is lost"
    crash_before(first, "payment_finish")
    with pytest.raises(Crash):
        await first.pay(token, "k1")

    async def retried() -> bool:
        return (await second.pay(token, "k1")).status == 201

    await eventually(retried, "the retry is answered")
    return len(world.ledger.of("r1")) == 2


async def acknowledged_job_is_not_in_the_store(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    answer = await first.submit(token, "k1", [1])
    assert answer.status == 202
    path = f"GET /api/status/{answer.json['job_id']}"
    assert (await first.call(path, token=token)).json["state"] == "queued"
    missing = (await second.call(path, token=token)).status == 404

    async def written() -> bool:
        return (await second.call(path, token=token)).status == 200

    await eventually(written, "the job is written at last, if nobody is killed")
    return missing


async def thawed_worker_overwrites(world: World, first: Replica, second: Replica) -> bool:
    token, jobs = (await first.user())["access_token"], first.service.jobs
    job = (await first.submit(token, "k1", [1, 2, 3])).json["job_id"]
    await jobs.prepare()
    (entry,) = await jobs.given(1, 0.01)
    frozen = await jobs.claim(entry)
    assert isinstance(frozen, Claim)

    async def reclaimed() -> Any:
        return await second.service.jobs.claim(entry)

    owner = await eventually(reclaimed, "the lease ends")
    await second.service.jobs.finish(owner, b"{}")
    try:
        await jobs.checkpoint(frozen, 1, 3, b"{}")
    except StaleClaim:
        return False
    with pytest.raises(StaleClaim):
        await jobs.finish(frozen, b"{}")
    status = (await second.call(f"GET /api/status/{job}", token=token)).json
    assert jobs.effect(frozen).fence is None
    return bool((status["state"], status["progress"]) == ("running", 0.25))


async def ids_are_given_twice(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    payments = [(await r.pay(token, f"k{n}", f"r{n}")).json["payment_id"] for n, r in enumerate((first, second))]
    jobs = [(await r.submit(token, f"k{n}", [n])).json["job_id"] for n, r in enumerate((first, second))]
    return payments == ["1", "1"] and jobs == ["1", "1"]


async def one_of_two_lines_is_lost(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    for attempt in range(20):
        work = [
            replica.call("POST /api/cart/lines", {"item": "book", "quantity": 1}, token, key=f"k{attempt}-{index}")
            for index, replica in enumerate((first, second))
        ]
        added = {answer.json["line_id"] for answer in await asyncio.gather(*work)}
        held = {line["line_id"] for line in (await second.call("GET /api/cart", token=token)).json["lines"]}
        if not added <= held:
            return True
    return False


async def a_change_is_not_seen_elsewhere(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    for replica in (first, second):
        assert (await replica.call("GET /api/preferences", token=token)).json["theme"] == "system"
    change = {"theme": "dark", "language": "en", "timezone": "UTC"}
    written = await first.call("PUT /api/preferences", change, token, headers={"If-Match": '"0"'})
    assert written.status == 200
    assert (await first.call("GET /api/preferences", token=token)).json == written.json
    return (await second.call("GET /api/preferences", token=token)).json["theme"] == "system"


async def asks(replica: Replica, token: str) -> bool:
    """Whether a request that is limited is admitted."""
    return (await replica.call("GET /api/limited", token=token)).status == 200


async def each_replica_admits_a_burst(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    admitted = [await asks((first, second)[number % 2], token) for number in range(16)]
    return sum(admitted) >= 8


async def who_keeps_asking_is_shut_out(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    assert all([await asks(first, token) for _ in range(4)])
    begun = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < begun + 3:
        if await asks(second, token):
            return False
        await asyncio.sleep(0.02)
    return True


async def who_was_first_when_it_was_killed_is_shut_out(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    command = first.service.store.command

    async def dying(*words: Any, **how: Any) -> Any:
        reply = await command(*words, **how)
        if words[0] == "INCR":
            raise Crash("after INCR")
        return reply

    first.service.store.command = dying  # type: ignore[method-assign]
    with suppress(Crash):
        await asks(first, token)
    while await asks(second, token):
        pass
    await asyncio.sleep(1.5)
    return not await asks(second, token)


async def a_clock_that_is_ahead_shuts_out_elsewhere(world: World, first: Replica, second: Replica) -> bool:
    token = (await first.user())["access_token"]
    async with world.replica(REPLICA="replica-2", TARGET_DEFECTS=",".join(first.service.settings.defects)) as ahead:
        assert await asks(ahead, token)
    return not await asks(first, token)


BUGS: dict[str, Bug] = {
    "per-replica-limit": each_replica_admits_a_burst,
    "incr-then-expire": who_was_first_when_it_was_killed_is_shut_out,
    "window-put-off": who_keeps_asking_is_shut_out,
    "replica-clock-in-limiter": a_clock_that_is_ahead_shuts_out_elsewhere,
    "preferences-cached": a_change_is_not_seen_elsewhere,
    "cart-read-modify-write": one_of_two_lines_is_lost,
    "sessions-in-memory": session_is_unknown_elsewhere,
    "revocation-cached": session_outlives_its_logout,
    "revocation-unchecked": a_logout_changes_nothing,
    "secret-at-boot": only_the_issuer_takes_its_tokens,
    "refresh-no-grace": a_repeated_refresh_ends_the_session,
    "refresh-grace-any-generation": any_old_refresh_token_is_as_good_as_the_newest,
    "refresh-reuse-undetected": a_stolen_family_lives_on,
    "api-key-cached": a_revoked_api_key_is_taken_elsewhere,
    "role-stale": a_former_admin_still_is_one,
    "object-id-trusted": a_stranger_is_shown,
    "own-role-writable": a_user_makes_itself_an_admin,
    "unsigned-token-accepted": anybody_can_write_a_token,
    "logout-everywhere-here-only": another_device_stays_logged_in,
    "check-then-set": duplicates_charge_twice,
    "new-downstream-key": a_retry_charges_again,
    "job-acknowledged-early": acknowledged_job_is_not_in_the_store,
    "no-fence": thawed_worker_overwrites,
    "ids-from-counter": ids_are_given_twice,
    **PAYMENT_BUGS,
    **ORDER_BUGS,
    **JOB_BUGS,
}


SETTINGS = {
    "refresh-reuse-undetected": {"REFRESH_GRACE_S": "0.05"},
    # A window that is longer than a stall: one in which nobody asks ends it.
    "window-put-off": {"LIMIT_PER_S": "2"},
    # A lease that outlasts a stall: else the clean service charges under the next fence, and rightly so.
    "check-then-set": {"PAYMENT_LEASE_S": "20", "LEASE_S": "20", "LEDGER_TIMEOUT_S": "10"},
    **dict.fromkeys(
        ("key-stored-after-effect", "new-downstream-key", "no-fence", "lock-without-ttl", "lease-never-resumed"),
        SHORT_LEASES,
    ),
}
"""What a defect needs in order to show at once."""


@pytest.mark.parametrize("name", BUGS)
@pytest.mark.parametrize("seeded", [True, False])
def test_the_defect_shows_and_the_clean_service_has_none(world: World, name: str, seeded: bool) -> None:
    @told
    async def story() -> None:
        async with AsyncExitStack() as stack:
            world.more.update(SETTINGS.get(name, {}))
            defects = {"TARGET_DEFECTS": name} if seeded else {}
            first, second = [await stack.enter_async_context(world.replica(**defects)) for _ in range(2)]
            assert await BUGS[name](world, first, second) is seeded

    story()


def test_catalogue_modules_and_tests_name_the_same_defects() -> None:
    catalogue = yaml.safe_load((FOLDER / "defects" / "catalogue.yaml").read_text())["defects"]
    inside = [entry["name"] for entry in catalogue if "deployment" not in entry]
    assert sorted(inside) == defect_names() == sorted(BUGS)


def test_the_clean_code_never_mentions_a_defect() -> None:
    clean = [path for path in FOLDER.rglob("*") if path.suffix in (".py", ".lua") and path.parent.name != "defects"]
    assert FOLDER / "app.py" in clean
    for path in clean:
        text = path.read_text()
        assert not [name for name in BUGS if name in text or name.replace("-", "_") in text], path
