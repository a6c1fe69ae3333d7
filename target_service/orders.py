"""Orders: one of those who ask for an order gets it, it is processed once, and none is left in between.

An order has a name that clients choose (a numbered ticket, an order to be picked up), so several ask for the same one
at once. The first claim wins; it is the user's of its token with its idempotency key, whatever a body says.

Keys    order:<name>       hash: user, claimant (a hash of user and idempotency key), fingerprint (of the body), state
                           (processing | processed), receipt, wanted, fence, lease_until (ms), answer. <name> is a hash
                           of the order's id. Durable: who has won an order is what the service is asked for, for as
                           long as anybody may name it; a clock that took it away would give the order to the next.
        order-key:<name>   string: the order that an idempotency key won. Lives IDEMPOTENCY_RETENTION_S; after that the
                           key may win another order. Of its own order the record knows the key for ever.
        orders:open        sorted set: name -> ms from which the completer may take it.
Owner   whoever holds the lease; its fence is the proof. Who has won never changes, whatever becomes of the lease.
Trips   place 2: claim (with the session's check), then finish or release. Show 1. The completer: 1 a poll, 2 an order.
Crash   claimed: the order is its winner's, processing, under a lease, and listed. After the lease the winner's retry or
        the completer takes the next fence and goes on; the ledger has the effect once, by its key. Nobody else can win
        meanwhile, and nothing waits for the client: no order stays in processing.
        processed in the ledger but not finished: as above, and the ledger replays. finished: the answer is stored.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import orjson

from target_service import logs
from target_service.ids import NewId
from target_service.ledger import Effect, Ledger, LedgerUnavailable, StaleFence
from target_service.problems import InProgress, KeyReused, NotFound, OrderTaken, Unavailable
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store
from target_service.tokens import Claims

OPEN = "orders:open"

STATE = State(
    name="Orders",
    keys=(
        Key(
            "order:*",
            "hash",
            None,
            "the winner, for ever; for writing whoever holds the lease, proved by its fence",
            "who won, what is wanted, state, receipt, fence, lease, answer. No TTL: whose an order is must not change "
            "with time; taking old ones out is the business's to decide, with their ids",
        ),
        Key(
            "order-key:*",
            "string",
            "IDEMPOTENCY_RETENTION_S",
            "the claim that won",
            "which order an idempotency key won, so that it wins no other",
        ),
        Key("orders:open", "zset", None, "the scripts that claim and finish", "what the completer has to look at"),
    ),
    scripts=("order_claim", "order_due", "order_finish", "order_release", "order_resume", "order_show"),
    trips={
        "POST /api/orders": (2, "the claim must be durable before the effect, and the answer after it"),
        "POST /process-order": (2, "the same under its other name"),
        "GET /api/orders/{id}": 1,
        "completer: a poll of orders": 1,
        "completer: an order": (2, "as the request that it completes"),
    },
    crash="""Claimed, or processed by the ledger: the order is its winner's and listed; after the lease the winner's
    retry or the completer goes on under the next fence with the same ledger key. Finished: the answer is stored. No
    order stays in processing, and none changes hands.""",
)


@dataclass(frozen=True)
class Wanted:
    """What is ordered, under the name that the clients gave the order."""

    order_id: str
    item: str
    quantity: int

    def encoded(self) -> str:
        """As the store keeps it."""
        return orjson.dumps([self.order_id, self.item, self.quantity]).decode()

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """The inverse of encoded()."""
        return cls(*orjson.loads(text))

    def fingerprint(self) -> str:
        """Equal for equal orders, whatever their JSON looked like."""
        return hashlib.sha256(self.encoded().encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One owner's try: valid as long as `fence` is the order's newest. `user` is the winner."""

    name: str
    fence: int
    receipt: str
    user: str
    wanted: Wanted


@dataclass(frozen=True)
class Placed:
    """The body of the answer, byte for byte, and whether it was already there."""

    body: bytes
    replayed: bool


def order_name(order_id: str) -> str:
    """Stands for an order in the store: ids are whatever clients like."""
    return hashlib.sha256(order_id.encode()).hexdigest()[:40]


def claimant_name(user: str, key: str) -> str:
    """Stands for (user, idempotency key)."""
    return hashlib.sha256(f"{len(user)}:{user}:{key}".encode()).hexdigest()[:40]


def order_key(name: str) -> str:
    """The key of an order's record."""
    return f"order:{name}"


