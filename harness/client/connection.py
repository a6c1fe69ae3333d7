"""An HTTP/1.1 connection that sends each request exactly once, for one logical client of the load agent.

Ordinary clients send a request again when a kept-alive connection breaks, and follow redirects. Either would put
requests on the wire for which no op stands, and the harness would report duplicates that it made itself. Here only
`Connections.connect` may be repeated, because connecting sends nothing. `Connection.exchange` hands the request to the
kernel once and reads one final response.

The type of an error says what is known: `NotSent` proves that no byte of the request left; `Broken` proves nothing. The
module works on gevent's loop, in a monkey-patched interpreter or not. A connection is used from one greenlet only.
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
"""How many bytes are read from the socket at once."""

_PEEK = int(MSG_PEEK | MSG_DONTWAIT)

# The plain socket even in a patched interpreter: it is non-blocking, and waiting is done here.
_socket: Any = get_original("socket", "socket")

# The local machine ran out of something, or refuses it: this says nothing about the target.
_OWN_FAULT = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM}

# Agents that run at the same time start far apart, so that they do not use the same addresses.
_SOURCES = itertools.count(os.getpid() << 8)
_LOOPBACK, _SPAN = (127 << 24) + (1 << 16), 253 << 16


class NotSent(Exception):
    """No connection could be opened, so that no byte was sent.

    Attributes:
        reason: `refused` (also when the address cannot be reached) or `connect_timeout`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Broken(Exception):
    """Bytes were sent, or may have been, and no whole answer came.

    Attributes:
        reason: `timeout`, `reset`, `eof` (the peer closed the connection) or `malformed`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Late(Exception):
    """The deadline passed during a wait."""


@dataclass(slots=True)
class Answer:
    """One whole final response.

    Attributes:
        status: The HTTP status.
        headers: The headers by lower-case name; repeated ones are joined by ", ".
        body: The content, without transfer coding.
        sent_ns: CLOCK_MONOTONIC just before the first byte of the request was handed to the kernel.
        returned_ns: CLOCK_MONOTONIC just after the last byte of the response was read.
        keep_alive: Whether the connection can be used for another exchange.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sent_ns: int
    returned_ns: int
    keep_alive: bool


class Connection:
    """One open connection, for one exchange at a time; made by `Connections.connect`.

    Attributes:
        address: The host and port that the connection leads to.
        usable: Whether another exchange can begin.
    """

    __slots__ = ("_hub", "_readable", "_socket", "address", "usable")

    def __init__(self, connected: Any, address: Address) -> None:
        self.address = address
        self.usable = True
        self._hub = get_hub()
        self._socket = connected
        self._readable = self._hub.loop.io(connected.fileno(), 1)

    def exchange(self, request: bytes, timeout_s: float) -> Answer:
        """Send one request, once, and return its final response.

        Args:
            request: The bytes of one whole HTTP/1.1 request.
            timeout_s: The longest that the whole exchange may take, in seconds.

        Raises:
            Broken: No whole answer came. The connection is closed, as it is after any answer that leaves it in doubt.
            ValueError: The connection is closed, or an exchange is going on.
        """
        if not self.usable:
            raise ValueError(f"the connection to {self.address} is not open for another exchange; connect again")
        self.usable = False
        response = Response(request.startswith(b"HEAD "))
        alarm = self._hub.loop.timer(timeout_s)
        sent_ns = monotonic_ns()
        # The alarm is thrown only while this greenlet waits below: the greenlet switches nowhere else before the alarm
        # is stopped. `update` takes the clock's time: by the loop's own time, which stands still while clients compute,
        # the alarm would ring early.
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
            # This holds also when the greenlet is killed: a half-read connection must never carry another op.
            if not self.usable:
                self.close()
        return Answer(response.status, response.headers, response.body, sent_ns, returned_ns, self.usable)

    def is_quiet(self) -> bool:
        """Return whether the idle connection is still open and has nothing to read, by asking the kernel once."""
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
        """Close the socket; a second call does nothing."""
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
    """The kept-alive connections of one logical client: at most one idle connection for each address.

    An instance is used from one greenlet only.

    Args:
        connect_timeout_s: The longest that one attempt to connect may take, in seconds.
    """

    def __init__(self, connect_timeout_s: float = 1.0) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._kept: dict[Address, Connection] = {}

    def connect(self, address: Address, fresh: bool = False) -> Connection:
        """Return an open connection to an address: the one that was kept, or a new one.

        A kept connection is returned only if its peer has neither closed it nor sent anything since the last exchange.

        Args:
            address: A numeric IPv4 host and a port.
            fresh: Whether to open a new connection in any case. On loopback a new connection then comes from a source
                address that no connection came from before (`_unused`).

        Raises:
            NotSent: The connection could not be opened; nothing was sent.
            EnvironmentFailure: This machine ran out of ports or files.
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
        """Close the connection kept to an address, if there is one: the replica there is no longer ready."""
        kept = self._kept.pop(address, None)
        if kept is not None:
            kept.close()

    def close(self) -> None:
        """Close all connections; the object can be used again afterwards."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()


def _unused() -> str:
    """Return a loopback address of this machine that no connection came from before.

    A published port is translated, and the translator remembers a connection for minutes after the connection has
    ended. A new connection from the same source address and port may never be answered in that time: on a cluster's
    node port this happened to 6 of 21,594 connections, and to none of 21,937 with addresses of their own.
    """
    return inet_ntoa((_LOOPBACK + next(_SOURCES) % _SPAN).to_bytes(4, "big"))


def _open(address: Address, timeout_s: float, source: str | None) -> Any:
    """Return a connected non-blocking socket; the errors are those of `Connections.connect`."""
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
