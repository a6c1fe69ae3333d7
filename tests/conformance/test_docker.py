"""What only a Docker engine can show."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure, FaultNotSeen, UsageError
from harness.platforms.base import Deployment
from harness.platforms.common.ports import Ports
from harness.platforms.docker.engine import LABEL, connect
from harness.platforms.docker.platform import DockerPlatform
from harness.supervision.rollout import Rollout
from harness.supervision.supervisor import Supervisor
from tests.support.between import Between
from tests.support.conformance import COMPOSE, deployment, eventually, require_engine, tiny
from tests.support.traffic import ask, boots, kept, load

# Private names: `_deployed` says which container a member is: the engine is asked about it behind the platform's back.

pytestmark = pytest.mark.docker

TEXT = Path(COMPOSE.file).read_text(encoding="utf-8")


@pytest.fixture
def engine() -> Iterator[DockerPlatform]:
    require_engine()
    made = DockerPlatform()
    yield made
    with suppress(EnvironmentFailure):
        made.tear_down()


def of_service(run_id: str, service: str) -> str:
    """Id of the one container of a run that is of this service."""
    wanted = [f"{LABEL}={run_id}", f"com.docker.compose.service={service}"]
    (found,) = connect().containers(filters={"label": wanted})
    return str(found["Id"])


def changed(folder: Path, old: str, new: str) -> Compose:
    """The tiny service's Compose file with something else in it."""
    assert old in TEXT
    place = folder / "compose.yaml"
    services = Path(COMPOSE.file).parent
    text = TEXT.replace(old, new).replace("./tiny.py", f"{services}/tiny.py")
    place.write_text(text.replace("../../target_service", str(services.parents[1] / "target_service")))
    return COMPOSE.model_copy(update={"file": str(place)})


def test_requests_go_round_and_each_answer_says_whose_it_is(engine: DockerPlatform, tmp_path: Path) -> None:
    engine.deploy(deployment(tmp_path, replicas=3, workers=0))
    known = {member.boot for member in engine.members()}
    assert {ask(engine.balancer())[1]["x-boot-id"] for _ in range(6)} == known
    engine.kill("replica-2")
    answers = [ask(engine.balancer()) for _ in range(9)]
    assert {status for status, _ in answers} == {200}
    assert len({headers["x-boot-id"] for _, headers in answers}) == 2


def test_the_balancer_alone_says_that_nothing_was_delivered(engine: DockerPlatform, tmp_path: Path) -> None:
    engine.deploy(deployment(tmp_path, replicas=1, workers=0))
    engine.kill("replica-1")
    status, headers = ask(engine.balancer())
    assert (status, headers["x-no-effect"]) == (503, "1")


@pytest.mark.parametrize("how", ["roll", "switch"])
def test_another_version_costs_no_request(engine: DockerPlatform, tmp_path: Path, how: str) -> None:
    engine.deploy(deployment(tmp_path, workers=0))
    old = set(boots(engine).values())
    with kept(engine) as supervisor, load(engine.balancer()) as seen:
        getattr(Rollout(supervisor, "replica", {"HARNESS_VERSION": "2"}, 90), how)()
        landed = len(seen)
        eventually(lambda: len(seen) > landed + 30, "answers of the new version", 30)
    assert {status for status, _ in seen} == {200}
    assert not {boot for _, boot in seen[landed + 4 :]} & old and {boot for _, boot in seen} & old
    env = connect().inspect_container(engine._deployed().members.find("replica-3").container)["Config"]["Env"]
    assert "HARNESS_VERSION=2" in env and "TINY_DRAIN_S=1" in env


def test_a_held_or_cut_replica_gets_no_request(engine: DockerPlatform, tmp_path: Path) -> None:
    engine.deploy(deployment(tmp_path, replicas=1, workers=0))
    fresh = engine.start("replica", held=True)
    eventually(lambda: engine.ready(fresh), "ready though held", 30)
    old, new = (member.boot for member in engine.members())
    assert {ask(engine.balancer())[1]["x-boot-id"] for _ in range(6)} == {old}
    engine.admit([fresh.name])
    assert {ask(engine.balancer())[1]["x-boot-id"] for _ in range(6)} == {old, new}
    engine.cut("replica-1")
    assert not engine.ready(engine.members()[0])
    eventually(lambda: {ask(engine.balancer())[1].get("x-boot-id") for _ in range(6)} == {new}, "only the other", 10)


def test_one_that_ends_by_itself_stays_dead_and_no_kill_is_counted(engine: DockerPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, workers=0, compose=changed(tmp_path, "command: [python, -u, /tiny.py]",
        "command: [python, -u, /tiny.py]\n    restart: always"))  # fmt: skip
    engine.deploy(wanted)
    # Not through the engine, which would take it for meant: its own policy would bring it back.
    os.kill(connect().inspect_container(engine._deployed().members.find("replica-1").container)["State"]["Pid"], 9)
    eventually(lambda: engine.members()[0].state == "gone", "seen dead")
    with pytest.raises(FaultNotSeen, match="dead already"):
        engine.kill("replica-1")
    assert not connect().inspect_container(engine._deployed().members.find("replica-1").container)["State"]["Running"]


def test_a_member_that_ignores_its_signal_is_a_fault_not_seen(engine: DockerPlatform, tmp_path: Path) -> None:
    engine.deploy(deployment(tmp_path, replicas=1, workers=0, replica=tiny(TINY_IGNORE_TERM="1")))
    with pytest.raises(FaultNotSeen, match=r"replica-1 .*did not exit within 0.2 s after SIGTERM and was killed"):
        engine.stop("replica-1", 0.2)
    assert engine.members()[0].state == "gone"


