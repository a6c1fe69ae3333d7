from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.doubles.ledger.book import BadRequest, Book, Record, RecordBroken, parse
from harness.platforms.common.ports import HOST, Ports

pytestmark = pytest.mark.live


@dataclass
class Ledger:
    port: int
    record: Path
    process: subprocess.Popen[bytes]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=5)

    def say(self, raw: bytes) -> bytes:
        with self.connect() as connection:
            connection.sendall(raw)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
            return answer

    def call(self, method: str, target: str, body: object = None, token: str = "secret") -> tuple[int, Any]:
        raw = b"" if body is None else json.dumps(body).encode()
        answer = self.say(request(method, target, raw, close=True, token=token))
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(rest) if rest else None


def request(method: str, target: str, body: bytes, close: bool = False, token: str = "") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nX-Control: {token}\r\n"
    return head.encode() + (b"Connection: close\r\n" if close else b"") + b"\r\n" + body


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with running(tmp_path) as made:
        yield made


@contextmanager
def running(tmp_path: Path, *options: str, **said: str) -> Iterator[Ledger]:
    ports = Ports()
    port, record = ports.take(), tmp_path / "ledger.jsonl"
    command = [sys.executable, "-m", "harness.doubles.ledger", "--port", str(port), "--record", str(record)]
    process = subprocess.Popen([*command, "--delay-ms", "0", *options], env={"LEDGER_CONTROL": "secret", **said})
    made = Ledger(port, record, process)
    until = time.monotonic() + 10
    while True:
        try:
            made.connect().close()
            break
        except OSError:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.01)
    yield made
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    ports.release()


def test_an_effect_is_accepted_once_and_then_repeated(ledger: Ledger) -> None:
    order = {"reference": "r", "key": "k", "fence": None, "kind": "payment", "amount": 5}
    first, second = ledger.call("POST", "/effects", order), ledger.call("POST", "/effects", order)
    assert first == (201, {"effect": "e1", **order}) and second == (200, first[1])
    assert ledger.call("GET", "/effects?reference=r") == (200, [first[1]])
    assert ledger.call("GET", "/effects?reference=other") == (200, [])
    about = {"reference": "r", "key": "k", "fence": None, "kind": "payment"}
    assert [{k: v for k, v in line.items() if k != "at"} for line in ledger.lines()] == [
        {"e": "attempt", "attempt": 1, **about},
        {"e": "accepted", "attempt": 1, "effect": "e1", **about},
        {"e": "attempt", "attempt": 2, **about},
        {"e": "replayed", "attempt": 2, "effect": "e1", **about},
    ]


def test_a_lower_fence_is_refused_and_a_higher_is_remembered(ledger: Ledger) -> None:
    def take(key: str, fence: int | None, reference: str = "r") -> int:
        return ledger.call("POST", "/effects", {"reference": reference, "key": key, "fence": fence, "kind": "job"})[0]

    assert [take("a", 3), take("b", 2), take("c", 3), take("d", None), take("e", 1, "other")] == [
        201,
        409,
        201,
        201,
        201,
    ]
    assert take("a", 9) == 200 and take("f", 8) == 409
    assert [line["e"] for line in ledger.lines() if line["e"] != "attempt"].count("refused") == 2


def test_control_asks_for_failure_delay_and_answering_twice(ledger: Ledger) -> None:
    order = {"reference": "r", "key": "k"}
    assert ledger.call("POST", "/control", {"fail_next": 1}, token="wrong")[0] == 403
    assert ledger.call("POST", "/control", {"fail_next": 1})[0] == 204
    assert [ledger.call("POST", "/effects", order)[0] for _ in range(2)] == [503, 201]
    assert ledger.call("POST", "/control", {"answer_twice_next": 1})[0] == 204
    answer = ledger.say(request("POST", "/effects", json.dumps(order).encode()))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert ledger.call("POST", "/control", {"delay_ms": 200})[0] == 204
    begun = time.monotonic()
    ledger.call("POST", "/effects", {"reference": "r", "key": "late"})
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize("wrong", [{"delay_ms": -1}, {"delay_ms": True}, {"speed": 1}, [], {"fail_next": "1"}])
def test_control_refuses_what_it_does_not_know(ledger: Ledger, wrong: object) -> None:
    assert ledger.call("POST", "/control", wrong)[0] == 400