def shown(user: str, state: str, receipt: str, wanted: Wanted) -> bytes:
    """An order as its user sees it."""
    return orjson.dumps(
        {
            "order_id": wanted.order_id,
            "status": state,
            "user_id": user,
            "item": wanted.item,
            "quantity": wanted.quantity,
            "receipt": receipt,
        }
    )


class Orders:
    """Orders in the store, their effects in the ledger."""

    def __init__(self, store: Store, sessions: Sessions, ledger: Ledger, settings: Settings, new_id: NewId) -> None:
        self._store = store
        self._sessions = sessions
        self._ledger = ledger
        self._new_id = new_id
        self._lease_ms = int(settings.payment_lease_s * 1000)
        self._backoff_ms = int(settings.backoff_s * 1000)
        self._retention_ms = int(settings.idempotency_retention_s * 1000)

    async def place(self, claims: Claims, key: str, wanted: Wanted) -> Placed:
        """Processes the order for this user and key, unless others have it.

        Raises NotAuthenticated, OrderTaken, InProgress, KeyReused or Unavailable.
        """
        name, claimant, receipt = order_name(wanted.order_id), claimant_name(claims.user, key), self._new_id("order")
        outcome, *rest = await self._sessions.run(
            claims,
            "order_claim",
            [order_key(name), OPEN, f"order-key:{claimant}"],
            [claimant, wanted.fingerprint(), receipt, self._lease_ms, wanted.encoded(), name, self._retention_ms],
        )
        match outcome, rest:
            case b"done", [body]:
                return Placed(body, replayed=True)
            case b"yours", [fence, given]:
                attempt = Attempt(name, fence, given.decode(), claims.user, wanted)
                return Placed(await self.complete(attempt), replayed=False)
            case b"taken", []:
                raise OrderTaken()
            case b"mismatch", []:
                raise KeyReused()
        raise InProgress()

    async def complete(self, attempt: Attempt) -> bytes:
        """Has the effect and finishes under a claim; the answer that counts. Raises InProgress or Unavailable."""
        try:
            await self._ledger.post(self.effect(attempt))
        except StaleFence as error:
            await self._release(attempt.name, attempt.fence)
            raise InProgress() from error
        except LedgerUnavailable as error:
            logs.event("ledger_unavailable", order=attempt.receipt, fence=attempt.fence, why=str(error))
            await self._release(attempt.name, attempt.fence)
            raise Unavailable("The order is not processed yet: ask again with the same key") from error
        return await self._finish(attempt)

    async def show(self, claims: Claims, order_id: str) -> bytes:
        """An order of this user; raises NotAuthenticated or NotFound (also: another user's)."""
        found = await self._sessions.run(claims, "order_show", [order_key(order_name(order_id))])
        if not found:
            raise NotFound()
        state, receipt, wanted = found
        return shown(claims.user, state.decode(), receipt.decode(), Wanted.decoded(wanted))

    async def due(self, most: int) -> list[str]:
        """Names of orders in processing whose owner's lease has ended; at most `most`, each put off by a lease."""
        names = await self._store.run("order_due", [OPEN], [most, self._lease_ms])
        return [name.decode() for name in names]

    async def resume(self, name: str) -> Attempt | None:
        """Takes an order in processing over, if it is free to take; raises what shows that it cannot be read."""
        taken = await self._store.run("order_resume", [order_key(name), OPEN], [self._lease_ms, name])
        if taken is None:
            return None
        fence, receipt, user, wanted = taken
        try:
            return Attempt(name, fence, receipt.decode(), user.decode(), Wanted.decoded(wanted))
        except (TypeError, ValueError):
            # Another version may be able to: it must find the lease free.
            await self._release(name, fence)
            raise

    def effect(self, attempt: Attempt) -> Effect:
        """The same key at every attempt, and the attempt's number as the fence."""
        return Effect(attempt.wanted.order_id, f"order:{attempt.name}", attempt.fence, "order")

    async def _finish(self, attempt: Attempt) -> bytes:
        keys = [order_key(attempt.name), OPEN]
        body = shown(attempt.user, "processed", attempt.receipt, attempt.wanted)
        try:
            answer = await self._store.run("order_finish", keys, [attempt.fence, body, attempt.name])
        except Unavailable as error:
            # Not StoreUnreachable: the effect has been had, so "nothing was done" would be a lie.
            raise Unavailable() from error
        if answer is None:
            raise InProgress()
        return bytes(answer)

    async def _release(self, name: str, fence: int) -> None:
        try:
            await self._store.run("order_release", [order_key(name), OPEN], [fence, name, self._backoff_ms])
        except Unavailable:
            # The lease ends by itself.
            logs.event("release_failed", order=name)