def test_a_part_that_dies_is_told(engine: DockerPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path, replicas=1, workers=0)
    engine.deploy(wanted)
    told: list[str] = []
    supervisor = Supervisor(engine, {"replica": 1}, lambda members: None, on_problem=told.append)
    supervisor.start()
    try:
        connect().kill(of_service(wanted.run_id, "haproxy"), "SIGKILL")
        eventually(lambda: told, "the dead balancer")
    finally:
        supervisor.stop()
    assert len(told) == 1 and told[0].startswith("haproxy exited with status 137 during the run")


def test_all_of_a_run_carries_its_id_and_every_log_is_kept(engine: DockerPlatform, tmp_path: Path) -> None:
    wanted = deployment(tmp_path)
    engine.deploy(wanted)
    kinds = [each.partition(" ")[0] for each in engine.leftovers(wanted.run_id)]
    assert kinds == ["container"] * 4 + ["network"] * 2
    assert engine.runs()[wanted.run_id] is False
    given = connect().inspect_container(of_service(wanted.run_id, "haproxy"))["HostConfig"]
    assert [port["HostIp"] for ports in given["PortBindings"].values() for port in ports] == ["127.0.0.1"]
    engine.kill("replica-1")
    engine.tear_down()
    logs = {path.stem: path.read_text() for path in wanted.logs.iterdir()}
    assert set(logs) == {"compose", "haproxy", "replica-1", "replica-2", "worker-1"}
    assert all("up as " in logs[name] for name in ("replica-1", "replica-2", "worker-1"))


# -- what a user will meet


@pytest.mark.parametrize(
    ("old", "new", "changes", "said"),
    [
        ("python:3.11-slim-bookworm", "harness-no-such-image:1", {}, "an image is neither here nor can it be pulled"),
        ("", "", {"replica": tiny(TINY_EXIT="no database")}, r"replica-\d did.*exited with status 3(?s:.*)no database"),
        ("", "", {"replica": tiny(TINY_NEVER_READY="1"), "deadline_s": 4}, r"not ready within 4 s \(GET /ready.*503\)"),
        ("networks: [front, back]", "networks: [back]", {}, "is not on the network 'front'"),
        ("target: &target", "web: &target", {}, "has no service 'target'"),
        ("services:", "services: [", {}, "could not read"),
        ("[python, -u, /tiny.py]", "[/no/such/program]", {}, "could not bring up(?s:.*)no/such/program"),
    ],
)  # fmt: skip
def test_a_target_that_does_not_come_up_says_why_and_leaves_nothing(
    engine: DockerPlatform, tmp_path: Path, old: str, new: str, changes: dict[str, object], said: str
) -> None:
    wanted = deployment(tmp_path, workers=0, compose=changed(tmp_path, old, new), **changes)
    with pytest.raises(EnvironmentFailure, match=said) as failure:
        engine.deploy(wanted)
    assert failure.value.exit_code == 5
    assert engine.leftovers(wanted.run_id) == []


def test_a_network_of_somebody_else_is_used_only_where_it_is_allowed(engine: DockerPlatform, tmp_path: Path) -> None:
    name = f"of-somebody-else-{os.getpid()}"
    compose = changed(tmp_path, "back: {internal: true}", f"back: {{external: true, name: {name}}}")
    wanted = deployment(tmp_path, replicas=1, workers=0, compose=compose)
    connect().create_network(name)
    try:
        with pytest.raises(UsageError, match=rf"networks.back is external \({name}\).*--allow-target {name}"):
            engine.deploy(wanted)
        assert engine.leftovers(wanted.run_id) == []
        engine.deploy(replace(wanted, allowed=[name]))
        assert ask(engine.balancer())[0] == 200
        engine.tear_down()
        assert engine.leftovers(wanted.run_id) == [] and connect().inspect_network(name)["Containers"] == {}
    finally:
        connect().remove_network(name)


def test_a_port_that_is_taken_is_told(engine: DockerPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(Ports, "take", lambda self: taken.getsockname()[1])
        wanted = deployment(tmp_path, replicas=1, workers=0)
        with pytest.raises(EnvironmentFailure, match="a port is taken"):
            engine.deploy(wanted)
    assert engine.leftovers(wanted.run_id) == []


def test_an_engine_that_dies_in_the_middle_is_told_and_recovered_from(
    engine: DockerPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between = Between(tmp_path / "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", between.address)
    wanted: Deployment = deployment(tmp_path)
    engine.deploy(wanted)
    assert engine.failures() == []
    between.close()
    eventually(engine.failures, "that the engine is gone")
    assert "the Docker engine is gone" in engine.failures()[0] and "harness recover" in engine.failures()[0]
    with pytest.raises(FaultNotSeen, match="engine"):
        engine.kill("replica-1")
    with pytest.raises(EnvironmentFailure, match="does not answer"):
        engine.tear_down()
    monkeypatch.delenv("DOCKER_HOST")
    another = DockerPlatform()
    assert wanted.run_id in another.runs() and len(another.remove(wanted.run_id)) == 6
    assert another.remove(wanted.run_id) == [] and wanted.run_id not in another.runs()


def test_the_engine_of_this_machine_has_what_is_needed(engine: DockerPlatform) -> None:
    assert engine.missing() == []
    assert isinstance(connect(), docker.APIClient)
