"""The service as processes: starting, refusing, leaving."""

import json
import signal
import threading
import time

import pytest
import requests

from tests.support.target_world import DEADLINE_S, World, free_port, wait_for_port


def test_every_answer_names_replica_and_boot_even_to_what_is_no_http(world: World) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with world.process(PORT=str(port)) as process:
        wait_for_port(port, process)
        answers = [requests.get(base + path, timeout=5) for path in ("/health", "/nowhere", "/profile", "/metrics")]
        answers.append(requests.post(base + "/api/login", data=b"x" * 70000, timeout=5))
        answers.append(requests.request("NONSENSE", base, timeout=5))
        assert [answer.status_code for answer in answers] == [200, 404, 401, 200, 413, 400]
        assert {answer.headers["X-Replica"] for answer in answers} == {"replica-1"}
        assert len({answer.headers["X-Boot-Id"] for answer in answers}) == 1
        first_boot = answers[0].headers["X-Boot-Id"]
    with world.process(PORT=str(port)) as process:
        wait_for_port(port, process)
        assert requests.get(base + "/health", timeout=5).headers["X-Boot-Id"] != first_boot


def test_sigterm_under_load_fails_no_request(world: World) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with world.process(PORT=str(port), DRAIN_S="4") as process:
        wait_for_port(port, process)
        leaving, failures, served, closes = threading.Event(), [], [0], [0]

        def client() -> None:
            with requests.Session() as session:
                while not leaving.is_set():
                    try:
                        answer = session.get(base + "/health", timeout=5)
                        ready = session.get(base + "/ready", timeout=5)
                    except requests.RequestException as error:
                        failures.append(repr(error))
                        return
                    served[0] += 1
                    closes[0] += answer.headers.get("Connection") == "close"
                    if ready.status_code == 503:
                        # A balancer sees it and sends nothing more.
                        return
                    time.sleep(0.01)

        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        deadline = time.monotonic() + DEADLINE_S
        while served[0] <= 20 and not failures:
            assert time.monotonic() < deadline, "nobody is served"
            time.sleep(0.01)
        assert requests.get(base + "/ready", timeout=5).status_code == 200
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        for thread in clients:
            thread.join(DEADLINE_S)
        # All clients have been told 503 by now, or have failed; the service still answers: readiness turned first.
        while_draining = requests.get(base + "/profile", timeout=5)
        assert (while_draining.status_code, while_draining.headers["Connection"]) == (401, "close")
        assert process.wait(DEADLINE_S) == 0
        assert time.monotonic() - began > 3.95, "whoever was told to drain was given the time for it"
        leaving.set()
        assert not failures
        lines = [json.loads(line) for line in process.communicate()[0].splitlines()]
        # Each /ready that said no is logged too, as every failure is.
        told = [line["event"] for line in lines if line["event"] != "request"]
        assert told == ["serving", "draining", "stopped"]


def test_a_request_in_flight_is_finished(world: World) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    overrides = {"DRAIN_S": "0", "LEDGER_TIMEOUT_S": "3", "PAYMENT_LEASE_S": "4", "LEASE_S": "4"}
    with world.process(PORT=str(port), **overrides) as process:
        wait_for_port(port, process)
        user = {"username": "ada", "password": "lovelace"}
        requests.post(base + "/api/users", json=user, timeout=5)
        token = requests.post(base + "/api/login", json=user, timeout=5).json()["access_token"]
        world.ledger.delay_s = 0.6
        answers: list[requests.Response] = []

        def pay() -> None:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
            body = {"amount": 5, "currency": "EUR", "reference": "r1"}
            answers.append(requests.post(base + "/payment", json=body, headers=headers, timeout=5))

        paying = threading.Thread(target=pay)
        paying.start()
        deadline = time.monotonic() + DEADLINE_S
        while not world.ledger.attempts and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        paying.join(DEADLINE_S)
        assert [answer.status_code for answer in answers] == [201]
        assert process.wait(DEADLINE_S) == 0


def test_a_worker_that_is_stopped_hands_its_job_back(world: World) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    # A lease that neither ends by itself: the job goes on because it was handed back, and from nobody else.
    lease = {"LEASE_S": "60"}
    with (
        world.process(PORT=str(port)) as replica,
        world.process("target_service.worker", STEP_S="0.1", **lease) as worker,
    ):
        wait_for_port(port, replica)
        user = {"username": "ada", "password": "lovelace"}
        requests.post(base + "/api/users", json=user, timeout=5)
        token = requests.post(base + "/api/login", json=user, timeout=5).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"reference": "j1", "input": {"numbers": [1] * 60}}
        keyed = {**headers, "Idempotency-Key": "k1"}
        job = requests.post(base + "/api/process", json=body, headers=keyed, timeout=5).json()["job_id"]

        def until(least: float) -> float:
            deadline = time.monotonic() + DEADLINE_S
            while True:
                status = requests.get(f"{base}/api/status/{job}", headers=headers, timeout=5).json()
                if status["progress"] >= least:
                    return float(status["progress"])
                assert time.monotonic() < deadline, status
                time.sleep(0.02)

        until(0.1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DEADLINE_S) == 0
        assert until(0.0) < 1
        with world.process("target_service.worker", **lease):
            assert until(1) == 1
        assert len(world.ledger.of("j1")) == 1
        assert [attempt["fence"] for attempt in world.ledger.attempts] == [2], "the job was handed back unfinished"


@pytest.mark.parametrize("module", ["target_service", "target_service.worker"])
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"JWT_SECRET": "changeme"}, "JWT_SECRET"),
        ({"TARGET_DEFECTS": "no-such"}, "no-such"),
        ({"RATE_LIMITS": "GET /profil=1/1"}, "GET /profile"),
    ],
)
def test_a_bad_environment_is_one_line_and_exit_code_2(
    world: World, module: str, change: dict[str, str], named: str
) -> None:
    with world.process(module, **change) as process:
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 2
        assert errors.count("\n") == 1 and named in errors and "Traceback" not in errors


def test_nobody_chooses_the_address_that_a_limit_counts(world: World) -> None:
    port = free_port()
    with world.process(PORT=str(port), RATE_LIMITS="POST /api/login=0.01/2") as process:
        wait_for_port(port, process)
        statuses = [
            requests.post(
                f"http://127.0.0.1:{port}/api/login",
                json={"username": "nobody", "password": "wrong"},
                headers={"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"},
                timeout=5,
            ).status_code
            for number in range(4)
        ]
        assert statuses == [401, 401, 429, 429]


def test_a_taken_port_is_one_line_and_exit_code_1(world: World, silent_port: int) -> None:
    with world.process(PORT=str(silent_port)) as process:
        _, errors = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 1 and str(silent_port) in errors and "Traceback" not in errors
