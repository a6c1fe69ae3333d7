"""Rate limits: so many requests of one subject in a row, then as many a second, counted over all replicas.

Keys    limit:<name>:<subject>   string: when the next request would be due if all came evenly, in µs of Unix time.
                                 Lives until then: a subject that asks for nothing leaves nothing behind.
Owner   the limiter; only its scripts write it, in one step with the decision, by the store's clock alone: clocks of
        replicas may differ.
Trips   GET /api/limited 1: check of the session and decision are one script. A route that is given a limit by
        RATE_LIMITS: 1 more.
Crash   a request that was admitted and then lost its reply has used its turn; nothing else is left.

The generic cell rate algorithm: with interval T and burst B at most B + W/T requests are admitted in any time W, and
one is admitted whenever fewer than B were in the last B·T.
A limiter that cannot write (the store is full, say) lets nobody in, or everybody whose session is live, as
LIMIT_FAILS_OPEN says. Whether a session is live never fails open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request

from target_service.accounts import user_key
from target_service.headers import bearer
from target_service.problems import Limited, NotAuthenticated, Unavailable
from target_service.sessions import Sessions
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
    scripts=("limit_take", "limit_try"),
    trips={"GET /api/limited": 1, "any route that RATE_LIMITS names: its own and": 1},
    crash="""A request that was admitted and lost its reply has used its turn; the key ends by itself.""",
)


@dataclass(frozen=True)
class Limit:
    """`burst` requests at once, then `per_s` a second; `name` stands for what is limited."""

    name: str
    per_s: float
    burst: int

    @property
    def interval_us(self) -> int:
        """The time between two requests that come evenly."""
        return max(int(1_000_000 / self.per_s), 1)

    def key(self, subject: str) -> str:
        """Where the state of a subject is."""
        return f"limit:{self.name}:{subject}"

    def arguments(self) -> list[str | int]:
        """Interval and tolerance, as the scripts take them."""
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
        """A turn at /api/limited for the session's user; raises Limited, NotAuthenticated."""
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
        """0, or after how many µs to ask again."""
        arguments = [*self.limited.arguments(), *self._more()]
        return int(await self._sessions.run(claims, "limit_take", [self.limited.key(claims.user)], arguments))

    def _more(self) -> Sequence[str | int]:
        """What a limiter passes to its scripts beside the limit."""
        return ()

    async def attempt(self, limit: Limit, subject: str) -> None:
        """A turn of a subject at a limit of its own; raises Limited."""
        try:
            wait_us = await self._store.run("limit_try", [limit.key(subject)], [*limit.arguments(), *self._more()])
        except Unavailable:
            if not self._fails_open:
                raise
            return
        if wait_us:
            raise Limited(int(wait_us) / 1e6)


def gates(limits: Limits, tokens: Tokens, chosen: Sequence[tuple[str, float, int]]) -> list[Any]:
    """What stands before every route when limits are `chosen`, as (METHOD /path, requests a second, burst)."""
    by_route = {name: Limit(name.replace(" ", ""), per_s, burst) for name, per_s, burst in chosen}

    async def gate(request: Request) -> None:
        limit = by_route.get(f"{request.method} {getattr(request.scope.get('route'), 'path', '')}")
        if limit is not None:
            await limits.attempt(limit, _subject(tokens, request))

    return [Depends(gate)] if chosen else []


def _subject(tokens: Tokens, request: Request) -> str:
    """The user of a token that is signed by us, else the address: what anybody may write in a header is no subject.

    An API key is not signed, and the store has not been asked about it yet: the user in it may be anybody.
    """
    try:
        claims = tokens.verify(bearer(request))
        if not claims.machine:
            return f"user:{claims.user}"
    except NotAuthenticated:
        pass
    return f"address:{request.client.host if request.client else 'unknown'}"
