"""Sessions and tokens: what a login promises, and what nobody may get past."""

import asyncio
import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
import redis

from target_service.tokens import kid_of
from tests.support.target_world import SECRET, World, told

GOOD = {
    "iss": "target-service",
    "aud": "target-service",
    "jti": "j",
    "typ": "access",
    "role": "user",
    "perms": ["self", "sessions"],
}
KID = {"kid": kid_of(SECRET)}


@told
async def test_a_session_opened_at_one_replica_lives_at_another(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        tokens = await first.user()
        answer = await second.call("GET /profile", token=tokens["access_token"])
        assert (answer.status, answer.json["username"]) == (200, "ada")
        assert tokens["expires_in"] == 900


@told
async def test_login_is_refused_alike_for_a_wrong_password_and_an_unknown_user(world: World) -> None:
    async with world.replica() as replica:
        await replica.user()
        for who in ({"username": "ada", "password": "wrong"}, {"username": "bob", "password": "lovelace"}):
            answer = await replica.call("POST /api/login", who)
            assert (answer.status, answer.json["type"]) == (401, "urn:problem:credentials-refused")


@told
async def test_signing_up_twice_is_a_conflict_and_keeps_the_first_password(world: World) -> None:
    async with world.replica() as replica:
        await replica.user()
        again = await replica.call("POST /api/users", {"username": "ada", "password": "other"})
        assert (again.status, again.json["type"]) == (409, "urn:problem:user-exists")
        assert (await replica.call("POST /api/login", {"username": "ada", "password": "lovelace"})).status == 200


@told
async def test_logout_ends_every_token_of_the_session_everywhere(world: World, raw: redis.Redis) -> None:
    async with world.replica() as first, world.replica() as second:
        tokens = await first.user()
        other = (await first.user())["access_token"]
        renewed = (await second.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).json
        access = [tokens["access_token"], renewed["access_token"]]
        assert [(await second.call("GET /profile", token=token)).status for token in access] == [200, 200]
        assert (await first.call("POST /api/logout", token=access[0])).status == 204
        for token in access:
            assert (await second.call("GET /profile", token=token)).status == 401
            assert (await second.pay(token, "k")).status == 401
            assert (await second.submit(token, "k", [1])).status == 401
            assert (await second.call("GET /api/status/x", token=token)).status == 401
            assert (await second.call("POST /api/logout", token=token)).status == 401
        refused = await second.call("POST /api/refresh", {"refresh_token": renewed["refresh_token"]})
        assert refused.status == 401
        assert (await second.call("GET /profile", token=other)).status == 200, "another session of the user lives on"
        assert not raw.keys("payment*") and not raw.keys("job*")
        (revocation,) = raw.keys("revoked:*")
        assert 3500 < raw.ttl(revocation) <= 3605


@told
async def test_the_store_holds_nothing_that_could_be_presented(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        tokens = await replica.user()
        await replica.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
        held = json.dumps([raw.hgetall(key) for key in raw.keys("*")])
        assert tokens["access_token"].split(".")[2] not in held
        assert tokens["refresh_token"].split(".")[-1] not in held
        assert "lovelace" not in held


@told
async def test_a_lost_reply_of_a_refresh_gives_the_same_successor_again(world: World) -> None:
    async with world.replica() as first, world.replica() as second:
        tokens = await first.user()
        presented = {"refresh_token": tokens["refresh_token"]}
        answers = await asyncio.gather(*(r.call("POST /api/refresh", presented) for r in (first, second, first)))
        successors = {answer.json["refresh_token"] for answer in answers}
        assert len(successors) == 1 and tokens["refresh_token"] not in successors
        (successor,) = successors
        assert (await second.call("POST /api/refresh", {"refresh_token": successor})).status == 200


@told
async def test_an_older_ancestor_within_the_grace_is_refused_and_the_family_lives(world: World) -> None:
    async with world.replica() as replica:
        tokens = await replica.user()
        chain = [tokens["refresh_token"]]
        for _ in range(3):
            chain.append((await replica.call("POST /api/refresh", {"refresh_token": chain[-1]})).json["refresh_token"])
        for old in chain[:2]:
            assert (await replica.call("POST /api/refresh", {"refresh_token": old})).status == 401
        assert (await replica.call("GET /profile", token=tokens["access_token"])).status == 200
        assert (await replica.call("POST /api/refresh", {"refresh_token": chain[-1]})).status == 200


@pytest.mark.parametrize("rotations", [1, 3])
def test_reuse_after_the_grace_revokes_the_family(world: World, rotations: int) -> None:
    @told
    async def story() -> None:
        async with world.replica(REFRESH_GRACE_S="0.05") as replica:
            tokens = await replica.user()
            current = tokens["refresh_token"]
            for _ in range(rotations):
                await asyncio.sleep(0.06)
                current = (await replica.call("POST /api/refresh", {"refresh_token": current})).json["refresh_token"]
            await asyncio.sleep(0.06)
            stolen = await replica.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})
            assert stolen.status == 401
            assert (await replica.call("POST /api/refresh", {"refresh_token": current})).status == 401
            assert (await replica.call("GET /profile", token=tokens["access_token"])).status == 401

    story()


