"""Users, roles, API keys, the end of all sessions, and keys that are rotated."""

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from typing import Any

import jwt
import pytest
import redis

from target_service.routes import ROUTERS
from target_service.tokens import MOST_BYTES, kid_of
from tests.support.target_world import ADMIN, SECRET, Crash, Replica, World, crash_before, told

OLD, NEW = SECRET, "fedcba9876543210-another-secret-fedcba9876543210-fedcba9876543210"


async def id_of(replica: Replica, token: str) -> str:
    return str((await replica.call("GET /profile", token=token)).json["user_id"])


@told
async def test_an_account_is_shown_to_its_user_and_to_an_admin(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        ada, bob = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
        own = await id_of(first, ada)
        shown = await second.call(f"GET /api/users/{own}", token=ada)
        assert (shown.status, shown.json["username"], shown.json["role"]) == (200, "ada", "user")
        for id in (own, "nobody"):
            refused = await second.call(f"GET /api/users/{id}", token=bob)
            assert (refused.status, refused.json["type"]) == (403, "urn:problem:forbidden")
        admin = await second.admin()
        assert (await first.call(f"GET /api/users/{own}", token=admin)).json == shown.json
        assert (await first.call("GET /api/users/nobody", token=admin)).status == 404


@told
async def test_a_role_is_the_account_s_and_its_change_ends_the_sessions_that_say_the_old_one(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        admin, before = await first.admin(), (await first.user())["access_token"]
        own = await id_of(first, before)
        assert (await second.call(f"PUT /api/users/{own}/role", {"role": "admin"}, before)).status == 403
        assert (await second.call("PUT /api/users/nobody/role", {"role": "admin"}, admin)).status == 404
        assert (await second.call(f"PUT /api/users/{own}/role", {"role": "god"}, admin)).status == 400
        assert (await first.call("GET /profile", token=before)).status == 200, "nothing happened so far"
        assert (await second.call(f"PUT /api/users/{own}/role", {"role": "admin"}, admin)).status == 204
        assert (await first.call("GET /profile", token=before)).status == 401
        tokens = await first.user()
        assert (await second.call("GET /profile", token=tokens["access_token"])).json["role"] == "admin"
        assert (await first.call(f"PUT /api/users/{own}/role", {"role": "admin"}, admin)).status == 204
        assert (await second.call("GET /profile", token=tokens["access_token"])).status == 200, "no change, no end"
        assert (await first.call(f"PUT /api/users/{own}/role", {"role": "user"}, admin)).status == 204
        refreshed = await second.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
        assert refreshed.status == 401


@told
async def test_a_refresh_says_the_role_that_the_account_has(world: World) -> None:
    async with world.replica() as replica:
        tokens = (await replica.call("POST /api/login", ADMIN)).json
        renewed = (await replica.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).json
        assert jwt.decode(renewed["access_token"], options={"verify_signature": False})["role"] == "admin"


@pytest.mark.parametrize("extra", [{"role": "admin"}, {"perms": ["users"]}])
def test_no_request_names_a_role_for_itself(world: World, extra: dict[str, Any]) -> None:
    @told
    async def story() -> None:
        async with world.replica() as replica:
            who = {"username": "eve", "password": "p"}
            assert (await replica.call("POST /api/users", {**who, **extra})).status == 400
            assert (await replica.call("POST /api/users", who)).status == 201
            assert (await replica.call("POST /api/login", {**who, **extra})).status == 400

    story()


@told
async def test_the_first_admin_is_made_once_by_whoever_logs_in_first(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        signed_up = await first.call("POST /api/users", {**ADMIN, "password": "mine"})
        assert (signed_up.status, raw.keys("*")) == (409, []), "nobody takes the name before"
        assert (await first.call("POST /api/login", {**ADMIN, "password": "guess"})).status == 401
        tokens = await asyncio.gather(*(each.admin() for each in (first, second, first, second)))
        assert len({await id_of(first, token) for token in tokens}) == 1
        assert len(raw.keys("user:*")) == 1
    async with world.replica(ADMIN_PASSWORD="another-password-of-an-admin") as replica:
        assert (await replica.call("POST /api/login", ADMIN)).status == 200, (
            "made is made; the variable is for the first"
        )
    async with world.replica(ADMIN_USERNAME="", ADMIN_PASSWORD="") as replica:
        assert (await replica.call("POST /api/login", {"username": "", "password": "x"})).status == 401


@told
async def test_log_out_everywhere_ends_what_is_open_and_nothing_that_is_begun_after(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        phone, laptop = await first.user(), await second.user()
        other = (await first.user("bob"))["access_token"]
        assert (await first.call("POST /api/logout-all", token=laptop["access_token"])).status == 204
        for tokens in (phone, laptop):
            assert (await second.call("GET /profile", token=tokens["access_token"])).status == 401
            assert (await second.call("POST /api/logout-all", token=tokens["access_token"])).status == 401
            answer = await second.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
            assert answer.status == 401
        assert (await second.call("GET /profile", token=other)).status == 200
        for _ in range(20):
            again = (await first.user())["access_token"]
            assert (await second.call("GET /profile", token=again)).status == 200, "also within the same millisecond"
            assert (await second.call("POST /api/logout-all", token=again)).status == 204


@told
async def test_an_api_key_stands_in_for_a_token_until_it_is_revoked(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        token, stranger = [(await first.user(name))["access_token"] for name in ("ada", "bob")]
        made = (await first.call("POST /api/keys", {"name": "cron"}, token, "k")).json
        key, place = made["key"], f"DELETE /api/keys/{made['key_id']}"
        assert (await second.call("GET /profile", token=key)).json["username"] == "ada"
        assert (await second.submit(key, "k", [1])).status == 202
        assert (await second.call("GET /api/keys", token=token)).json == {
            "keys": [{"key_id": made["key_id"], "name": "cron"}]
        }
        assert (await second.call(place, token=stranger)).status == 404
        assert (await first.call("POST /api/logout-all", token=token)).status == 204
        assert (await second.call("GET /profile", token=key)).status == 200, "keys are revoked one by one"
        token = (await first.user())["access_token"]
        held = json.dumps([raw.hgetall(name) for name in raw.keys("apikey*")]) + " ".join(raw.keys("apikey*"))
        assert key not in held and key.split(".")[2] not in held
        assert (await first.call(place, token=token)).status == 204
        assert (await second.call("GET /profile", token=key)).status == 401
        assert (await second.call(place, token=token)).status == 404
        assert (await second.call("GET /api/keys", token=token)).json == {"keys": []}
        assert not raw.keys("apikey:*") and not raw.keys("apikeys:*")


@told
async def test_an_api_key_gives_no_more_than_it_was_given_for(world: World) -> None:
    async with world.replica() as replica:
        admin = await replica.admin()
        user = await id_of(replica, (await replica.user())["access_token"])
        key = (await replica.call("POST /api/keys", {"name": "cron"}, admin, "k")).json["key"]
        for request in (
            "POST /api/logout",
            "POST /api/logout-all",
            "GET /api/keys",
            "DELETE /api/keys/x",
            f"GET /api/users/{user}",
        ):
            assert (request, (await replica.call(request, token=key)).status) == (request, 403)
        assert (await replica.call("POST /api/keys", {"name": "more"}, key, "k")).status == 403
        assert (await replica.call(f"PUT /api/users/{user}/role", {"role": "admin"}, key)).status == 403


@told
async def test_a_key_that_was_altered_is_nobody_s(world: World) -> None:
    async with world.replica() as replica:
        ada, bob = [(await replica.user(name))["access_token"] for name in ("ada", "bob")]
        key = (await replica.call("POST /api/keys", {"name": "cron"}, ada, "k")).json["key"]
        head, user, secret = key.split(".")
        other = await id_of(replica, bob)
        for forged in (
            f"{head}.{other}.{secret}",
            f"{head}.{user}.{secret[:-1]}",
            f"{head}.{user}.",
            head,
            f"{head}..x",
        ):
            assert (forged, (await replica.call("GET /profile", token=forged)).status) == (forged, 401)
        assert (await replica.call("GET /profile", token=key)).status == 200


@told
async def test_a_user_has_a_bounded_number_of_keys(world: World) -> None:
    async with world.replica(API_KEYS_PER_USER="2") as replica:
        token = (await replica.user())["access_token"]
        made = [await replica.call("POST /api/keys", {"name": "k"}, token, f"k{n}") for n in range(3)]
        assert [each.status for each in made] == [201, 201, 409]
        assert made[2].json["type"] == "urn:problem:too-many-keys"
        await replica.call(f"DELETE /api/keys/{made[0].json['key_id']}", token=token)
        again = await replica.call("POST /api/keys", {"name": "k"}, token, "k2")
        assert again.status == 201, "what was refused was not remembered"


async def keys_of(replica: Replica, token: str) -> list[str]:
    """Ids of the API keys of a user."""
    return [each["key_id"] for each in (await replica.call("GET /api/keys", token=token)).json["keys"]]


@told
async def test_a_lost_reply_of_a_new_key_gives_the_same_key_again(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        body = {"name": "cron"}
        made = await asyncio.gather(*(each.call("POST /api/keys", body, token, "k") for each in (first, second) * 4))
        assert {each.status for each in made} == {201} and len({each.body for each in made}) == 1
        assert sorted(each.headers.get("idempotent-replayed", "") for each in made) == [""] + ["true"] * 7
        assert await keys_of(first, token) == [made[0].json["key_id"]]
        assert (await second.call("GET /profile", token=made[0].json["key"])).status == 200
        other = await second.call("POST /api/keys", {"name": "other"}, token, "k")
        assert (other.status, other.json["type"]) == (422, "urn:problem:key-reused")
        missing = await second.call("POST /api/keys", body, token)
        assert (missing.status, missing.json["type"]) == (400, "urn:problem:key-missing")
        assert len(await keys_of(first, token)) == 1
        held = json.dumps([raw.hgetall(name) for name in raw.keys("apikey*")])
        assert made[0].json["key"].split(".")[2] not in held
        stranger = (await first.user("bob"))["access_token"]
        theirs = await second.call("POST /api/keys", body, stranger, "k")
        assert theirs.status == 201 and theirs.json["key_id"] != made[0].json["key_id"]


@told
async def test_a_revoked_key_does_not_come_back_however_late_it_is_asked_for(world: World, raw: redis.Redis) -> None:
    """Neither by a late repetition, nor by the same idempotency key after the retention."""
    async with world.replica() as replica:
        token = (await replica.user())["access_token"]
        made = (await replica.call("POST /api/keys", {"name": "cron"}, token, "k")).json
        assert (await replica.call(f"DELETE /api/keys/{made['key_id']}", token=token)).status == 204
        late = await replica.call("POST /api/keys", {"name": "cron"}, token, "k")
        assert (late.status, late.json) == (201, made)
        assert (await replica.call("GET /profile", token=made["key"])).status == 401
        assert await keys_of(replica, token) == []
        (memory,) = raw.keys("apikey-made:*")
        assert 0 < raw.pttl(memory) <= 86_400_000
        raw.delete(memory)
        new = (await replica.call("POST /api/keys", {"name": "cron"}, token, "k")).json
        assert new["key"] != made["key"] and await keys_of(replica, token) == [new["key_id"]]
        assert (await replica.call("GET /profile", token=made["key"])).status == 401


@told
async def test_a_crash_while_a_key_is_made_leaves_one_or_none(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        token = (await first.user())["access_token"]
        crash_before(first, "apikey_create")
        with pytest.raises(Crash):
            await first.call("POST /api/keys", {"name": "cron"}, token, "k")
        assert await keys_of(second, token) == []
        made = (await second.call("POST /api/keys", {"name": "cron"}, token, "k")).json
        assert await keys_of(second, token) == [made["key_id"]]


PERSON = "ada.lovelace+private@example.org"


@told
async def test_a_token_is_small_names_its_key_and_says_nothing_of_the_person(world: World) -> None:
    async with world.replica() as replica:
        tokens = await replica.user(PERSON)
        access = tokens["access_token"]
        claims = jwt.decode(access, options={"verify_signature": False})
        assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "typ", "role", "perms", "iat", "nbf", "exp"}
        assert (claims["role"], claims["perms"], claims["typ"]) == ("user", ["self", "sessions"], "access")
        assert jwt.get_unverified_header(access) == {"alg": "HS256", "typ": "JWT", "kid": kid_of(SECRET)}
        key = (await replica.call("POST /api/keys", {"name": "cron"}, access, "k")).json["key"]
        for token in (access, tokens["refresh_token"], key):
            assert len(token) <= MOST_BYTES
            assert "ada" not in token and "example" not in token
        assert PERSON not in json.dumps(claims)
        admin = (await replica.call("POST /api/login", ADMIN)).json["access_token"]
        assert len(admin) <= MOST_BYTES, "also the token with the most permissions"


ROTATION = [
    {"JWT_SECRET": OLD},
    {"JWT_SECRET": OLD, "JWT_ALSO_VERIFY": NEW},
    {"JWT_SECRET": NEW, "JWT_ALSO_VERIFY": OLD},
    {"JWT_SECRET": NEW},
]
"""The steps of a rotation. Each is rolled out while replicas of the one before still serve."""


@told
async def test_keys_rotate_without_a_spurious_401(world: World) -> None:
    """At any moment replicas of two neighbouring steps serve; the last step waits for what the old key signed."""
    held: dict[str, Any] = {}
    for step, (before, after) in enumerate(itertools.pairwise(ROTATION)):
        if step == len(ROTATION) - 2:
            held = {}  # REFRESH_TTL_S has passed: nothing is left that the old key signed.
        async with AsyncExitStack() as stack:
            replicas = [await stack.enter_async_context(world.replica(**each)) for each in (before, after)]
            for number, replica in enumerate(replicas):
                held[f"{step}/{number}"] = await replica.user()
            for turn in range(4):
                for name, tokens in held.items():
                    one, other = replicas[turn % 2], replicas[1 - turn % 2]
                    place = (step, turn, name)
                    for each in (one, other):
                        shown = await each.call("GET /profile", token=tokens["access_token"])
                        assert (place, shown.status) == (place, 200)
                    body = {"refresh_token": tokens["refresh_token"]}
                    answers = [await each.call("POST /api/refresh", body) for each in (one, other)]
                    assert [each.status for each in answers] == [200, 200], place
                    successors = {each.json["refresh_token"] for each in answers}
                    assert len(successors) == 1, "the same successor, whichever key the second replica signs with"
                    held[name] = answers[0].json


@told
async def test_an_api_key_is_shown_again_while_its_signing_key_is_known_and_outlives_it(world: World) -> None:
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(world.replica(**each)) for each in ROTATION]
        old, body = (await replicas[0].user())["access_token"], {"name": "cron"}
        made = (await replicas[0].call("POST /api/keys", body, old, "k")).json
        for replica in replicas[1:3]:
            assert (await replica.call("POST /api/keys", body, old, "k")).json == made
        new = (await replicas[3].user())["access_token"]
        gone = await replicas[3].call("POST /api/keys", body, new, "k")
        assert (gone.status, gone.json["type"]) == (410, "urn:problem:answer-gone")
        assert await keys_of(replicas[3], new) == [made["key_id"]]
        assert (await replicas[3].call("GET /profile", token=made["key"])).status == 200


@told
async def test_a_retired_key_is_not_taken_any_more(world: World) -> None:
    async with world.replica(**ROTATION[0]) as old, world.replica(**ROTATION[3]) as new:
        tokens = await old.user()
        assert (await new.call("GET /profile", token=tokens["access_token"])).status == 401
        assert (await new.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).status == 401
        assert (await old.call("GET /profile", token=tokens["access_token"])).status == 200, "and nothing was revoked"


AUTHENTICATED = sorted(
    f"{method} {route.path}"
    for router in ROUTERS
    for route in router.routes
    for method in route.methods
    if route.path not in ("/health", "/ready", "/metrics", "/api/users", "/api/login", "/api/refresh")
)
BODIES = {
    "POST /payment": {"amount": 1, "currency": "EUR", "reference": "r"},
    "POST /api/process": {"reference": "r", "input": {"numbers": [1]}},
    "POST /api/keys": {"name": "k"},
    "PUT /api/users/{id}/role": {"role": "user"},
}


@told
async def test_without_the_store_nobody_is_let_in(world: World, silent_port: int) -> None:
    """A token whose signature is right, of a session that cannot be asked for: 503, never an answer."""
    async with world.replica() as there, world.replica(STORE_URL=f"redis://127.0.0.1:{silent_port}/0") as cut_off:
        admin = await there.admin()
        key = (await there.call("POST /api/keys", {"name": "cron"}, admin, "k")).json["key"]
        assert len(AUTHENTICATED) >= 10
        for token in (admin, key):
            for request in AUTHENTICATED:
                place = request.replace("{id}", "x").replace("{line}", "x")
                answer = await cut_off.call(place, BODIES.get(request), token, key="k")
                allowed = {503} if request in BODIES or not request.startswith(("POST", "PUT")) else {503, 400}
                assert answer.status in ({*allowed, 403} if token == key else allowed), (request, answer)
        for request in (
            "POST /api/logout",
            "POST /api/logout-all",
            "GET /profile",
            "GET /api/users/x",
            "POST /api/keys",
        ):
            answer = await cut_off.call(request, BODIES.get(request), admin, "k")
            assert (request, answer.status, answer.headers["x-no-effect"]) == (request, 503, "1")
        refreshed = await cut_off.call("POST /api/login", ADMIN)
        assert refreshed.status == 503


@told
async def test_a_session_of_an_account_that_is_gone_is_gone(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        tokens = await replica.user()
        (account,) = raw.keys("user:*")
        raw.delete(account)
        assert (await replica.call("GET /profile", token=tokens["access_token"])).status == 401
        assert (await replica.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).status == 401
        assert (await replica.call("POST /api/login", {"username": "ada", "password": "lovelace"})).status == 401
