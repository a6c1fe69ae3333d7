"""Orders: one of those who ask for an order gets it, it is processed once, and none is left half done.

Clients choose the name of an order (a numbered ticket, an order to be picked up), so several ask for the same one at
once. The first claim wins. The winner is the user of the token, with the idempotency key of the request; the body of a
request cannot name another user. An order is a leased record: leased.py says how it is claimed, processed, finished
and taken over.

Keys    order:<name>       hash: user, claimant (a hash of user and idempotency key), fingerprint (of the body), state
                           (processing | processed), receipt, wanted, fence, lease_until (ms), answer. <name> is a hash
                           of the order's id. No TTL: the service is asked for as long as anybody may name the order
                           whose it is, and a TTL would give it to the next who asks.
        order-key:<name>   string: the order that an idempotency key won. Lives IDEMPOTENCY_RETENTION_S; after that the
                           key may win another order. The record of its own order knows the key for ever.
        orders:open        sorted set: name -> ms from which the completer may take the order.
Owner   whoever holds the lease; the fence is the proof. The winner never changes, whatever becomes of the lease.
Trips   place 2: the claim (with the check of the session), then finish or release. Show 1. The completer: 1 a poll, 2
        an order.
Crash   Replicas and workers may die after any of these points:
        claimed     The order is its winner's, in processing, under a lease, and listed. After the lease the winner's
                    retry, or the completer, takes the next fence and goes on. The ledger has the effect once, by its
                    key. Nobody else can win meanwhile, and nothing waits for the client: no order stays in processing.
        processed   The ledger has the effect and the record does not say so. As above, and the ledger replays it.
        finished    The answer is stored.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from target_service import leased
from target_service.ids import name_of_key
from target_service.leased import Answer, LeasedRecords, Wish
from target_service.ledger import Effect
from target_service.problems import NotFound
from target_service.state import Key, State
from target_service.tokens import Claims

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
class Wanted(Wish):
    """What is ordered, under the name that the clients gave the order."""

    order_id: str
    item: str
    quantity: int


@dataclass(frozen=True)
class Attempt(leased.Attempt):
    """One owner's claim on an order. `id` is the receipt, `user` is the winner, `wanted` is what is ordered."""

    user: str
    wanted: Wanted


def order_name(order_id: str) -> str:
    """Return the name of an order in the store, a hash: clients choose ids of any form."""
    return hashlib.sha256(order_id.encode()).hexdigest()[:40]


def shown(user: str, state: str, receipt: str, wanted: Wanted) -> bytes:
    """Return an order as its user sees it, in JSON."""
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


class Orders(LeasedRecords[Attempt]):
    """Orders in the store, their effects in the ledger."""

    kind = "order"
    not_yet = "The order is not processed yet: ask again with the same key"

    async def place(self, claims: Claims, key: str, wanted: Wanted) -> Answer:
        """Process an order for this user and idempotency key, unless somebody else has won it.

        The claim is in the store before the ledger is asked. A replica that dies here leaves an order in processing,
        which the winner's retry or the completer finishes.

        Args:
            claims: Who asks for the order.
            key: The idempotency key.
            wanted: What is ordered.

        Returns:
            The answer: a new one, or the stored one when this user has won the order before with the same key.

        Raises:
            NotAuthenticated: The session is not live.
            OrderTaken: The order is another user's, or was won with another key.
            KeyReused: The key was used with another body, or has won another order.
            InProgress: Another request with this key is being processed.
            Unavailable: The store or the ledger gave no answer; asking again with the same key is safe.
        """
        name, claimant, receipt = order_name(wanted.order_id), name_of_key(claims.user, key), self._new_id("order")
        return await self._claim(
            claims,
            [self.key(name), self.open_list, f"order-key:{claimant}"],
            [claimant, wanted.fingerprint(), receipt, self._lease_ms, wanted.encoded(), name, self._retention_ms],
            lambda fence, given: Attempt(name, fence, given, claims.user, wanted),
        )

    async def show(self, claims: Claims, order_id: str) -> bytes:
        """Return an order of this user as JSON.

        Raises:
            NotAuthenticated: The session is not live.
            NotFound: There is no such order, or it is another user's.
            Unavailable: The store did not answer.
        """
        found = await self._sessions.run(claims, "order_show", [self.key(order_name(order_id))])
        if not found:
            raise NotFound()
        state, receipt, wanted = found
        return shown(claims.user, state.decode(), receipt.decode(), Wanted.decoded(wanted))

    def effect(self, attempt: Attempt) -> Effect:
        """Return the effect: the same key at every attempt, and the number of the attempt as the fence."""
        return Effect(attempt.wanted.order_id, f"order:{attempt.name}", attempt.fence, "order")

    def answer(self, attempt: Attempt) -> bytes:
        """Return the body of the answer to an attempt whose effect was had."""
        return shown(attempt.user, "processed", attempt.id, attempt.wanted)

    def resumed(self, name: str, fence: int, values: Sequence[bytes]) -> Attempt:
        """Return the completer's attempt from the receipt, the winner and the encoded order of the record."""
        receipt, user, wanted = values
        return Attempt(name, fence, receipt.decode(), user.decode(), Wanted.decoded(wanted))