def test_an_effect_is_recorded_before_its_answer_and_without_anybody_waiting(ledger: Ledger) -> None:
    ledger.call("POST", "/control", {"delay_ms": 60_000})
    with ledger.connect() as connection:
        connection.sendall(request("POST", "/effects", b'{"reference":"r","key":"gone"}'))
        until = time.monotonic() + 5
        while len(ledger.lines()) < 2:
            assert time.monotonic() < until
            time.sleep(0.005)
    assert ledger.lines()[1]["e"] == "accepted"
    ledger.call("POST", "/control", {"delay_ms": 0})
    assert ledger.call("POST", "/effects", {"reference": "r", "key": "gone"})[0] == 200


def test_requests_sent_ahead_are_answered_in_order_on_one_connection(ledger: Ledger) -> None:
    bodies = [json.dumps({"reference": "r", "key": f"k{n}"}).encode() for n in range(5)]
    raw = b"".join(request("POST", "/effects", body) for body in bodies[:-1])
    answer = ledger.say(raw + request("POST", "/effects", bodies[-1], close=True))
    places = [answer.index(f'"k{n}"'.encode()) for n in range(5)]
    assert places == sorted(places)
    assert answer.count(b"HTTP/1.1 201") == 5


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"junk\r\n\r\n", 400),
        (request("POST", "/effects", b"{", close=True), 400),
        (request("POST", "/effects", b"[1]", close=True), 400),
        (request("POST", "/effects", b"[" * 5000, close=True), 400),
        (request("POST", "/effects", b'{"key":"k"}', close=True), 400),
        (request("POST", "/effects", b'{"reference":"r","key":""}', close=True), 400),
        (request("POST", "/effects", b'{"reference":"r","key":"k","fence":true}', close=True), 400),
        (request("POST", "/effects", b'{"reference":"r","key":"k","fence":-1}', close=True), 400),
        (request("POST", "/effects", b'{"reference":"r","key":"k","kind":"gift"}', close=True), 400),
        (request("POST", "/effects", b"x" * 70_000, close=True), 413),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (request("GET", "/effects", b"", close=True), 400),
        (request("GET", "/effects?reference=a&reference=b", b"", close=True), 400),
        (request("GET", "/nowhere", b"", close=True), 404),
        (request("DELETE", "/effects", b"", close=True), 405),
        (request("GET", "/health", b"", close=True), 200),
    ],
)
def test_junk_is_answered_and_does_no_harm(ledger: Ledger, raw: bytes, status: int) -> None:
    assert ledger.say(raw).startswith(f"HTTP/1.1 {status} ".encode())
    assert ledger.lines() == []
    assert ledger.call("GET", "/health") == (200, {"status": "ok"})


def test_clients_do_not_wait_for_the_delays_of_others(ledger: Ledger) -> None:
    ledger.call("POST", "/control", {"delay_ms": 600_000})
    clients = 150

    async def all_of_them() -> None:
        connected = [await asyncio.open_connection(HOST, ledger.port) for _ in range(clients)]
        for number, (_, writer) in enumerate(connected):
            writer.write(request("POST", "/effects", json.dumps({"reference": "r", "key": f"{number}"}).encode()))
        until = time.monotonic() + 20
        # All have had their effect, while each of them still waits for its answer.
        while len(ledger.lines()) < 2 * clients:
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        for reader, writer in connected:
            reader.feed_eof()
            assert await reader.read() == b""
            writer.close()

    asyncio.run(all_of_them())
    ledger.call("POST", "/control", {"delay_ms": 0})
    assert ledger.call("POST", "/effects", {"reference": "r", "key": "later"})[0] == 201


def test_a_record_that_cannot_be_written_is_no_effect() -> None:
    book = Book(Record("/dev/full"))
    with pytest.raises(RecordBroken, match="No space left"):
        book.take(parse(b'{"reference":"r","key":"k"}'))
    assert book.effects("r") == b"[]"