@told
async def test_times_of_retirement_are_forgotten_after_the_grace(world: World, raw: redis.Redis) -> None:
    async with world.replica(REFRESH_GRACE_S="0.01") as replica:
        token = (await replica.user())["refresh_token"]
        for _ in range(6):
            token = (await replica.call("POST /api/refresh", {"refresh_token": token})).json["refresh_token"]
            await asyncio.sleep(0.02)
        (session,) = raw.keys("session:*")
        assert len([name for name in raw.hkeys(session) if name.startswith("retired:")]) <= 2


@told
async def test_a_forged_refresh_token_is_refused_without_harm(world: World) -> None:
    async with world.replica() as replica:
        tokens = await replica.user()
        head, kid, user, session, number, mac = tokens["refresh_token"].split(".")
        other = (await replica.user("bob"))["refresh_token"].split(".")[2]
        for forged in (
            f"{head}.{kid}.{user}.{session}.2.{mac}",
            f"{head}.{kid}.{user}.{session}.0.{mac}",
            f"{head}.{kid}.{user}.{session}.{number}.{mac[:-1]}",
            f"{head}.{kid}.{user}.{session}.١.{mac}",
            f"{head}.{kid}.{other}.{session}.{number}.{mac}",
            f"{head}.00000000.{user}.{session}.{number}.{mac}",
            "r1",
            "",
        ):
            assert (await replica.call("POST /api/refresh", {"refresh_token": forged})).status == 401
        assert (await replica.call("POST /api/refresh", {"refresh_token": tokens["refresh_token"]})).status == 200


def hostile(user: str, session: str) -> dict[str, str]:
    """Tokens that must not be taken, each made from what a live session would say."""
    now = int(time.time())
    good: dict[str, Any] = {**GOOD, "sub": user, "sid": session, "iat": now, "nbf": now, "exp": now + 600}

    def without(name: str) -> dict[str, Any]:
        return {key: value for key, value in good.items() if key != name}

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signed = jwt.encode(good, SECRET, "HS256", KID)
    made = {f"no {name}": jwt.encode(without(name), SECRET, "HS256", KID) for name in good}
    changes = {
        "expired": {"iat": now - 900, "nbf": now - 900, "exp": now - 10},
        "not yet": {"nbf": now + 600},
        "typ": {"typ": "refresh"},
        "aud": {"aud": "others"},
        "iss": {"iss": "others"},
        "sub": {"sub": "bob"},
        "sid": {"sid": "0" * 32},
        "sid list": {"sid": [session]},
        "perms text": {"perms": "users"},
        "perms of lists": {"perms": [["users"]]},
    }
    made |= {name: jwt.encode(good | change, SECRET, "HS256", KID) for name, change in changes.items()}
    made["foreign key"] = jwt.encode(good, SECRET[::-1], "HS256", KID)
    made["other algorithm"] = jwt.encode(good, SECRET * 2, "HS512", KID)
    made["same key, other algorithm"] = jwt.encode(good, SECRET, "HS384", KID)
    made["no kid"] = jwt.encode(good, SECRET, "HS256")
    made["unknown kid"] = jwt.encode(good, SECRET, "HS256", {"kid": "00000000"})
    # PyJWT refuses to sign with an empty key, which is what a careless lookup of an unknown kid would verify with.
    body = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': '00000000'})}.{part(good)}"
    mac = base64.urlsafe_b64encode(hmac.digest(b"", body.encode(), "sha256")).decode().rstrip("=")
    made["unknown kid, empty key"] = f"{body}.{mac}"
    made["alg none"] = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(good)}."
    made["flipped"] = signed[:-6] + ("A" if signed[-6] != "A" else "B") + signed[-5:]
    made["garbage"] = "a.b.c"
    made["empty"] = ""
    return made


@told
async def test_hostile_tokens_are_refused_even_after_a_good_one_was_seen(world: World, raw: redis.Redis) -> None:
    async with world.replica() as replica:
        tokens = await replica.user()
        session = raw.keys("session:*")[0].removeprefix("session:")
        user = raw.keys("user:*")[0].removeprefix("user:")
        now = int(time.time())
        control = {**GOOD, "sub": user, "sid": session, "iat": now, "nbf": now, "exp": now + 600}
        assert (await replica.call("GET /profile", token=jwt.encode(control, SECRET, "HS256", KID))).status == 200
        assert (await replica.call("GET /profile", token=tokens["access_token"])).status == 200
        for name, token in hostile(user, session).items():
            answer = await replica.call("GET /profile", token=token)
            assert (name, answer.status) == (name, 401)
        assert (await replica.call("GET /profile")).status == 401


@told
async def test_a_token_expires_also_when_its_signature_is_cached(world: World) -> None:
    # Times in a token are whole seconds: a life of one may be over at once.
    async with world.replica(ACCESS_TTL_S="3", JWT_LEEWAY_S="0") as replica:
        token = (await replica.user())["access_token"]
        claims = replica.service.tokens.verify(token)
        assert replica.service.tokens.verify(token) is claims, "the second look came from the cache"
        await asyncio.sleep(max(claims.expires - time.time(), 0) + 0.01)
        assert (await replica.call("GET /profile", token=token)).status == 401
