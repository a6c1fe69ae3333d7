"""An HTTP/1.1 client that sends each request exactly once, for one logical client of the load agent.

Ordinary clients retry on a broken kept-alive connection and follow redirects; either would put requests on
the wire that no op stands for, and the harness would report duplicates that it made itself. Here
`Connections.connect` is the only thing that may be repeated, because it sends nothing, and
`Connection.exchange` hands the request to the kernel once and reads one final response.

What is known when it fails is in the type: `NotSent` proves that no byte of the request left, `Broken` proves
nothing. Works on gevent's loop with or without monkey patching; use from one thread and one greenlet.
"""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import dataclass
from socket import (
    AF_INET,
    IPPROTO_TCP,
    MSG_DONTWAIT,
    MSG_PEEK,
    SO_ERROR,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    inet_ntoa,
)  # fmt: skip
from time import monotonic_ns
from typing import Any

from gevent import get_hub, getcurrent
from gevent.monkey import get_original
from gevent.socket import wait_write

from harness.client.response import Malformed, Response
from harness.errors import EnvironmentFailure

Address = tuple[str, int]

READ_BYTES = 65_536

_PEEK = int(MSG_PEEK | MSG_DONTWAIT)

# The plain socket even in a patched interpreter: it is non-blocking, and waiting is done here.
_socket: Any = get_original("socket", "socket")

# The local machine ran out of something: no statement about the target.
_OWN_FAULT = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM}


# Agents at one time begin far apart.
_SOURCES = itertools.count(os.getpid() << 8)
_LOOPBACK, _SPAN = (127 << 24) + (1 << 16), 253 << 16


class NotSent(Exception):
    """No connection, so no byte was sent. `reason`: refused (or unreachable) | connect_timeout."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Broken(Exception):
    """Bytes were or may have been sent, and no whole answer came. `reason`: timeout | reset | eof | malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Late(Exception):
    """The deadline passed during a wait."""


