"""Leased records: work that one owner at a time does, that has one effect, and that is never left half done.

Payments and orders are leased records (payments.py, orders.py). A record is a hash in the store with a state, a fence,
the end of a lease and, once it is over, the answer. lua/lease.lua says what each field means. The way of a record:

    claim     A request creates the record, or takes it over when its lease has ended. Either way it gets the next fence
              and a new lease. The claim also lists the name of the record in a sorted set, for the completer.
    effect    The owner asks the ledger for the effect. The key of the effect is the same at every attempt, so the
              ledger has it once. The fence goes with it, so the ledger refuses an owner that has been replaced.
    finish    The owner stores the answer. Every later request gets exactly this answer.
    release   An owner that cannot go on ends its lease early, so that the client's next attempt need not wait.
    resume    The completer (completer.py) claims a record whose lease has ended and whose client never came back.

A replica or a worker that dies between two of these steps leaves a record whose lease ends. The client's retry, or the
completer, then takes the next fence and goes on from the claim. An owner that was frozen finds that its fence is no
longer the newest, at the ledger or when it finishes, and answers InProgress.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Generic, Self, TypeVar

import orjson

from target_service import logs
from target_service.ids import NewId
from target_service.ledger import Effect, Ledger, LedgerUnavailable, StaleFence
from target_service.problems import InProgress, KeyReused, OrderTaken, Unavailable
from target_service.sessions import Sessions
from target_service.settings import Settings
from target_service.store import Store, Word
from target_service.tokens import Claims


@dataclass(frozen=True)
class Wish:
    """What a client asks for, as a record keeps it. Each kind of record has a dataclass of its own with the fields."""

    def encoded(self) -> str:
        """Return the fields as the store keeps them: a JSON list, in the order of their declaration."""
        return orjson.dumps([getattr(self, field.name) for field in fields(self)]).decode()

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """Return the wish that encoded() made `text` of.

        Raises:
            TypeError: The text has other fields, such as those of another version of the service.
            ValueError: The text is no JSON.
        """
        return cls(*orjson.loads(text))

    def fingerprint(self) -> str:
        """Return a hash that is equal for equal wishes, however the client wrote their JSON."""
        return hashlib.sha256(self.encoded().encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One owner's claim on a record. It is valid as long as `fence` is the newest fence of the record.

    Attributes:
        name: The name of the record in the store.
        fence: The number of the claim.
        id: The id that clients are told. The claim that creates the record chooses it, so every attempt has the same.
    """

    name: str
    fence: int
    id: str


@dataclass(frozen=True)
class Answer:
    """The body of an answer.

    Attributes:
        body: The bytes as the client gets them.
        replayed: True when an earlier request had stored this answer.
    """

    body: bytes
    replayed: bool


A = TypeVar("A", bound=Attempt)


