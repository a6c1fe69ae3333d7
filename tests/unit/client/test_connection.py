"""The client against a raw server: one request a exchange, and the truth about what became of it."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
import pytest

from harness.client import connection as client
from harness.client.connection import Broken, Connection, Connections, NotSent
from harness.errors import EnvironmentFailure
from tests.support.in_time import in_time
from tests.support.peer import DEADLINE_S, Peer, Server
from tests.support.responses import FRAMED, MALFORMED, UNFRAMED

# Private names: `_socket` is the client's name for the module that makes sockets: a test cannot run out of files or
# ports for real without taking them from everybody.

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: t\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def connections() -> Iterator[Connections]:
    made = Connections()
    try:
        yield made
    finally:
        made.close()


def answering(answer: bytes = ANSWER) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        while peer.request() is not None:
            peer.send(answer)

    return script


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        gevent.sleep(0.002)


def broken(script: Callable[[Peer], None], request: bytes = GET, timeout_s: float = 5.0) -> tuple[str, list[bytes]]:
    """The reason of the failed exchange, and all requests that the server ever read.

    The server accepts in order, so a request sent again would be read before the sentinel.
    """

    def first_then_answer(peer: Peer) -> None:
        if server.connections == 1:
            script(peer)
        else:
            answering()(peer)

    with Server(first_then_answer) as server, connections() as pool:
        connection = pool.connect(server.address)
        with pytest.raises(Broken) as caught:
            connection.exchange(request, timeout_s)
        assert not connection.usable
        assert pool.connect(server.address).exchange(SENTINEL, 5.0).status == 200
        assert server.connections == 2
        return caught.value.reason, [seen for seen in server.requests if seen != SENTINEL]


@pytest.mark.parametrize("name", FRAMED)
def test_framed_responses(name: str) -> None:
    data, status, body, kept = FRAMED[name]
    with Server(answering(data)) as server, connections() as pool:
        before_ns = time.monotonic_ns()
        answer = pool.connect(server.address).exchange(GET, 5.0)
        assert (answer.status, answer.body, answer.keep_alive) == (status, body, kept)
        assert before_ns <= answer.sent_ns < answer.returned_ns <= time.monotonic_ns()
        again = pool.connect(server.address).exchange(GET, 5.0)
        assert (again.status, again.body) == (status, body)
        assert server.requests == [GET, GET]
        assert server.connections == (1 if kept else 2)


@pytest.mark.parametrize("name", UNFRAMED)
def test_responses_that_the_end_of_the_connection_ends(name: str) -> None:
    data, body = UNFRAMED[name]

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.close()

    with Server(script) as server, connections() as pool:
        answer = pool.connect(server.address).exchange(GET, 5.0)
        assert (answer.status, answer.body, answer.keep_alive) == (200, body, False)
        assert server.requests == [GET]


def test_head_has_no_body_and_keeps_the_connection() -> None:
    with Server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")) as server, connections() as pool:
        for _ in range(2):
            assert pool.connect(server.address).exchange(b"HEAD / HTTP/1.1\r\nHost: t\r\n\r\n", 5.0).body == b""
        assert server.connections == 1


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_response_is_malformed(name: str) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(MALFORMED[name])
        peer.wait_closed()

    assert broken(script) == ("malformed", [GET])


def read_and_close(peer: Peer) -> None:
    peer.request()
    peer.close()


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"POST", b"DELETE"])
def test_a_server_that_reads_each_request_and_closes_sees_one_for_one_exchange(method: bytes) -> None:
    request = method + b" /once HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
    with Server(read_and_close) as server, connections() as pool:
        for sent in range(1, 6):
            with pytest.raises(Broken) as caught:
                pool.connect(server.address).exchange(request, 5.0)
            assert caught.value.reason == "eof"
            assert server.requests == [request] * sent
            assert server.connections == sent


def test_the_same_on_a_kept_connection_that_dies_under_the_request() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(ANSWER)
        read_and_close(peer)

    with Server(script) as server, connections() as pool:
        pool.connect(server.address).exchange(GET, 5.0)
        with pytest.raises(Broken) as caught:
            pool.connect(server.address).exchange(SENTINEL, 5.0)
        assert caught.value.reason == "eof"
        assert (server.requests, server.connections) == ([GET, SENTINEL], 1)


def test_reset_before_the_answer() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.reset()

    assert broken(script) == ("reset", [GET])


@pytest.mark.parametrize(("end", "reason"), [(Peer.reset, "reset"), (Peer.close, "eof")])
@pytest.mark.parametrize("part", [b"HTTP/1.1 2", ANSWER[:-1], b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_breaks_off(part: bytes, end: Callable[[Peer], None], reason: str) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(part)
        end(peer)

    seen, requests = broken(script)
    # A reset may overtake data, never turn into an answer or an orderly end.
    assert (seen, requests) == (reason, [GET])


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nConte", ANSWER[:-1]], ids=["silent", "head", "body"])
def test_a_peer_that_stops_talking_is_a_timeout(part: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(part)
        peer.wait_closed()

    begin = time.monotonic()
    assert in_time(lambda: broken(script, timeout_s=0.1)) == ("timeout", [GET])
    assert time.monotonic() - begin >= 0.1


@pytest.mark.live
def test_a_slow_drip_does_not_move_the_deadline() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            peer.send(b"x")
            time.sleep(0.005)

    begin = time.monotonic()
    assert in_time(lambda: broken(script, timeout_s=0.15)) == ("timeout", [GET])
    assert time.monotonic() - begin >= 0.15


def test_a_peer_that_never_pauses_does_not_move_the_deadline() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x")

    begin = time.monotonic()
    assert in_time(lambda: broken(script, timeout_s=0.15)) == ("timeout", [GET])
    assert time.monotonic() - begin >= 0.15


def test_a_broken_exchange_closes_the_connection_for_the_peer_too() -> None:
    closed = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.wait_closed()
        closed.set()

    with Server(script) as server:
        connection = Connections().connect(server.address)
        with pytest.raises(Broken):
            connection.exchange(GET, 0.05)
        wait_until(closed.is_set)


def test_an_endless_answer_ends() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65_536)

    assert broken(script) == ("malformed", [GET])


def test_a_large_request_arrives_whole_and_once() -> None:
    request = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6000000\r\n\r\n" + b"0123456789" * 600_000
    with Server(answering()) as server, connections() as pool:
        assert pool.connect(server.address).exchange(request, 8.0).body == b"ok"
        assert server.requests == [request]


def test_a_peer_that_resets_amid_a_large_request() -> None:
    def script(peer: Peer) -> None:
        peer.socket.recv(1000)
        peer.reset()

    request = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000
    assert broken(script, request) == ("reset", [])


def test_a_peer_that_never_reads_a_large_request_is_a_timeout() -> None:
    def script(peer: Peer) -> None:
        stop.wait(DEADLINE_S)

    stop = threading.Event()
    request = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000
    with Server(script) as server, connections() as pool:
        with pytest.raises(Broken) as caught:
            pool.connect(server.address).exchange(request, 0.1)
        assert caught.value.reason == "timeout"
        stop.set()


@pytest.mark.parametrize(
    "after",
    [Peer.close, Peer.reset, lambda peer: peer.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")],
    ids=["fin", "reset", "stray bytes"],
)
def test_an_idle_connection_that_the_peer_touched_is_not_used(after: Callable[[Peer], None]) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(ANSWER)
        after(peer)
        peer.wait_closed()

    with Server(script) as server, connections() as pool:
        first = pool.connect(server.address)
        first.exchange(GET, 5.0)
        wait_until(lambda: not first.is_quiet())
        second = pool.connect(server.address)
        assert second is not first
        second.exchange(GET, 5.0)
        assert (server.requests, server.connections) == ([GET, GET], 2)


def test_a_quiet_idle_connection_is_used_again_unless_fresh_or_dropped() -> None:
    with Server(answering()) as server, connections() as pool:
        first = pool.connect(server.address)
        first.exchange(GET, 5.0)
        assert pool.connect(server.address) is first
        fresh = pool.connect(server.address, fresh=True)
        assert fresh is not first
        fresh.exchange(GET, 5.0)
        pool.drop(server.address)
        pool.drop(("127.0.0.1", 1))
        dropped = pool.connect(server.address)
        dropped.exchange(GET, 5.0)
        assert (server.requests, server.connections) == ([GET] * 3, 3)
        with pytest.raises(ValueError, match="connect again"):
            fresh.exchange(GET, 5.0)


def test_each_fresh_connection_comes_from_an_address_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, connections() as pool:
        came = []
        for is_fresh in (False, *[True] * 600):
            pool.connect(server.getsockname(), fresh=is_fresh)
            accepted, (host, _) = server.accept()
            accepted.close()
            came.append(host)
        assert came[0] == "127.0.0.1" and len(set(came)) == 601
        assert all(host.startswith("127.") for host in came)


def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    with connections() as pool, pytest.raises(NotSent) as caught:
        pool.connect(address)
    assert caught.value.reason == "refused"


def test_a_full_backlog_is_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        begin = time.monotonic()
        with pytest.raises(NotSent) as caught:
            in_time(lambda: Connections(connect_timeout_s=0.1).connect(listening.getsockname()))
        assert caught.value.reason == "connect_timeout"
        assert time.monotonic() - begin >= 0.1
        for one in waiting:
            one.close()


def test_a_socket_that_met_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()

    def bound(family: int, kind: int) -> socket.socket:
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        return made

    monkeypatch.setattr(client, "_socket", bound)
    with pytest.raises(NotSent) as caught:
        Connections().connect(address)
    assert caught.value.reason == "refused"


def test_running_out_of_files_is_no_statement_about_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(family: int, kind: int) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(client, "_socket", exhausted)
    with pytest.raises(EnvironmentFailure, match=r"127\.0\.0\.1:9.*Too many open files.*ulimit"):
        Connections().connect(("127.0.0.1", 9))


def test_running_out_of_ports_is_no_statement_about_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutPort(socket.socket):
        def connect_ex(self, address: object) -> int:
            return errno.EADDRNOTAVAIL

    monkeypatch.setattr(client, "_socket", WithoutPort)
    with pytest.raises(EnvironmentFailure, match="Cannot assign requested address"):
        Connections().connect(("127.0.0.1", 9))


def test_a_client_killed_during_an_exchange_leaves_no_connection_to_use() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.wait_closed()

    with Server(script) as server, connections() as pool:
        connection: Connection = pool.connect(server.address)
        running = gevent.spawn(connection.exchange, GET, 5.0)
        wait_until(lambda: server.requests == [GET])
        running.kill()
        assert not connection.usable
        assert pool.connect(server.address) is not connection


def test_clients_side_by_side_each_get_their_own_answer() -> None:
    def script(peer: Peer) -> None:
        while (request := peer.request()) is not None:
            name = request.split(b" ")[1]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))

    def run(number: int) -> None:
        with connections() as pool:
            for turn in range(10):
                name = b"/%d/%d" % (number, turn)
                answer = pool.connect(server.address).exchange(b"GET %b HTTP/1.1\r\nHost: t\r\n\r\n" % name, 5.0)
                assert answer.body == name

    with Server(script) as server:
        running = [gevent.spawn(run, number) for number in range(20)]
        gevent.joinall(running, raise_error=True)
        assert (len(server.requests), len(set(server.requests)), server.connections) == (200, 200, 20)


@pytest.mark.live
def test_it_works_in_a_patched_interpreter() -> None:
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import sys\n"
        "from harness.client.connection import Connections\n"
        "print(Connections().connect(('127.0.0.1', int(sys.argv[1]))).exchange("
        "b'GET / HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n', 5.0).body.decode())"
    )
    with Server(answering()) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, str(server.address[1])], capture_output=True, text=True, timeout=30
        )
        assert (done.stdout, done.stderr) == ("ok\n", "")
        assert server.requests == [GET]
