"""A raw TCP server whose every byte a test decides, on real threads, so that it works beside gevent's loop."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

DEADLINE_S = 10.0


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: Server, connected: socket.socket) -> None:
        self.server = server
        self.socket = connected
        self._buffer = b""

    def request(self) -> bytes | None:
        """Read and record one whole request; None when the client closed instead."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head_end = self._buffer.index(b"\r\n\r\n") + 4
        end = head_end
        for line in self._buffer[:head_end].split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                end = head_end + int(value)
        while len(self._buffer) < end:
            if not self._more():
                return None
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        self.server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        """Say FIN, whatever is unread."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Say RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_closed(self) -> None:
        """Read until the client closes."""
        while self._more():
            self._buffer = b""

    def _more(self) -> bool:
        data = self.socket.recv(1 << 20)
        self._buffer += data
        return bool(data)


class Server:
    """Runs `script` for every accepted connection, each in its own thread; `requests` are those read whole."""

    def __init__(self, script: Callable[[Peer], None]) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._peers: list[Peer] = []
        self.address: tuple[str, int] = self._listening.getsockname()

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(DEADLINE_S)
        self._listening.close()
        for peer in self._peers:
            with suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
            peer.socket.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            connected.settimeout(DEADLINE_S)
            self.connections += 1
            peer = Peer(self, connected)
            self._peers.append(peer)
            thread = threading.Thread(target=self._run, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, peer: Peer) -> None:
        # The client breaks the connection in several tests, and the end of a test does in others.
        with suppress(OSError):
            self._script(peer)