def test_a_ledger_without_a_record_ends_and_says_why(tmp_path: Path) -> None:
    ports = Ports()
    port = ports.take()
    command = [sys.executable, "-m", "harness.doubles.ledger", "--port", str(port), "--record", "/dev/full"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    made = Ledger(port, tmp_path, process)
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            made.call("POST", "/effects", {"reference": "r", "key": "k"})
        except (OSError, IndexError):
            time.sleep(0.01)
    assert process.wait(0) == 1
    assert process.stderr is not None and b"the record cannot be written" in process.stderr.read()
    process.stderr.close()
    ports.release()


def test_members_of_an_order_cannot_overwrite_the_ledgers_own() -> None:
    order = parse(b'{"reference":"r","key":"k","effect":"mine","amount":1}')
    assert order.rest == {"amount": 1}
    with pytest.raises(BadRequest, match="reference is missing"):
        parse(b'{"key":"k"}')


def outcomes(ledger: Ledger) -> list[str]:
    return [line["e"] for line in ledger.lines() if line["e"] != "attempt"]


def test_a_provider_that_does_not_deduplicate_has_an_effect_each_time(tmp_path: Path) -> None:
    order = {"reference": "r", "key": "k", "fence": 1}
    with running(tmp_path, "--no-deduplicate") as ledger:
        answers = [ledger.call("POST", "/effects", order) for _ in range(2)]
        assert [(status, body["effect"]) for status, body in answers] == [(201, "e1"), (201, "e2")]
        assert ledger.call("GET", "/effects?reference=r") == (200, [body for _, body in answers])
        assert ledger.call("POST", "/effects", {**order, "fence": 0})[0] == 409, "it still knows fences"
    assert outcomes(ledger) == ["accepted", "accepted", "refused"]


def test_a_provider_without_fences_takes_a_lower_one(tmp_path: Path) -> None:
    with running(tmp_path, "--no-fences") as ledger:
        said = [ledger.call("POST", "/effects", {"reference": "r", "key": key, "fence": fence})[0]
                for key, fence in (("a", 3), ("b", 2), ("a", 1))]  # fmt: skip
        assert said == [201, 201, 200]
    assert outcomes(ledger) == ["accepted", "accepted", "replayed"]


def test_every_nth_attempt_fails_before_any_effect(tmp_path: Path) -> None:
    with running(tmp_path, "--fail-every", "3") as ledger:
        said = [ledger.call("POST", "/effects", {"reference": "r", "key": key})[0] for key in "aabbccc"]
        assert said == [201, 200, 503, 201, 201, 503, 200]
        assert [effect["key"] for effect in ledger.call("GET", "/effects?reference=r")[1]] == ["a", "b", "c"]
    assert outcomes(ledger).count("failed") == 2


def test_every_nth_effect_is_answered_twice(tmp_path: Path) -> None:
    bodies = [json.dumps({"reference": "r", "key": key}).encode() for key in "abcde"]
    with running(tmp_path, "--answer-twice-every", "2", "--fail-every", "4") as ledger:
        # The fourth attempt fails and has no effect to be answered.
        raw = [request("POST", "/effects", body, close=True) for body in bodies]
        assert [ledger.say(each).count(b"HTTP/1.1 ") for each in raw] == [1, 2, 1, 1, 2]


def test_options_may_be_variables_and_the_command_line_wins(tmp_path: Path) -> None:
    body = b'{"reference":"r","key":"k"}'
    said = {"LEDGER_NO_DEDUPLICATE": "1", "LEDGER_FAIL_EVERY": "2", "LEDGER_ANSWER_TWICE_EVERY": "3"}
    with running(tmp_path, "--answer-twice-every", "0", **said) as ledger:
        raw = [ledger.say(request("POST", "/effects", body, close=True)) for _ in range(4)]
    assert [each.split(b" ", 2)[1] for each in raw] == [b"201", b"503", b"201", b"503"]
    assert [each.count(b"HTTP/1.1 ") for each in raw] == [1, 1, 1, 1]


@pytest.mark.parametrize("wrong", ["-1", "x"])
def test_a_count_that_is_none_is_refused(tmp_path: Path, wrong: str) -> None:
    command = [sys.executable, "-m", "harness.doubles.ledger", "--port", "1", "--record", str(tmp_path / "l")]
    done = subprocess.run([*command, f"--fail-every={wrong}"], capture_output=True, check=False)
    assert done.returncode == 2 and b"--fail-every" in done.stderr
