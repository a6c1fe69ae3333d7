"""What the API server's connections may do to those who read them: break off, or say nothing for good."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import api
from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.watch import LogFollower, PodWatch

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


@pytest.fixture
def served() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def serve(*answers: Answer) -> Server:
        made.append(Server(*answers))
        return made[-1]

    yield serve
    for each in made:
        each.close()


def pods(*names: str) -> bytes:
    found = [{"metadata": {"name": name, "resourceVersion": "1"}} for name in names]
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": found}).encode()


def event(what: str, name: str) -> bytes:
    found = {"type": what, "object": {"metadata": {"name": name, "resourceVersion": "2"}}}
    return json.dumps(found).encode() + b"\n"


def eventually(holds: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.005)


class Heard:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def watch(self, cluster: Cluster) -> PodWatch:
        return PodWatch(cluster, "n", self.listed, lambda what, pod: self.told.append((what, pod["metadata"]["name"])))

    def listed(self, found: list[Any]) -> None:
        self.told.append([pod["metadata"]["name"] for pod in found])


HALF = event("MODIFIED", "b")[:30]


@pytest.mark.parametrize(
    "broken", [chunked(event("ADDED", "b"), HALF, cut=b"x"), chunked(event("ADDED", "b"), HALF)], ids=["cut", "ended"]
)
def test_a_watch_goes_on_after_half_an_event(
    served: Callable[..., Server], broken: Answer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("harness.platforms.kubernetes.watch._AGAIN_S", 0.01)
    heard, never = Heard(), threading.Event()
    server = served(whole(pods("a")), broken, whole(pods("a", "b")), lambda near, _: never.wait(20) and None)
    watch = heard.watch(server.cluster())
    watch.start()
    eventually(lambda: ["a", "b"] in heard.told, "what was missed is listed")
    assert heard.told == [["a"], ("ADDED", "b"), ["a", "b"]] and watch.lost() == (0.0, "")
    server.close()
    never.set()
    eventually(lambda: watch.lost()[0] > 0, "the loss of the cluster is told")
    assert "does not answer" in watch.lost()[1]
    watch.stop()


def test_a_watch_whose_news_nobody_can_take_is_lost(served: Callable[..., Server], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("harness.platforms.kubernetes.watch._AGAIN_S", 0.01)
    heard = Heard()
    monkeypatch.setattr(heard, "listed", lambda found: found[0]["spec"])
    server = served(whole(pods("a")))
    watch = heard.watch(server.cluster())
    watch.start()
    eventually(lambda: watch.lost()[0] > 0.2, "for as long as it lasts, although the cluster answers")
    assert watch.lost()[1] == "KeyError: 'spec'"
    watch.stop()


def test_half_a_line_is_only_told_where_the_answer_has_ended(served: Callable[..., Server], tmp_path: Path):
    lines = list(served(chunked(b"one\ntwo\nthr", cut=b"e")).cluster().stream("/x", {}))
    assert lines == [b"one", b"two"]
    assert list(served(chunked(b"one\ntw", b"o\nlast")).cluster().stream("/x", {})) == [b"one", b"two", b"last"]
    LogFollower(served(chunked(b"up\nlast words")).cluster(), "n", "p", "c", tmp_path / "log").close(20)
    assert (tmp_path / "log").read_bytes() == b"up\nlast words\n"


# -- files of a container


def websocket(then: Callable[[socket.socket], None]) -> Answer:
    def answer(near: socket.socket, said: str) -> None:
        found = re.search(r"(?i)sec-websocket-key: (\S+)", said)
        assert found
        digest = hashlib.sha1(f"{found[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        near.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        then(near)

    return answer


def frame(channel: int, data: bytes) -> bytes:
    return bytes([0x82, len(data) + 1, channel]) + data


SUCCESS = frame(3, b'{"status": "Success"}')
CLOSE = b"\x88\x02\x03\xe8"


def printing(*frames: bytes) -> Answer:
    return websocket(lambda near: near.sendall(b"".join(frames) + SUCCESS + CLOSE))


def read(server: Server) -> bytes:
    return server.cluster().read_file("n", "p", "c", "/record")


def test_a_file_is_read_to_its_end(served: Callable[..., Server]):
    server = served(printing(frame(2, b"8\n"), frame(1, b"one\n"), frame(1, b"two\n")))
    assert read(server) == b"one\ntwo\n"
    (asked,) = server.requests
    assert "/api/v1/namespaces/n/pods/p/exec?" in asked and "command=/record&command=1&" in asked


def test_the_end_of_a_file_that_the_cluster_lost_is_asked_for_again(served: Callable[..., Server]):
    size = frame(2, b"8\n")
    server = served(
        printing(size, frame(1, b"one")),
        printing(size),
        printing(size, frame(1, b"\n")),
        printing(size, frame(1, b"two\n")),
    )
    assert read(server) == b"one\ntwo\n"
    wanted = [re.findall(r"command=/record&command=(\d+)&", asked) for asked in server.requests]
    assert wanted == [["1"], ["4"], ["4"], ["5"]]
    server = served(printing(frame(1, b"one\ntwo\n")), printing(size))
    assert read(server) == b"one\ntwo\n", "and so is its lost length"


def test_a_file_of_which_a_part_never_comes_is_told(served: Callable[..., Server]):
    server = served(printing(frame(2, b"8\n"), frame(1, b"one\n")), printing(frame(2, b"8\n")))
    with pytest.raises(
        EnvironmentFailure, match="/record of pod p cannot be read: 4 of 8 bytes came, and then no more"
    ):
        read(server)
    assert len(server.requests) == 4


def test_a_file_that_is_not_there_is_told(served: Callable[..., Server]):
    status = frame(3, b'{"status": "Failure", "details": {"causes": [{"message": "1"}]}}')
    server = served(websocket(lambda near: near.sendall(frame(2, b"sh: no such file\n") + status + CLOSE)))
    with pytest.raises(
        EnvironmentFailure, match=r"/record of pod p cannot be read: sh exited with 1: sh: no such file$"
    ):
        read(server)


def hang(near: socket.socket) -> None:
    near.recv(1)


def half(near: socket.socket) -> None:
    near.sendall(frame(1, b"one\n") + b"\x82\x20\x01x")
    hang(near)


def trickle(near: socket.socket) -> None:
    while True:
        near.sendall(frame(1, b"x"))
        time.sleep(0.01)


@pytest.mark.parametrize(
    "answer", [lambda near, _: hang(near), websocket(hang), websocket(half)], ids=["hello", "silence", "half"]
)
def test_a_cluster_that_hangs_does_not_hold_up_who_reads_a_file(
    served: Callable[..., Server], answer: Answer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(api, "_FILE_SILENT_S", 0.3)
    server = served(answer)
    begun = time.monotonic()
    with pytest.raises(EnvironmentFailure, match=r"not all of it came within 0.3 s, and nothing comes any more"):
        read(server)
    assert time.monotonic() - begun < 3


def test_a_file_without_an_end_is_given_up(served: Callable[..., Server], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api, "_FILE_S", 0.4)
    with pytest.raises(EnvironmentFailure, match=r"not all of it came within 0.4 s$"):
        read(served(websocket(trickle)))


def test_a_connection_that_breaks_off_is_no_end_of_a_file(served: Callable[..., Server]):
    with pytest.raises(EnvironmentFailure, match="cannot be read"):
        read(served(websocket(lambda near: near.sendall(frame(1, b"one\n")) or near.close())))
