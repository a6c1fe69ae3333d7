"""The same scenarios on Docker: judged the same, and nothing left whoever dies."""

from __future__ import annotations

import http.client
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.platforms.docker.platform import DockerPlatform
from tests.support.between import Between
from tests.support.places import ROOT, Place, Run, command, eventually, scenario, why

pytestmark = [pytest.mark.slow, pytest.mark.docker]

CONTRACT = ROOT / "target_service" / "contract.yaml"


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    missing = DockerPlatform().missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must test on Docker. {missing[0]}")
    if missing:
        pytest.skip(missing[0])
    yield


def short(folder: Path) -> Path:
    return scenario(
        folder,
        CONTRACT,
        platform="docker",
        target={"replicas": 2, "workers": 1, "deadline_s": 90},
        load={"duration_s": 10, "users": 16, "mix": {"session": 3, "idempotency": 2}},
        faults=[{"kind": "kill", "at": 1}, {"kind": "cut", "at": 5, "for": 2}],
        evidence={"items_per_property": 8, "faults_covered": 0.5},
    )


def left(run: Run) -> list[str]:
    return [*run.left(), *DockerPlatform().leftovers(run.id)]


def test_a_run_is_valid_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    run = place.run(short(tmp_path), "--json", "--seed", "3")
    results = run.results()
    assert results["verdict"] == "valid", why(results)
    assert results["platform"] == "docker" and [fault["healed"] for fault in results["faults"]] == [True, True]
    assert (run.folder / "ledger.jsonl").stat().st_size > 0
    logs = {path.stem for path in (run.folder / "logs").glob("*.log")}
    assert logs >= {"compose", "haproxy", "ledger", "redis", "replica-1", "replica-2", "replica-3", "worker-1"}
    assert left(run) == []


@pytest.mark.parametrize(
    ("name", "defect", "check"),
    [("sessions", "sessions-in-memory", "session"), ("payments", "check-then-set", "idempotency")],
)
def test_a_seeded_defect_is_caught(place: Place, name: str, defect: str, check: str) -> None:
    arguments = ("--platform", "docker", "--defect", defect, "--json")
    run = place.run(f"scenarios/prove/{name}.yaml", *arguments)
    results = run.results()
    assert results["verdict"] == "invalid"
    # The balancer spreads requests from the first on, so that some defects show before any fault, and in more checks.
    assert check in [each["name"] for each in results["checks"] if each["verdict"] == "invalid"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recover_removes_what_a_killed_harness_left(place: Place, tmp_path: Path, seed: int) -> None:
    run = place.start("run", short(tmp_path))
    chosen = random.Random(seed)
    run.reach("deploy")
    # In the midst of what Compose does, or of a later phase.
    if chosen.random() < 0.5:
        wanted = chosen.randint(1, 6)
        eventually(lambda: len(DockerPlatform().leftovers(run.id)) >= wanted or run.phase() != "deploy", "some of it")
    else:
        run.reach(chosen.choice(["load", "final", "tear_down"]))
    run.process.kill()
    run.process.wait()
    done = command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert done.returncode == 0, done.stderr
    eventually(lambda: not left(run), "nothing is left", 10)
    again = command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert again.returncode == 0 and run.id not in again.stdout + again.stderr


def test_a_run_in_progress_is_left_alone_and_an_interrupt_leaves_nothing(place: Place, tmp_path: Path) -> None:
    run = place.start("run", short(tmp_path))
    eventually(lambda: run.events() and DockerPlatform().leftovers(run.id), "the first of it")
    other = tmp_path / "elsewhere"
    other.mkdir()
    done = command("recover", "--reports", other, TMPDIR=str(run.temporary))
    assert run.id not in done.stdout + done.stderr and run.process.poll() is None
    assert run.phase() == "deploy"
    run.interrupt()
    assert run.wait() == 130
    assert left(run) == []


def test_an_engine_that_dies_ends_the_run_and_recover_finds_the_rest(place: Place, tmp_path: Path) -> None:
    between = Between(tmp_path / "docker.sock")
    run = place.start("run", short(tmp_path), "--json", environment={"DOCKER_HOST": between.address})
    run.reach("load")
    between.close()
    assert run.wait() == 5
    assert "the Docker engine is gone" in run.said() and "harness recover" in run.said()
    assert "Traceback" not in run.said()
    assert DockerPlatform().leftovers(run.id) != []
    done = command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert done.returncode == 0 and run.id in done.stdout, done.stderr
    assert left(run) == []


def test_without_an_engine_a_run_says_how_to_get_one(place: Place, tmp_path: Path) -> None:
    run = place.start("run", short(tmp_path), environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert run.wait() == 5
    assert "no Docker engine on this machine" in run.said() and "systemctl start docker" in run.said()
    assert left(run) == []


def test_the_compose_file_works_on_its_own() -> None:
    project = ["docker", "compose", "--project-name", f"alone-{os.getpid()}"]
    environment = {**os.environ, "BALANCER_PORT": "0"}

    def compose(*words: str) -> str:
        done = subprocess.run(
            [*project, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=True
        )
        return done.stdout.strip()

    try:
        compose("up", "--detach", "--build", "--scale", "target=3")
        host, port = compose("port", "haproxy", "8080").split(":")
        assert host == "127.0.0.1"

        def replica() -> str | None:
            connection = http.client.HTTPConnection(host, int(port), timeout=5)
            try:
                connection.request("GET", "/ready")
                answer = connection.getresponse()
                return answer.headers["X-Replica"] if answer.status == 200 else None
            except OSError:
                return None
            finally:
                connection.close()

        eventually(lambda: len({replica() for _ in range(6)} - {None}) == 3, "answers of all three")
    finally:
        compose("down", "--volumes", "--timeout", "2")
