"""A file of a container is read to its end, or it is told that it was not."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.kubernetes import api
from tests.support.api_server import Answer, Server

# Private names: `_FILE_SILENT_S` and `_FILE_S` are waits, shortened.


@pytest.fixture
def served() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def serve(*answers: Answer) -> Server:
        made.append(Server(*answers))
        return made[-1]

    yield serve
    for each in made:
        each.close()


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
