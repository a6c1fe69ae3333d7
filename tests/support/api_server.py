"""An API server whose every byte a test decides."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

import kubernetes.client

from harness.platforms.kubernetes.api import Cluster

Answer = Callable[[socket.socket, str], None]


class Server:
    """Answers each connection's first request by the next of `answers`; the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._ends = [socket.create_server(("127.0.0.1", 0))]
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cluster(self) -> Cluster:
        made = kubernetes.client.Configuration(host=f"http://127.0.0.1:{self._ends[0].getsockname()[1]}")
        made.retries = False
        return Cluster(made)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._ends[0].accept()[0]
                self._ends.append(near)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                threading.Thread(target=self._one, args=(near, answer), daemon=True).start()

    def _one(self, near: socket.socket, answer: Answer) -> None:
        with contextlib.suppress(OSError):
            said = b""
            while b"\r\n\r\n" not in said:
                said += near.recv(65_536)
            self.requests.append(said.decode())
            answer(near, said.decode())

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def whole(body: bytes) -> Answer:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )

    def answer(near: socket.socket, _: str) -> None:
        near.sendall(head.encode() + body)
        near.close()

    return answer


def chunked(*parts: bytes, cut: bytes = b"") -> Answer:
    """`cut` breaks off in a chunk; without, the answer ends as it should."""

    def answer(near: socket.socket, _: str) -> None:
        near.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for part in parts:
            near.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        near.sendall(f"{len(cut) + 50:x}\r\n".encode() + cut if cut else b"0\r\n\r\n")
        near.close()

    return answer
