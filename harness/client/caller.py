"""One logical client: routes an op, journals the op, sends it exactly once, and says what the answer means.

A client is strictly sequential. Its id is retired after an op with the outcome `info` (Jepsen calls such a client a
*process*): the op may take effect at any later time, so the history must not show the client as finished with it.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent

from harness.client.connection import Answer, Broken, Connection, Connections, NotSent
from harness.client.routing import Hop, Members
from harness.client.settings import ClientSettings
from harness.client.tally import Tally
from harness.http.answers import Answers, outcome
from harness.http.operation import Operation
from harness.http.template import Template
from harness.placeholders import fill
from harness.rundir.journal import Hasher, Journal
from harness.rundir.journal_schema import COMPLETE, INVOKE, shortened

STARVED_AFTER_S = 2.0


@dataclass(slots=True)
class Reply:
    """What came of one op.

    Attributes:
        outcome: `ok`, `fail` or `info`.
        kind: the class of the answer, such as `absent`; `no_effect` when nothing was sent, `error` when no answer came.
        status: the HTTP status; None without an answer.
        fields: the values that the contract extracts from the answer; {} unless `kind` is `ok`.
        replica: name of the replica that answered; None when it is unknown.
    """

    outcome: str
    kind: str
    status: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    replica: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the service acknowledged that the op took effect."""
        return self.outcome == "ok"

    @property
    def doubtful(self) -> bool:
        """Whether it is unknown if the op took effect."""
        return self.outcome == "info"


@dataclass(slots=True)
class Op:
    """What the journal records of an op when the op begins.

    Attributes:
        workload: name of the property that the op belongs to.
        kind: the kind of op, such as `login`.
        key: name of the item that the op is about.
        session: name of the session whose token the op sends; None when it sends none.
        user: name of the user; None when the op concerns no user.
        arg: what the op writes or presents, as the property's check compares it.
        want: the value that a right answer shows; None when any is right.
        expect: classes of answer that are right; None when any is right.
        intended_ns: when the op was due in the open model, in nanoseconds of the monotonic clock; None otherwise.
    """

    workload: str
    kind: str
    key: str
    session: str | None = None
    user: str | None = None
    arg: str | None = None
    want: str | None = None
    expect: list[str] | None = None
    intended_ns: int | None = None

    def record(self, client: int, phase: str, routing: str, to: str | None) -> dict[str, Any]:
        """Return the journal line of the op's begin, without its time and number.

        Args:
            client: id of the client.
            phase: name of the phase of the run.
            routing: `hop` or `balancer`.
            to: name of the replica that the op is sent to; None when the balancer chooses the replica.
        """
        return shortened(
            INVOKE,
            {
                "client": client,
                "workload": self.workload,
                "kind": self.kind,
                "phase": phase,
                "key": self.key,
                "routing": routing,
                "session": self.session,
                "user": self.user,
                "arg": self.arg,
                "want": self.want,
                "expect": self.expect,
                "sent_to": to,
                "intended_ns": self.intended_ns,
            },
        )


class Compiled:
    """An operation of the contract, prepared for sending requests and reading answers."""

    def __init__(self, operation: Operation, master: bytes) -> None:
        def text(value: Any) -> Any:
            if isinstance(value, str):
                return fill(value, {}, master)
            if isinstance(value, dict):
                return {name: text(inner) for name, inner in value.items()}
            return [text(inner) for inner in value] if isinstance(value, list) else value

        headers = {name: text(value) for name, value in operation.headers.items()}
        self.template = Template(operation.method, text(operation.path), headers, text(operation.body))
        self.answers = Answers(operation)
        self.retry = operation.retry


def set_cookies(header: str) -> dict[str, str]:
    """Return the names and values of the cookies in a `Set-Cookie` header.

    Args:
        header: the header's value; several headers are joined to one by commas.
    """
    return dict(re.findall(r"(?:^|, )([^=;, ]+)=([^;,]*)", re.sub(r"(?i)expires=[^;]*", "", header)))


def with_cookies(request: bytes, cookies: Mapping[str, str]) -> bytes:
    """Return the bytes of an HTTP request with a `Cookie` header added."""
    line = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return request.replace(b"\r\n", f"\r\nCookie: {line}\r\n".encode("latin-1"), 1)


