"""What lets a platform do with replicas what it likes: no state to begin with, one process, no files, nobody missed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import redis
import requests

from tests.support.paths import ROOT
from tests.support.target_world import DEADLINE_S, World, free_port, wait_for_port

PACKAGE = ROOT / "target_service"
WHO = {"username": "ada", "password": "lovelace"}


def serving(world: World, stack: ExitStack, **more: str) -> "tuple[str, subprocess.Popen[str]]":
    """A replica that answers: its address and its process."""
    port = free_port()
    process = stack.enter_context(world.process(PORT=str(port), **more))
    wait_for_port(port, process)
    return f"http://127.0.0.1:{port}", process


def test_it_starts_without_any_state_and_makes_none_up(world: World, raw: redis.Redis) -> None:
    with ExitStack() as stack:
        base, _ = serving(world, stack)
        assert requests.get(f"{base}/ready", timeout=5).status_code == 200
        assert raw.dbsize() == 0, "a replica that nobody has asked for anything has written something"
        assert requests.post(f"{base}/api/users", json=WHO, timeout=5).status_code == 201


def test_it_starts_without_its_store_and_is_not_ready(world: World, silent_port: int) -> None:
    with ExitStack() as stack:
        base, process = serving(world, stack, STORE_URL=f"redis://127.0.0.1:{silent_port}/0")
        assert requests.get(f"{base}/health", timeout=5).status_code == 200
        assert requests.get(f"{base}/ready", timeout=5).status_code == 503
        refused = requests.post(f"{base}/api/login", json=WHO, timeout=5)
        assert (refused.status_code, refused.headers["X-No-Effect"]) == (503, "1")
        assert process.poll() is None


@pytest.mark.parametrize("module", ["target_service", "target_service.worker"])
def test_it_is_one_process_and_writes_no_file(world: World, tmp_path: Path, module: str) -> None:
    with ExitStack() as stack:
        if module == "target_service":
            base, process = serving(world, stack, TMPDIR=str(tmp_path), HOME=str(tmp_path))
            for _ in range(3):
                requests.post(f"{base}/api/users", json=WHO, timeout=5)
                requests.post(f"{base}/api/login", json=WHO, timeout=5)
        else:
            process = stack.enter_context(world.process(module, TMPDIR=str(tmp_path), HOME=str(tmp_path)))
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "ready"
        seen = psutil.Process(process.pid)
        assert seen.children(recursive=True) == []
        written = [file for file in seen.open_files() if getattr(file, "mode", "r") != "r"]
        assert written == [], "what it writes goes to standard output"
        assert list(tmp_path.iterdir()) == []


WITHOUT_WRITING = """
import os, runpy, sys

def forbid(event, arguments):
    modes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    written = event == "open" and isinstance(arguments[2], int) and arguments[2] & modes
    if (written and arguments[0] != os.devnull) or event in ("os.mkdir", "os.rename", "os.remove", "os.symlink"):
        os.write(2, f"wrote: {event} {arguments}".encode())
        os._exit(70)

sys.addaudithook(forbid)
if sys.argv[1:] == ["--try"]:
    open("written", "w")
runpy.run_module("target_service", run_name="__main__")
"""


@pytest.mark.parametrize("writes", [False, True])
def test_it_runs_where_nothing_can_be_written(world: World, tmp_path: Path, writes: bool) -> None:
    """As with a read-only file system: what would be written ends the process, which the last case shows."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(PACKAGE.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_WRITING, *(["--try"] if writes else [])],
        cwd=tmp_path,
        env={**environment, **world.environment(PORT=str(port))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        if writes:
            assert process.wait(DEADLINE_S) == 70
            return
        wait_for_port(port, process)
        base = f"http://127.0.0.1:{port}"
        assert requests.post(f"{base}/api/users", json=WHO, timeout=5).status_code == 201
        assert requests.post(f"{base}/api/login", json=WHO, timeout=5).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


def test_the_image_starts_the_service_itself_not_a_shell() -> None:
    """In shell form the shell is process 1, and SIGTERM never reaches the service."""
    lines = (PACKAGE / "Dockerfile").read_text().splitlines()
    starts = [line for line in lines if line.startswith(("CMD", "ENTRYPOINT"))]
    assert [json.loads(line.split(" ", 1)[1]) for line in starts] == [["python", "-m", "target_service"]]
    assert not [line for line in lines if line.startswith("VOLUME")]
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users and not users[-1].startswith(("0", "root"))


@pytest.mark.usefixtures("short_leases")
def test_a_whole_fleet_can_be_lost_and_the_next_one_serves_the_same(world: World) -> None:
    with ExitStack() as stack:
        fleet = [serving(world, stack) for _ in range(2)]
        fleet_workers = [stack.enter_context(world.process("target_service.worker", STEP_S="0.05"))]
        (first, _), (second, _) = fleet
        requests.post(f"{first}/api/users", json=WHO, timeout=5)
        tokens = requests.post(f"{first}/api/login", json=WHO, timeout=5).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        keyed = {**bearer, "Idempotency-Key": "k1"}
        payment = {"amount": 5, "currency": "EUR", "reference": "r1"}
        paid = requests.post(f"{second}/payment", json=payment, headers=keyed, timeout=5)
        work = {"reference": "j1", "input": {"numbers": [2] * 40}}
        job = requests.post(f"{first}/api/process", json=work, headers=keyed, timeout=5).json()["job_id"]
        for process in [*(each for _, each in fleet), *fleet_workers]:
            process.send_signal(signal.SIGKILL)
            process.wait(DEADLINE_S)
        base, _ = serving(world, stack)
        stack.enter_context(world.process("target_service.worker"))
        assert requests.get(f"{base}/profile", headers=bearer, timeout=5).json()["username"] == "ada"
        again = requests.post(f"{base}/payment", json=payment, headers=keyed, timeout=5)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (paid.content, "true")
        assert len(world.ledger.of("r1")) == 1
        refreshed = requests.post(f"{base}/api/refresh", json={"refresh_token": tokens["refresh_token"]}, timeout=5)
        assert refreshed.status_code == 200
        deadline = time.monotonic() + DEADLINE_S
        while True:
            status = requests.get(f"{base}/api/status/{job}", headers=bearer, timeout=5).json()
            if status["state"] == "done":
                break
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        assert status["output"] == {"sum": 80, "count": 40, "max": 2}
        assert len(world.ledger.of("j1")) == 1