@dataclass(slots=True)
class Answer:
    """A whole final response. Header names are in lower case; repeated ones are joined by ", ".

    `sent_ns` is taken before the first byte was handed to the kernel, `returned_ns` after the last was read.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sent_ns: int
    returned_ns: int
    keep_alive: bool


class Connection:
    """An open connection for one exchange at a time; made by `Connections.connect`."""

    __slots__ = ("_hub", "_readable", "_socket", "address", "usable")

    def __init__(self, connected: Any, address: Address) -> None:
        self.address = address
        self.usable = True
        self._hub = get_hub()
        self._socket = connected
        self._readable = self._hub.loop.io(connected.fileno(), 1)

    def exchange(self, request: bytes, timeout_s: float) -> Answer:
        """Send `request` (one whole HTTP/1.1 request) once and return the final response.

        `timeout_s` bounds the whole exchange. Raises Broken; the connection is then closed, as it is after
        an answer that does not leave it in a known state.
        """
        if not self.usable:
            raise ValueError(f"the connection to {self.address} is not open for another exchange; connect again")
        self.usable = False
        response = Response(request.startswith(b"HEAD "))
        alarm = self._hub.loop.timer(timeout_s)
        sent_ns = monotonic_ns()
        # Thrown only while this greenlet waits here: it switches nowhere else before the alarm is stopped. By the
        # loop's own time, which stands still while clients compute, it would ring early.
        alarm.start(getcurrent().throw, _Late, update=True)
        try:
            self._send(request)
            self._receive(response)
            returned_ns = monotonic_ns()
            self.usable = response.reusable
        except _Late:
            raise Broken("timeout") from None
        except Malformed as error:
            raise Broken("malformed") from error
        finally:
            alarm.stop()
            alarm.close()
            # Also when the greenlet is killed: a half-read connection must never carry another op.
            if not self.usable:
                self.close()
        return Answer(response.status, response.headers, response.body, sent_ns, returned_ns, self.usable)

    def is_quiet(self) -> bool:
        """Whether the idle connection is still open and has nothing to read, by one look at the kernel."""
        if not self.usable:
            return False
        try:
            self._socket.recv(1, _PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close the socket; idempotent."""
        self.usable = False
        if self._socket is not None:
            closing, self._socket = self._socket, None
            self._readable.stop()
            self._readable.close()
            closing.close()

    def _send(self, request: bytes) -> None:
        rest: bytes | memoryview = request
        while True:
            try:
                sent = self._socket.send(rest)
            except BlockingIOError:
                sent = 0
            except OSError:
                raise Broken("reset") from None
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]
            wait_write(self._socket.fileno())

    def _receive(self, response: Response) -> None:
        receive = self._socket.recv
        wait = self._hub.wait
        while True:
            # Nothing can have arrived yet, so asking before waiting would be a wasted system call.
            wait(self._readable)
            try:
                data = receive(READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                raise Broken("reset") from None
            if not data:
                if response.finish():
                    return
                raise Broken("eof")
            response.feed(data)
            if response.complete:
                return


class Connections:
    """The kept-alive connections of one logical client: at most one idle per address.

    Never shared between greenlets. `connect_timeout_s` bounds each attempt to connect.
    """

    def __init__(self, connect_timeout_s: float = 1.0) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._kept: dict[Address, Connection] = {}

    def connect(self, address: Address, fresh: bool = False) -> Connection:
        """An open connection to `address` (numeric IPv4 host, port), new or kept from an earlier exchange.

        A kept one is given out only if the peer has neither closed it nor sent anything since. `fresh` always
        opens a new one, from an address of its own where that is to be had (`_unused`). Raises NotSent, or
        EnvironmentFailure when this machine ran out of ports or files.
        """
        kept = self._kept.get(address)
        if kept is not None:
            if not fresh and kept.is_quiet():
                return kept
            kept.close()
            del self._kept[address]
        source = _unused() if fresh and address[0].startswith("127.") else None
        opened = Connection(_open(address, self._connect_timeout_s, source), address)
        self._kept[address] = opened
        return opened

    def drop(self, address: Address) -> None:
        """Close the connection kept to `address`, if any (its replica is not ready any more)."""
        kept = self._kept.pop(address, None)
        if kept is not None:
            kept.close()

    def close(self) -> None:
        """Close all; the object may be used again afterwards."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()


def _unused() -> str:
    """An address of this machine that no connection came from before.

    A published port is translated, and what translates remembers a connection for minutes after its end. One that comes
    from the same port meanwhile may never be answered: 6 of 21,594 on a cluster's node port, and none of 21,937 so.
    """
    return inet_ntoa((_LOOPBACK + next(_SOURCES) % _SPAN).to_bytes(4, "big"))


def _open(address: Address, timeout_s: float, source: str | None) -> Any:
    """A connected non-blocking socket; raises as `Connections.connect`."""
    try:
        opened = _socket(AF_INET, SOCK_STREAM)
    except OSError as error:
        raise _own_fault(address, error.errno or 0) from error
    try:
        opened.setblocking(False)
        opened.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        if source is not None:
            opened.bind((source, 0))
        code = opened.connect_ex(address)
        if code == errno.EINPROGRESS:
            wait_write(opened.fileno(), timeout_s, _Late())
            code = opened.getsockopt(SOL_SOCKET, SO_ERROR)
        # On loopback a port that nobody listens on can be given to the connecting socket itself.
        if code == 0 and opened.getsockname() != opened.getpeername():
            return opened
    except _Late:
        code = errno.ETIMEDOUT
    except OSError as error:
        code = error.errno or errno.ECONNREFUSED
    except BaseException:
        opened.close()
        raise
    opened.close()
    if code in _OWN_FAULT:
        raise _own_fault(address, code)
    raise NotSent("connect_timeout" if code == errno.ETIMEDOUT else "refused")


def _own_fault(address: Address, code: int) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"cannot open a connection to {address[0]}:{address[1]}: {os.strerror(code)}; "
        "raise the limit of open files (ulimit -n) or use fewer clients"
    )