class Context:
    """What all clients of one load agent share.

    Attributes:
        settings: what the agent was told at its start.
        journal: the agent's journal.
        master: the run's secret.
        hasher: makes fingerprints of values.
        operations: the prepared operations of the contract, by their dotted place.
        members: the replicas that clients may send to.
        phase: name of the phase of the run, which the journal records with every op.
        stopping: whether clients shall end the step that they are in.
        surprises: one line for each answer that was not among the right ones.
        gone: addresses of replicas that are no longer ready, in that order; callers drop their connections to them.
        secrets: tokens and passwords that the parent has not been told yet.
        users: name and password of each user.
        tally: counts of the ops that ended.
        answered: is called after every op with workload, kind, latency in ms, size of the answer, and error or None.
        replica_header: name, in lower case, of the header of an answer that names the replica; None without one.
        boot_header: name, in lower case, of the header of an answer that names the replica's boot; None without one.
    """

    def __init__(self, settings: ClientSettings, operations: Mapping[str, Operation], journal: Journal) -> None:
        """Prepare the operations of a contract for the clients of one agent.

        Args:
            settings: what the agent was told at its start.
            operations: the operations of the contract, by their dotted place.
            journal: the agent's journal.
        """
        self.settings = settings
        self.journal = journal
        master = bytes.fromhex(settings.master)
        self.master = master
        self.hasher = Hasher(master)
        self.operations = {place: Compiled(op, master) for place, op in operations.items()}
        self.members = Members()
        self.members.update(list(settings.members))
        self.phase = "steady"
        self.stopping = False
        self.surprises: list[str] = []
        self.gone: list[tuple[str, int]] = []
        self.secrets: list[str] = []
        self.users: list[tuple[str, str]] = list(settings.users)
        self.tally = Tally()
        self.answered: Callable[[str, str, float, int, str | None], None] = lambda *_: None
        self.replica_header = settings.replica_header.lower() if settings.replica_header else None
        self.boot_header = settings.boot_header.lower() if settings.boot_header else None
        self._clients = itertools.count(1)
        self._items = itertools.count(1)

    def client_id(self) -> int:
        """Return an id that no client of this agent had before."""
        return next(self._clients)

    def item(self, prefix: str) -> str:
        """Return the key of a new item.

        The key is unique over all agents of the run, and over all runs against a target that outlives a run.

        Args:
            prefix: the begin of the key, which tells kinds of items apart.
        """
        return f"{prefix}-{self.settings.tag}{self.settings.agent}-{next(self._items)}"

    def fingerprint(self, value: object) -> str:
        """Return a keyed hash of a value: equal values have equal hashes, and a hash does not give the value away."""
        return self.hasher.fingerprint(value if isinstance(value, str | bytes) else repr(value))


