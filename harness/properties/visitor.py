"""What all workloads share: sessions as their owners know them, the log-in, and reading items back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.client.caller import Caller, Context, Op, Reply, spread

LOGIN = "login"
"""The kind of an op that logs a user in; clients of every property issue such ops."""
SIGNUP = "signup"
"""The kind of an op that signs a user up; clients of every property may issue such ops."""
LOGIN_AT, SIGNUP_AT, REFRESH_AT = "session.login", "users.signup", "session.refresh"
"""The dotted places of the operations in a contract."""

THROUGH_ALL = 100
READS = 4
READS_ELSEWHERE = 6


@dataclass(slots=True)
class SessionItem:
    """A session as its owner knows it.

    Attributes:
        key: name of the session in the journal.
        user: name of the user who logged in.
        token: the token that authenticates ops.
        replica: name of the replica that gave the session; None when the answer named none.
        chain: every refresh token from the log-in on, the newest last.
        rotated_ns: when each refresh token but the newest was replaced, in nanoseconds of the monotonic clock.
        revoked: whether the owner ended the session, and the service acknowledged that.
        doubtful: whether the owner may have ended the session.
        lost: whether the service refused the session.
        unsure: whether the newest refresh token may have been rotated: it was presented, and the outcome is unknown.
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
        """Whether the owner may expect the session to be there."""
        return not (self.revoked or self.doubtful or self.lost)


@dataclass(slots=True)
class Visitor:
    """What one simulated user carries from step to step.

    Attributes:
        caller: the client that issues the user's ops.
        sessions: the sessions in use.
        open: items of the property that are not finished yet.
        ended: items of the property that are finished and may be read again.
    """

    caller: Caller
    sessions: list[SessionItem] = field(default_factory=list)
    open: list[object] = field(default_factory=list)
    ended: list[object] = field(default_factory=list)


def login(
    caller: Caller, workload: str, expect: list[str] | None = None, who: tuple[str, str] | None = None
) -> SessionItem | None:
    """Log a user in.

    Args:
        caller: the client that logs in.
        workload: name of the property whose ops will use the session.
        expect: classes of answer that are right; None when every answer is right.
        who: name and password of the user; None for any of the agent's users.

    Returns:
        The new session; None when the log-in failed, when its outcome is unknown, or when nobody could sign up.
    """
    context = caller.context
    if who is None and not context.users:
        return None
    user, password = who or caller.random.choice(context.users)
    key = context.item("s")
    refreshable = REFRESH_AT in context.operations

    def observe(fields: dict[str, object]) -> dict[str, object]:
        return {"value": context.fingerprint(fields["refresh"])} if refreshable else {}

    op = Op(workload, LOGIN, key, session=key, user=user, expect=expect)
    reply = caller.call(LOGIN_AT, op, {"username": user, "password": password}, observe)
    if not reply.ok:
        return None
    chain = [str(reply.fields["refresh"])] if refreshable else []
    return SessionItem(key, user, str(reply.fields["token"]), reply.replica, chain)


def session_of(visitor: Visitor, workload: str) -> SessionItem | None:
    """Return the visitor's newest live session, and log a user in first if the visitor has no live session.

    Args:
        visitor: the visitor; its sessions that are no longer live are dropped.
        workload: name of the property whose ops will use the session.

    Returns:
        The session; None when the log-in gave none.
    """
    visitor.sessions = [item for item in visitor.sessions if item.live]
    if not visitor.sessions:
        item = login(visitor.caller, workload)
        if item:
            visitor.sessions.append(item)
    return visitor.sessions[-1] if visitor.sessions else None


def seen(item: SessionItem, reply: Reply) -> Reply:
    """Note in the session whether the reply refused it, so that the owner logs in again, and return the reply."""
    if reply.kind == "absent":
        item.lost = True
    return reply


def read_back(context: Context, items: Sequence[Any], read: Callable[..., Reply]) -> None:
    """Read items back: up to a hundred through every replica, the rest once through another than their own replica.

    A read without a definite answer is repeated. Where replicas have no addresses of their own, the balancer chooses
    the replica; then reads are repeated, a bounded number of times, until the wanted replicas have answered.

    Args:
        context: what the clients share.
        items: the items, each with the attribute `replica`, the name of the replica that acknowledged the item.
        read: `read(caller, item, avoid=NAME, through=NAME)` reads one item. `avoid` names the replica that shall not
            answer, `through` the replica that shall.
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
