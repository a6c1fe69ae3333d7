"""Rate limits: so many requests of one subject at once, then as many a second, counted over all replicas.

Keys    limit:<name>:<subject>   string: when the next request would be due if all came evenly, in µs of Unix time.
                                 Lives until then: a subject that asks for nothing leaves nothing behind.
Owner   the limiter. Only its scripts write the key, in one step with the decision and by the store's clock alone,
        because the clocks of replicas may differ.
Trips   GET /api/limited 1: the check of the session and the decision are one script. A route that RATE_LIMITS names
        asks the store once more: whose turn is used, and whether there is one, is decided in the same script.
Crash   A request that was admitted and then lost its reply has used its turn. Nothing else is left.

The algorithm is the generic cell rate algorithm. With interval T and burst B at most B + W/T requests are admitted in
any time W, and a request is admitted whenever fewer than B were admitted in the last B·T.
A limiter that cannot write (the store is full, say) admits nobody, or everybody whose session is live:
LIMIT_FAILS_OPEN decides which. Whether a session is live is never guessed.

On a route that RATE_LIMITS names, the subject is the user of a live session or API key, and else the address. Nothing
else in a header is a subject, because anybody may write it; nor is a token that was good once. The address is the
connection's. X-Forwarded-For is not believed, since whoever connects may write it. Where a proxy is the only way in and
writes that header itself, have uvicorn believe the proxy's address alone (`proxy_headers`, `forwarded_allow_ips`), or
limit at the proxy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from target_service.accounts import user_key
from target_service.headers import bearer
from target_service.openapi import AUTHENTICATED, calls
from target_service.problems import Limited, NotAuthenticated, Unavailable
from target_service.sessions import Sessions, authority_keys
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store
from target_service.tokens import Claims, Tokens

STATE = State(
    name="Limits",
    keys=(
        Key(
            "limit:*",
            "string",
            "until its subject may ask at once again",
            "the limiter; decided and written in one script",
            "when the next request of a subject is due: one number, whatever the limit",
        ),
    ),
    scripts=("limit_take", "limit_try", "limit_try_user"),
    trips={"GET /api/limited": 1, "any route that RATE_LIMITS names: its own and": 1},
    crash="""A request that was admitted and lost its reply has used its turn; the key ends by itself.""",
)


@dataclass(frozen=True)
class Limit:
    """A limit: `burst` requests at once, then `per_s` a second. `name` stands for what is limited."""

    name: str
    per_s: float
    burst: int

    @property
    def interval_us(self) -> int:
        """The time between two requests that come evenly, in microseconds."""
        return max(int(1_000_000 / self.per_s), 1)

    def key(self, subject: str) -> str:
        """Return the key that holds the state of a subject."""
        return f"limit:{self.name}:{subject}"

    def arguments(self) -> list[str | int]:
        """Return the interval and the tolerance, both in microseconds, as the scripts take them."""
        return [self.interval_us, (self.burst - 1) * self.interval_us]


class Limits:
    """Limits in the store."""

    def __init__(self, store: Store, sessions: Sessions, settings: Settings) -> None:
        self._store = store
        self._sessions = sessions
        self._fails_open = settings.limit_fails_open
        self._replica = settings.replica
        self.limited = Limit("/api/limited", settings.limit_per_s, settings.limit_burst)

    async def take(self, claims: Claims) -> None:
        """Use a turn of the session's user at /api/limited.

        A replica that dies after the script leaves a turn that was used.

        Raises:
            Limited: There is no turn now; the error says when there will be one.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer, and the limiter does not fail open.
        """
        try:
            wait_us = await self._decide(claims)
        except Unavailable:
            if not self._fails_open:
                raise
            await self._sessions.run(claims, "profile", [user_key(claims.user)])
            return
        if wait_us:
            raise Limited(wait_us / 1e6)

    async def _decide(self, claims: Claims) -> int:
        """Return 0 when the request has a turn, else after how many microseconds to ask again."""
        arguments = [*self.limited.arguments(), *self._more()]
        return int(await self._sessions.run(claims, "limit_take", [self.limited.key(claims.user)], arguments))

    def _more(self) -> Sequence[str | int]:
        """Return what this limiter passes to its scripts besides the limit."""
        return ()

    async def attempt(self, limit: Limit, address: str, claims: Claims | None) -> None:
        """Use a turn at a limit: the user's if the session is live, else the address's.

        Args:
            limit: The limit of the route.
            address: The address of the connection.
            claims: What the request's token says; None if it has none, or none that is genuine.

        Raises:
            Limited: There is no turn now; the error says when there will be one.
            Unavailable: The store did not answer, and the limiter does not fail open.
        """
        of_address, turn = limit.key(f"address:{address}"), [*limit.arguments(), *self._more()]
        try:
            if claims is None:
                wait_us = await self._store.run("limit_try", [of_address], turn)
            else:
                keys = [*authority_keys(claims), limit.key(f"user:{claims.user}"), of_address, user_key(claims.user)]
                wait_us = await self._store.run("limit_try_user", keys, [claims.user, *turn])
        except Unavailable:
            if not self._fails_open:
                raise
            return
        if wait_us:
            raise Limited(int(wait_us) / 1e6)


def gates(limits: Limits, tokens: Tokens, chosen: Sequence[tuple[str, float, int]]) -> list[Any]:
    """Return the dependencies that stand before every route.

    Args:
        limits: The limiter.
        tokens: Reads the tokens of requests.
        chosen: The limits that RATE_LIMITS names: "METHOD /path", requests a second, burst.

    Returns:
        One dependency, or none when no route is limited.
    """
    by_route = {name: Limit(name.replace(" ", ""), per_s, burst) for name, per_s, burst in chosen}

    async def gate(request: Request) -> None:
        route = request.scope.get("route")
        limit = by_route.get(f"{request.method} {getattr(route, 'path', '')}")
        if limit is not None and isinstance(route, APIRoute):
            address = request.client.host if request.client else "unknown"
            # On a route that asks for no token (a log-in, say), a token would only be a way to more turns.
            claims = _claims(tokens, request) if AUTHENTICATED in calls(route) else None
            await limits.attempt(limit, address, claims)

    return [Depends(gate)] if chosen else []


def _claims(tokens: Tokens, request: Request) -> Claims | None:
    """Return what the request's token says, if it says anything. Whether its session is live only the store knows."""
    try:
        return tokens.verify(bearer(request))
    except NotAuthenticated:
        return None
