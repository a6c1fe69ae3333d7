"""Payments: one charge for one idempotency key, whatever is lost, repeated or killed.

Keys    payment:<name>   hash: fingerprint (of the body), state (open | done), payment_id, order (what to charge),
                         fence (number of the attempt), lease_until (ms), answer. <name> is a hash of user and
                         idempotency key, so one user cannot touch another's. An open payment has no TTL: it must be
                         finished. A done one lives IDEMPOTENCY_RETENTION_S; after that its key is a new payment.
        payments:open    sorted set: name -> ms from which the completer may take it.
Owner   whoever holds the lease; its fence is the proof. Whoever finds the lease ended takes the next fence.
Trips   2: claim (with the session's check), then finish or release. The completer: 1 a poll, 2 a payment.
Recovery points, and what a crash after each leaves:
        claimed    the payment is open under a lease, and listed. Nothing was charged, or nobody knows. After the lease
                   the client's retry, or the completer, takes the next fence and charges again with the same ledger
                   key: the ledger answers with the effect it already has, or has it now. Exactly once in both cases.
                   The ledger key is the payment id, stored before the ledger is asked and for as long as it may be
                   asked again. Not the client's key: that is forgotten here and not there, and a payment under a
                   key used again would be told to be charged while the ledger repeats the old one.
        charged    as above: only the ledger knows. It is asked again with the same key, and replays.
        finished   the answer is stored; every later request with the key gets exactly it.
The payment id is chosen at the claim that creates the record, so every attempt and every replay gives the same one.
An owner that was frozen finds its fence stale, at the ledger or when it finishes, and reports what the newer one has.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import orjson

from target_service import logs
from target_service.ids import NewId
from target_service.ledger import Effect, Ledger, LedgerUnavailable, StaleFence
from target_service.problems import InProgress, KeyReused, Unavailable
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.state import Key, State
from target_service.store import Store
from target_service.tokens import Claims

OPEN = "payments:open"


STATE = State(
    name="Payments",
    keys=(
        Key(
            "payment:*",
            "hash",
            "none while open; IDEMPOTENCY_RETENTION_S once done",
            "whoever holds the lease, proved by its fence",
            "fingerprint, state, payment id, what to charge, fence, lease, answer: the whole memory of one key",
        ),
        Key("payments:open", "zset", None, "the scripts that claim and finish", "what the completer has to look at"),
    ),
    scripts=("payment_claim", "payment_due", "payment_finish", "payment_release", "payment_resume"),
    trips={
        "POST /payment": (2, "the claim must be durable before the charge, and the answer after it"),
        "completer: a poll": 1,
        "completer: a payment": (2, "as the request that it completes"),
    },
    crash="""Claimed or charged: after the lease the client's retry or the completer takes the next fence and charges
    again under the stored payment id, which the ledger has once. Finished: every later request gets the stored answer,
    until the key is forgotten: then it is a new payment, with an id and an effect of its own.""",
)


@dataclass(frozen=True)
class Order:
    """What is to be charged. `amount` is a canonical decimal, `reference` the client's own name for it."""

    amount: str
    currency: str
    reference: str

    @classmethod
    def of(cls, amount: Decimal, currency: str, reference: str) -> Self:
        """An order in canonical form: 5, 5.0 and "5.00" are the same amount."""
        return cls(f"{amount.normalize():f}", currency, reference)

    def encoded(self) -> str:
        """As the store keeps it."""
        return orjson.dumps([self.amount, self.currency, self.reference]).decode()

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """The inverse of encoded()."""
        return cls(*orjson.loads(text))

    def fingerprint(self) -> str:
        """Equal for equal orders, whatever their JSON looked like."""
        return hashlib.sha256(self.encoded().encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One owner's try: valid as long as `fence` is the payment's newest."""

    name: str
    fence: int
    payment_id: str
    order: Order


@dataclass(frozen=True)
class Answer:
    """The body of the answer, byte for byte, and whether it was already there."""

    body: bytes
    replayed: bool


def payment_name(user: str, key: str) -> str:
    """Stands for (user, idempotency key) in the store."""
    return hashlib.sha256(f"{len(user)}:{user}:{key}".encode()).hexdigest()[:40]


def payment_key(name: str) -> str:
    """The key of a payment's record."""
    return f"payment:{name}"


class Payments:
    """Payments in the store, their charges in the ledger."""

    def __init__(self, store: Store, sessions: Sessions, ledger: Ledger, settings: Settings, new_id: NewId) -> None:
        self._store = store
        self._sessions = sessions
        self._ledger = ledger
        self._new_id = new_id
        self._lease_ms = int(settings.payment_lease_s * 1000)
        self._backoff_ms = int(settings.backoff_s * 1000)
        self._retention_ms = int(settings.idempotency_retention_s * 1000)

    async def pay(self, claims: Claims, key: str, order: Order) -> Answer:
        """Charges once for this user and key; raises NotAuthenticated, InProgress, KeyReused or Unavailable."""
        name = self.name(claims, key)
        outcome, *rest = await self._sessions.run(
            claims,
            "payment_claim",
            [payment_key(name), OPEN],
            [order.fingerprint(), self._new_id("payment"), self._lease_ms, order.encoded(), name],
        )
        match outcome, rest:
            case b"done", [body]:
                return Answer(body, replayed=True)
            case b"yours", [fence, payment_id]:
                return Answer(await self.complete(Attempt(name, fence, payment_id.decode(), order)), replayed=False)
            case b"mismatch", []:
                raise KeyReused()
        raise InProgress()

    async def complete(self, attempt: Attempt) -> bytes:
        """Charges and finishes under a claim; the answer that counts. Raises InProgress or Unavailable."""
        try:
            await self._ledger.post(self.effect(attempt))
        except StaleFence as error:
            # Usually a newer owner, whom a stale release cannot disturb. But a reference that another payment of
            # the client shares has that one's fences too: then this owner goes on, with the next number.
            await self._release(attempt.name, attempt.fence)
            raise InProgress() from error
        except LedgerUnavailable as error:
            logs.event("ledger_unavailable", payment=attempt.payment_id, fence=attempt.fence, why=str(error))
            await self._release(attempt.name, attempt.fence)
            raise Unavailable("The payment is not settled yet: ask again with the same key") from error
        body = orjson.dumps(
            {
                "payment_id": attempt.payment_id,
                "status": "charged",
                "amount": attempt.order.amount,
                "currency": attempt.order.currency,
                "reference": attempt.order.reference,
            }
        )
        return await self._finish(attempt, body)

    async def due(self, most: int) -> list[str]:
        """Names of open payments whose owner's lease has ended; at most `most`, each put off by a lease."""
        names = await self._store.run("payment_due", [OPEN], [most, self._lease_ms])
        return [name.decode() for name in names]

    async def resume(self, name: str) -> Attempt | None:
        """Takes an open payment over, if it is free to take; raises what shows that it cannot be read."""
        taken = await self._store.run("payment_resume", [payment_key(name), OPEN], [self._lease_ms, name])
        if taken is None:
            return None
        fence, payment_id, order = taken
        try:
            return Attempt(name, fence, payment_id.decode(), Order.decoded(order))
        except (TypeError, ValueError):
            # Another version may be able to: it must find the lease free.
            await self._release(name, fence)
            raise

    def name(self, claims: Claims, key: str) -> str:
        """The payment's name: of the key, and of the user whose key it is."""
        return payment_name(claims.user, key)

    def effect(self, attempt: Attempt) -> Effect:
        """The charge: the same key at every attempt, and the attempt's number as the fence."""
        order = attempt.order
        return Effect(order.reference, f"payment:{attempt.payment_id}", attempt.fence, "payment", order.amount)

    async def _finish(self, attempt: Attempt, body: bytes) -> bytes:
        keys = [payment_key(attempt.name), OPEN]
        try:
            answer = await self._store.run(
                "payment_finish", keys, [attempt.fence, body, self._retention_ms, attempt.name]
            )
        except Unavailable as error:
            # Not StoreUnreachable: the charge has been made, so "nothing was done" would be a lie.
            raise Unavailable() from error
        if answer is None:
            raise InProgress()
        return bytes(answer)

    async def _release(self, name: str, fence: int) -> None:
        try:
            await self._store.run("payment_release", [payment_key(name), OPEN], [fence, name, self._backoff_ms])
        except Unavailable:
            # The lease ends by itself.
            logs.event("release_failed", payment=name)