class LeasedRecords(ABC, Generic[A]):
    """Records of one kind in the store, their effects in the ledger. `A` is the attempt of this kind.

    A kind says what its scripts and keys are called, what its effect and its answer are, and how its claim is made.
    """

    kind: ClassVar[str]
    """What a record is called. The records are `<kind>:<name>`, the list of those not over is `<kind>s:open`, and the
    scripts are `<kind>_claim`, `_finish`, `_release`, `_resume` and `_due`."""

    not_yet: ClassVar[str]
    """What the client is told when the ledger has not answered."""

    def __init__(self, store: Store, sessions: Sessions, ledger: Ledger, settings: Settings, new_id: NewId) -> None:
        """Use the store, the sessions and the ledger; the settings say how long leases, backoff and retention are."""
        self._store = store
        self._sessions = sessions
        self._ledger = ledger
        self._new_id = new_id
        self._lease_ms = int(settings.payment_lease_s * 1000)
        self._backoff_ms = int(settings.backoff_s * 1000)
        self._retention_ms = int(settings.idempotency_retention_s * 1000)

    @abstractmethod
    def effect(self, attempt: A) -> Effect:
        """Return the effect of an attempt: the same key at every attempt on a record, and the attempt's fence."""

    @abstractmethod
    def answer(self, attempt: A) -> bytes:
        """Return the body of the answer when the effect has been had."""

    @abstractmethod
    def resumed(self, name: str, fence: int, values: Sequence[bytes]) -> A:
        """Return the attempt of the completer from what the script `<kind>_resume` read.

        Raises:
            TypeError: The values are those of another version of the service.
            ValueError: The values cannot be read at all.
        """

    def key(self, name: str) -> str:
        """Return the key of the record with this name."""
        return f"{self.kind}:{name}"

    @property
    def open_list(self) -> str:
        """The key of the sorted set with the names of the records that are not over."""
        return f"{self.kind}s:open"

    async def complete(self, attempt: A) -> bytes:
        """Have the effect and store the answer, under a claim.

        A process that dies here leaves the record under its lease. The next owner asks the ledger again with the same
        key, so the effect is had once.

        Args:
            attempt: The claim.

        Returns:
            The body of the answer that counts. An owner that was overtaken by a newer one gets the newer one's answer.

        Raises:
            InProgress: A newer owner has the record.
            Unavailable: The ledger or the store gave no answer; asking again with the same key is safe.
        """
        try:
            await self._ledger.post(self.effect(attempt))
        except StaleFence as error:
            # Usually there is a newer owner, and a stale release cannot disturb it. But clients choose the references.
            # A reference that another record has used has the fences of that record too. Then the release frees this
            # record, and its next attempts take higher fences until they are past the other's.
            await self._release(attempt.name, attempt.fence)
            raise InProgress() from error
        except LedgerUnavailable as error:
            logs.event("ledger_unavailable", **{self.kind: attempt.id}, fence=attempt.fence, why=str(error))
            await self._release(attempt.name, attempt.fence)
            raise Unavailable(self.not_yet) from error
        return await self._finish(attempt, self.answer(attempt))

    async def due(self, most: int) -> list[str]:
        """Return the names of records that are not over and whose lease has ended, longest ago first.

        Args:
            most: How many names at most. Each is put off by a lease, so that the next call returns others.

        Raises:
            Unavailable: The store did not answer.
        """
        names = await self._store.run(f"{self.kind}_due", [self.open_list], [most, self._lease_ms])
        return [name.decode() for name in names]

    async def resume(self, name: str) -> A | None:
        """Claim a record for the completer.

        Args:
            name: A name that due() returned.

        Returns:
            The attempt, or None when the record is over, gone, or under somebody else's lease.

        Raises:
            Unavailable: The store did not answer.
            Exception: The record cannot be read. The error says why, and the lease is free for another version.
        """
        taken = await self._store.run(f"{self.kind}_resume", [self.key(name), self.open_list], [name, self._lease_ms])
        if taken is None:
            return None
        fence, *values = taken
        try:
            return self.resumed(name, fence, values)
        except (TypeError, ValueError):
            # Another version of the service may be able to read the record: it must find the lease free.
            await self._release(name, fence)
            raise

    async def _claim(
        self, claims: Claims, keys: Sequence[str], args: Sequence[str | int], claimed: Callable[[int, str], A]
    ) -> Answer:
        """Run the claim of this kind, and complete the record if it is this request's.

        Args:
            claims: Whose request this is.
            keys: The keys of the script `<kind>_claim`, after those of the session.
            args: The arguments of that script, after the user.
            claimed: Makes the attempt of the fence and the id that the claim got.

        Returns:
            The answer, replayed or new.

        Raises:
            NotAuthenticated: The session is not live.
            KeyReused: The idempotency key was used with another body.
            OrderTaken: Somebody else has claimed the record, or the same user with another key.
            InProgress: Another owner has the lease.
            Unavailable: The ledger or the store gave no answer.
        """
        outcome, *rest = await self._sessions.run(claims, f"{self.kind}_claim", keys, args)
        match outcome, rest:
            case b"done", [body]:
                return Answer(body, replayed=True)
            case b"yours", [fence, id]:
                return Answer(await self.complete(claimed(fence, id.decode())), replayed=False)
            case b"taken", []:
                raise OrderTaken()
            case b"mismatch", []:
                raise KeyReused()
        raise InProgress()

    async def _finish(self, attempt: A, body: bytes) -> bytes:
        """Store the answer and return the one that counts; the parameters and errors are those of complete()."""
        args: list[Word] = [attempt.name, attempt.fence, body, self._retention_ms]
        try:
            answer = await self._store.run(f"{self.kind}_finish", [self.key(attempt.name), self.open_list], args)
        except Unavailable as error:
            # Not StoreUnreachable: the effect has been had, so "nothing was done" would be untrue.
            raise Unavailable() from error
        if answer is None:
            raise InProgress()
        return bytes(answer)

    async def _release(self, name: str, fence: int) -> None:
        """End the lease early, if `fence` is still the newest; a store that does not answer changes nothing."""
        try:
            args: list[Word] = [name, fence, self._backoff_ms]
            await self._store.run(f"{self.kind}_release", [self.key(name), self.open_list], args)
        except Unavailable:
            # The lease ends by itself.
            logs.event("release_failed", **{self.kind: name})