class Caller:
    """One logical client at a time, with connections of its own. Greenlets must not share a caller.

    Args:
        context: what all clients of the agent share.
        routing: `hop` or `balancer`; where replicas have no addresses of their own every client uses the balancer.
        seed: the seed of the client's random choices.
    """

    def __init__(self, context: Context, routing: str, seed: int) -> None:
        self.context = context
        self.random = random.Random(seed)
        self.routing = routing if context.settings.hop else "balancer"
        self.client = context.client_id()
        self._connections = Connections()
        self._hop = Hop(context.members, seed)
        self._dropped = len(context.gone)
        self.intended_ns: int | None = None
        self._cookies: dict[str, str] = {}

    def call(
        self,
        operation: str,
        op: Op,
        values: Mapping[str, object],
        observe: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        avoid: str | None = None,
        through: str | None = None,
    ) -> Reply:
        """Perform one op of the contract.

        Args:
            operation: dotted place of the operation in the contract, such as `cart.add`.
            op: what the journal records of the op.
            values: the values of the operation's placeholders.
            observe: turns the extracted fields of an `ok` answer into journal fields; None journals none of them.
            avoid: name of the replica that shall not answer if another one is ready.
            through: name of the replica that shall answer.

        Returns:
            What came of the op.
        """
        compiled = self.context.operations[operation]
        if op.intended_ns is None:
            op.intended_ns, self.intended_ns = self.intended_ns, None
        routed = self._connect(avoid, through)
        context = self.context
        if routed is None:
            number = context.journal.invoke(op.record(self.client, context.phase, self.routing, None))
            return self._end(op, number, time.monotonic_ns(), Reply("fail", "no_effect"), {"error": "refused"}, 0)
        to, host, connection = routed
        request = compiled.template.render(values, host)
        if self._cookies and to is None:
            request = with_cookies(request, self._cookies)
        number = context.journal.invoke(op.record(self.client, context.phase, self.routing, to))
        started = time.monotonic_ns()
        try:
            answer = connection.exchange(request, context.settings.timeout_s)
        except Broken as broken:
            return self._end(op, number, started, Reply("info", "error"), {"error": broken.reason}, 0)
        return self._understand(op, number, compiled, answer, to, observe)

    def _understand(
        self,
        op: Op,
        number: int,
        compiled: Compiled,
        answer: Answer,
        to: str | None,
        observe: Callable[[dict[str, Any]], dict[str, Any]] | None,
    ) -> Reply:
        kind, fields = compiled.answers.classify(answer.status, answer.headers, answer.body)
        context = self.context
        if context.settings.cookies and to is None:
            self._cookies |= set_cookies(answer.headers.get("set-cookie", ""))
        by_header = answer.headers.get(context.replica_header) if context.replica_header else None
        replica = by_header or to or answer.headers.get("x-harness-server")
        boot = (answer.headers.get(context.boot_header) if context.boot_header else None) or replica
        reply = Reply(outcome(kind), kind, answer.status, fields, replica)
        if "token" in fields:
            context.secrets += [str(fields[name]) for name in ("token", "refresh") if name in fields]
        extra: dict[str, Any] = observe(fields) if observe and reply.ok else {}
        extra["status"] = answer.status
        if replica:
            extra["replica"], extra["boot"] = replica, boot
        return self._end(op, number, answer.sent_ns, reply, extra, len(answer.body), answer.returned_ns)

    def _end(
        self,
        op: Op,
        number: int,
        sent_ns: int,
        reply: Reply,
        extra: dict[str, Any],
        size: int,
        returned_ns: int | None = None,
    ) -> Reply:
        at = returned_ns or time.monotonic_ns()
        line = shortened(COMPLETE, {"outcome": reply.outcome, "class": reply.kind, **extra})
        self.context.journal.complete(number, line, at)
        error = None if reply.outcome != "info" else str(extra.get("error") or reply.kind)
        self.context.answered(op.workload, op.kind, (at - sent_ns) / 1e6, size, error)
        self.context.tally.add((at - sent_ns) / 1e6, error is None and reply.kind != "no_effect")
        if op.expect and reply.kind not in (*op.expect, "no_effect"):
            seen = f"{reply.kind} ({reply.status or extra.get('error')})"
            self.context.surprises.append(f"{op.workload}/{op.kind}: {seen} where {' or '.join(op.expect)} is right")
        elif op.expect and op.want and extra.get("value", op.want) != op.want:
            self.context.surprises.append(f"{op.workload}/{op.kind}: another value than is right")
        if reply.doubtful:
            self.client = self.context.client_id()
        return reply

    def _connect(self, avoid: str | None, through: str | None) -> tuple[str | None, str, Connection] | None:
        """Open or reuse a connection.

        Returns:
            The name of the replica (None: the balancer chooses), its address as text, and the connection; None when no
            connection was accepted for `STARVED_AFTER_S` seconds.
        """
        deadline = time.monotonic() + STARVED_AFTER_S
        for gone in self.context.gone[self._dropped :]:
            self._connections.drop(gone)
        self._dropped = len(self.context.gone)
        # Without hop, a kept connection would reach one replica only, so that each request opens a new connection.
        fresh = not self.context.settings.hop
        while True:
            name, address = self._route(avoid, through)
            if address:
                try:
                    return name, f"{address[0]}:{address[1]}", self._connections.connect(address, fresh)
                except NotSent:
                    if name:
                        self._hop.refused(name)
            if time.monotonic() > deadline:
                return None
            gevent.sleep(0.02)

    def _route(self, avoid: str | None, through: str | None) -> tuple[str | None, tuple[str, int] | None]:
        if through is not None:
            return through, dict(self.context.members.ready).get(through)
        if self.routing == "balancer" and avoid is None:
            return None, self.context.settings.balancer
        hop = self._hop.next() if self.context.settings.hop else None
        if hop and hop[0] == avoid:
            hop = self._hop.next() or hop
        if hop:
            return hop[0], hop[1]
        return (None, self.context.settings.balancer) if not self.context.settings.hop else (None, None)

    def pause(self, shortest_s: float | None = None, longest_s: float | None = None) -> None:
        """Wait for a random time between two bounds, as a user who thinks.

        Args:
            shortest_s: the lower bound in seconds; None for the scenario's.
            longest_s: the upper bound in seconds; None for the scenario's.
        """
        think = self.context.settings.think_s
        low, high = (think[0] if shortest_s is None else shortest_s), (think[1] if longest_s is None else longest_s)
        if max(low, high) > 0:
            gevent.sleep(self.random.uniform(low, max(low, high)))

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()


def spread(
    context: Context, routing: str, work: list[Any], do: Callable[[Caller, Any], object], width: int = 16
) -> None:
    """Let several clients work off a list at the same time, and return when all of it is done.

    Args:
        context: what the clients share.
        routing: `hop` or `balancer`.
        work: the items; each is done once.
        do: `do(caller, item)` does one item.
        width: the highest number of clients.
    """
    queue = list(reversed(work))

    def client(index: int) -> None:
        caller = Caller(context, routing, context.settings.seed * 1000 + index)
        while queue:
            do(caller, queue.pop())
        caller.close()

    gevent.joinall([gevent.spawn(client, index) for index in range(min(width, len(work)))], raise_error=True)
