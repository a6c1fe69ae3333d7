"""What a workload is, and the log-in that all of them begin with.

A workload exercises one property: `step` is what one visitor does next under load, `steady` is one correct pass
before any fault, `settle` brings doubtful items to a definite end once the faults are healed, `final` reads every
acknowledged item once more through another replica than the one that acknowledged it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from harness.client.caller import Caller, Context, Op, Reply, spread
from harness.contract.model import Contract

THROUGH_ALL = 100
READS = 4
READS_ELSEWHERE = 6


@dataclass(slots=True)
class SessionItem:
    """A session as its owner knows it. `chain` holds every refresh token from the login on, the newest last.

    `unsure`: the newest may have been rotated, for it was presented and nobody knows what came of it.
    """

    key: str
    user: str
    token: str
    replica: str | None
    chain: list[str] = field(default_factory=list)
    rotated_ns: list[int] = field(default_factory=list)
    revoked: bool = False
    doubtful: bool = False
    lost: bool = False
    unsure: bool = False

    @property
    def live(self) -> bool:
        """Its owner may expect it to be there."""
        return not (self.revoked or self.doubtful or self.lost)


@dataclass(slots=True)
class Visitor:
    """What one simulated user carries from step to step."""

    caller: Caller
    sessions: list[SessionItem] = field(default_factory=list)
    open: list[object] = field(default_factory=list)
    ended: list[object] = field(default_factory=list)


class Workload(Protocol):
    """One a file; registered in `harness.properties.WORKLOADS`."""

    NAME: ClassVar[str]
    PROVES: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]

    def __init__(self, context: Context) -> None: ...

    @staticmethod
    def kinds(contract: Contract) -> list[str]:
        """Kinds of op that this workload issues against a service with `contract`."""
        ...

    def step(self, visitor: Visitor) -> None:
        """What one visitor does next."""
        ...

    def steady(self, caller: Caller) -> None:
        """One pass before any fault; every op says which classes are right."""
        ...

    def quiet(self) -> list[str]:
        """Wait until acknowledged work has ended; what has not by the promised time is named."""
        ...

    def settle(self) -> None:
        """Bring doubtful items to a definite end."""
        ...

    def final(self) -> None:
        """Read every acknowledged item."""
        ...


def login(
    caller: Caller, workload: str, expect: list[str] | None = None, who: tuple[str, str] | None = None
) -> SessionItem | None:
    """Log a user in, `who` (name and password) or any; None when no session came of it."""
    context = caller.context
    user, password = who or caller.random.choice(context.users)
    key = context.item("s")
    refreshable = context.contract.session is not None and context.contract.session.refresh is not None

    def observe(fields: dict[str, object]) -> dict[str, object]:
        return {"v": context.fingerprint(fields["refresh"])} if refreshable else {}

    op = Op(workload, "login", key, session=key, user=user, expect=expect)
    reply = caller.call("session.login", op, {"username": user, "password": password}, observe)
    if not reply.ok:
        return None
    chain = [str(reply.fields["refresh"])] if refreshable else []
    return SessionItem(key, user, str(reply.fields["token"]), reply.replica, chain)


def session_of(visitor: Visitor, workload: str) -> SessionItem | None:
    """The visitor's live session, by a log-in if it has none."""
    visitor.sessions = [item for item in visitor.sessions if item.live]
    if not visitor.sessions:
        item = login(visitor.caller, workload)
        if item:
            visitor.sessions.append(item)
    return visitor.sessions[-1] if visitor.sessions else None


def seen(item: SessionItem, reply: Reply) -> Reply:
    """Note that the session was refused, so that its owner logs in again."""
    if reply.kind == "absent":
        item.lost = True
    return reply


def read_back(context: Context, items: Sequence[Any], read: Callable[..., Reply]) -> None:
    """Up to a hundred of the items through each replica, every other one through another than its `replica`.

    `read(caller, item, avoid=NAME, through=NAME)` performs the read; one that told nothing is done again. Where
    replicas have no addresses of their own the balancer chooses, so that a read is done again until those answered
    that should.
    """

    def told(caller: Caller, item: Any, **route: str | None) -> str | None:
        for _ in range(READS):
            reply = read(caller, item, **route)
            if not (reply.doubtful or reply.kind == "no_effect"):
                return reply.replica
        return None

    def elsewhere(caller: Caller, item: Any) -> None:
        for _ in range(1 if context.settings.hop else READS_ELSEWHERE):
            replica = told(caller, item, avoid=item.replica)
            if replica is None or replica != item.replica:
                return

    def everywhere(caller: Caller, item: Any) -> None:
        met: set[str] = set()
        for _ in range(len(replicas) * READS_ELSEWHERE):
            replica = told(caller, item)
            if replica is None or len(met | {replica}) >= len(replicas):
                return
            met.add(replica)

    replicas = [name for name, _ in context.members.ready]
    few = range(0, len(items), max(1, len(items) // THROUGH_ALL))[: THROUGH_ALL if replicas else 0]
    spread(context, "hop", [item for index, item in enumerate(items) if index not in few], elsewhere)
    if not context.settings.hop:
        spread(context, "hop", [items[index] for index in few], everywhere)
        return
    pairs = [(items[index], name) for index in few for name in replicas]
    spread(context, "hop", pairs, lambda caller, pair: told(caller, pair[0], through=pair[1]))
