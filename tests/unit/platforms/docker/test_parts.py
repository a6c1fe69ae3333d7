"""The parts of the platform docker that need no engine."""

from __future__ import annotations

import http.server
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.contract.start import Compose
from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment, Program
from harness.platforms.common.lock import here
from harness.platforms.docker import clone, compose, engine
from harness.platforms.docker.compose import Project, prepared, project_of
from harness.platforms.docker.platform import DockerPlatform
from harness.platforms.docker.readiness import Probed, ReadinessProbe

COMPOSE = Compose(
    file="compose.yaml", replica="app", worker="jobs", balancer="lb", balancer_port=80, port=8000, ledger="book",
    front="front",
)  # fmt: skip


def order(folder: Path, **changes: Any) -> Deployment:
    program = Program(["x"], {})
    given = Deployment(
        "Run-1.T-ab12cd", folder, folder / "l", 2, 1, folder, lambda _: program, None, "/health", "/ready"
    )
    for name, value in changes.items():
        setattr(given, name, value)
    return given


def model(**services: Any) -> dict[str, Any]:
    made = {
        "app": {
            "image": "a",
            "networks": {"front": None, "back": None},
            "ports": [{"target": 8000}],
            "restart": "always",
        },
        "jobs": {"image": "a", "environment": {"A": "1"}, "container_name": "jobs"},
        "lb": {"image": "b", "ports": [{"target": 80, "published": "8080"}, {"target": 443}], "restart": "always"},
        "book": {"image": "c", "labels": {"mine": "1"}},
        "db": {"image": "d", "ports": [{"target": 6379, "published": "6379"}]},
        **services,
    }
    networks = {"front": {"name": "shop_front"}, "back": None, "other": {"name": "corp", "external": True}}
    return {"name": "shop", "services": made, "networks": networks, "volumes": {"data": {"name": "fixed"}}}


def test_a_file_is_made_ready_for_one_run(tmp_path: Path) -> None:
    environment = {"replica": {"SECRET": "a$b", "A": "2"}, "worker": {"A": "3"}}
    given = model()
    wanted = order(tmp_path, environment=environment, ledger_fail_every=7, allowed=["corp"])
    made = prepared(given, COMPOSE, wanted, 12345)
    label = {"stateless-harness.run": "Run-1.T-ab12cd", "stateless-harness.place": here()}
    book = {
        "LEDGER_DELAY_MS": "50",
        "LEDGER_NO_DEDUPLICATE": "0",
        "LEDGER_NO_FENCES": "0",
        "LEDGER_FAIL_EVERY": "7",
        "LEDGER_ANSWER_TWICE_EVERY": "0",
    }
    port = {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "12345", "protocol": "tcp"}
    assert made == {
        "name": "shop",
        "services": {
            "app": {
                "image": "a",
                "networks": {"front": None, "back": None},
                "restart": "no",
                "environment": {"SECRET": "a$$b", "A": "2"},
                "labels": label,
            },
            "jobs": {"image": "a", "environment": {"A": "3"}, "restart": "no", "labels": label},
            "lb": {"image": "b", "ports": [port], "restart": "always", "labels": label},
            "book": {"image": "c", "labels": {"mine": "1", **label}, "environment": book},
            "db": {"image": "d", "labels": label},
        },
        "networks": {
            "front": {"labels": label},
            "back": {"labels": label},
            "other": {"name": "corp", "external": True},
        },
        "volumes": {"data": {"labels": label}},
    }
    assert given == model(), "the model given is left as it is"


def test_a_service_that_is_built_has_one_image_for_all_runs(tmp_path: Path) -> None:
    made = [
        prepared(model(app={**model()["services"]["app"], "image": None, "build": {"context": "/x"}}), COMPOSE, each, 1)
        for each in (order(tmp_path, allowed=["corp"]), order(tmp_path, run_id="another-ab12cd", allowed=["corp"]))
    ]
    images = {each["services"]["app"]["image"] for each in made}
    assert len(images) == 1 and images.pop().startswith("harness-built-")


@pytest.mark.parametrize(
    ("services", "changes", "said"),
    [
        (
            {},
            {"replica": "web"},
            "no service 'web', which the contract names as its replica; it has app, book, db, jobs, lb",
        ),
        ({}, {"ledger": "bank"}, "no service 'bank', which the contract names as its ledger"),
        ({}, {"front": "side"}, "not on the network 'side'.*it is on front, back"),
        ({"app": {"image": "a", "network_mode": "host"}}, {}, "network_mode host: each replica needs an address"),
    ],
)
def test_what_the_file_lacks_is_told(tmp_path: Path, services: Any, changes: Any, said: str) -> None:
    with pytest.raises(EnvironmentFailure, match=said):
        prepared(model(**services), COMPOSE.model_copy(update=changes), order(tmp_path), 1)


def test_a_project_is_named_in_the_letters_that_compose_allows() -> None:
    assert project_of("Kill-2026-11-21T07.30_32Z-ab12cd") == "harness-kill-2026-11-21t07-30_32z-ab12cd"


# -- what `docker compose` says


def saying(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Project:
    """A program `docker` of our own."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (folder / "compose.yaml").write_text("services: {}\n")
    return Project("r-ab12cd", folder, "compose.yaml", "unix:///x", folder / "compose.log")


NOISE = " Container harness-app-1  Creating\n#7 [2/4] RUN pip\n"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("docker: 'compose' is not a docker command.", "install Docker's Compose plugin, version 2"),
        ("Error: driver failed: Bind for 127.0.0.1:80 failed: port is already allocated", "a port is taken"),
        (
            'Error Get "https://r/v2/": dial tcp: lookup r: no such host',
            "an image is neither here nor can it be pulled",
        ),
        ("pull access denied for x, repository does not exist", "an image is neither here nor can it be pulled"),
        ("Cannot connect to the Docker daemon at unix:///x. Is it running?", "the Docker engine is gone"),
        ("dependency failed to start: container x is unhealthy", "a service did not become healthy"),
        ("services.app additional properties not allowed", "correct what it complains about"),
    ],
)
def test_what_compose_complains_of_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    project = saying(
        tmp_path,
        monkeypatch,
        f'cat >/dev/null\nprintf \'%s\' "{NOISE}" >&2\necho "{said.replace(chr(34), "")}" >&2\nexit 1',
    )
    with pytest.raises(EnvironmentFailure) as failure:
        project.up({"services": {}}, {"app": 2}, 10)
    text = str(failure.value)
    assert remedy in text and said.replace('"', "") in text and "Creating" not in text and "#7" not in text
    assert re.search(r"# bring up: \d+\.\d s, status 1\n", (tmp_path / "compose.log").read_text())


def test_compose_that_does_not_end_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = saying(tmp_path, monkeypatch, "cat >/dev/null\necho $$ >pid\nexec sleep 60")
    monkeypatch.chdir(tmp_path)
    begun = time.monotonic()
    with pytest.raises(EnvironmentFailure, match=r"could not be brought up within 1 s: raise target.deadline_s"):
        project.up({"services": {}}, {}, 1)
    assert time.monotonic() - begun < 6
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_without_the_command_line_or_the_plugin_is_told_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(tmp_path, monkeypatch, "exit 1")
    assert "there is no `docker compose`: install" in compose.lacking()[0]
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho 2.26.1-4\n")
    assert compose.lacking() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no program `docker` on the PATH" in compose.lacking()[0]
    with pytest.raises(EnvironmentFailure, match="no program `docker` on the PATH"):
        Project("r-ab12cd", tmp_path, "compose.yaml", "unix:///x", tmp_path / "log").resolve()


def test_a_compose_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"no Compose file .*none.yaml: correct start.compose.file"):
        Project("r-ab12cd", tmp_path, "none.yaml", "unix:///x", tmp_path / "log").resolve()


# -- the engine


def test_no_engine_is_told_with_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    with pytest.raises(EnvironmentFailure, match=r"no Docker engine on this machine: .*docker.sock does not exist"):
        DockerPlatform().runs()
    assert "systemctl start docker" in DockerPlatform().missing()[0]
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    with pytest.raises(EnvironmentFailure, match=r"does not answer on .*docker.sock .*refused"):
        engine.connect()


def test_a_socket_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(socket.socket):
        def connect(self, address: Any) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr(engine.socket, "socket", Closed)
    with pytest.raises(EnvironmentFailure, match=r"no permission on the Docker engine's socket .*group"):
        engine.connect()


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "ssh://host", "tcp://docker.example:2376"])
def test_an_engine_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EnvironmentFailure, match="is on another machine"):
        engine.connect()


# -- one more container


INSPECTED = {
    "Id": "0123456789abcdef",
    "Name": "/harness-r-app-1",
    "Image": "sha256:11",
    "Config": {
        "Hostname": "0123456789ab",
        "Image": "app:latest",
        "Env": ["A=1", "B=x=y"],
        "Labels": {"com.docker.compose.container-number": "1", "stateless-harness.run": "r"},
        "StopSignal": "SIGTERM",
    },
    "HostConfig": {"NetworkMode": "harness-r_front", "ReadonlyRootfs": True},
    "NetworkSettings": {
        "Networks": {
            "harness-r_front": {"Aliases": ["harness-r-app-1", "app", "0123456789ab"], "IPAddress": "172.18.0.2"},
            "harness-r_back": {"Aliases": ["app", "shop", "0123456789ab"], "IPAddress": "172.19.0.2"},
        }
    },
}


class Api:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def create_container_from_config(self, config: Any, name: str) -> Any:
        self.said.append((name, config))
        return {"Id": "new"}

    def connect_container_to_network(self, *words: Any, **named: Any) -> None:
        self.said.append((words, named))


def test_another_container_is_like_the_first_but_for_what_makes_it_another() -> None:
    api: Any = Api()
    assert clone.create(api, INSPECTED, 4, {"A": "2"}, without=None) == "new"
    name, config = api.said[0]
    assert name == "harness-r-app-4"
    assert config == {
        "Image": "sha256:11",
        "Env": ["A=2", "B=x=y"],
        "Labels": {"com.docker.compose.container-number": "4", "stateless-harness.run": "r"},
        "StopSignal": "SIGTERM",
        "HostConfig": {"NetworkMode": "harness-r_front", "ReadonlyRootfs": True},
        "NetworkingConfig": {"EndpointsConfig": {"harness-r_front": {"Aliases": ["app", "harness-r-app-4"]}}},
    }
    assert api.said[1:] == [(("new", "harness-r_back"), {"aliases": ["app", "harness-r-app-4", "shop"]})]


def test_one_that_is_held_is_not_on_the_network_of_the_balancer() -> None:
    api: Any = Api()
    clone.create(api, INSPECTED, 4, {}, without="harness-r_front")
    assert api.said[0][1]["HostConfig"]["NetworkMode"] == "harness-r_back" and len(api.said) == 1


def test_a_replica_is_asked_where_it_cannot_be_cut_off() -> None:
    assert clone.address(INSPECTED, "harness-r_front") == "172.19.0.2"
    assert clone.address(INSPECTED, "harness-r_back") == "172.18.0.2"
    only = {**INSPECTED, "NetworkSettings": {"Networks": {"front": {"IPAddress": "172.18.0.9"}}}}
    assert clone.address(only, "front") == "172.18.0.9"


# -- ready


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the boots of `server.boots` in turn; None: 503 without one."""

    def do_GET(self) -> None:
        boots: list[str | None] = self.server.boots  # type: ignore[attr-defined]
        boots.append(boots.pop(0))
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(503 if boots[-1] is None else 200)
        if boots[-1]:
            self.send_header("X-Boot-Id", boots[-1])
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def member(port: int, boot: str | None = None) -> Probed:
    return Probed("replica-1", "replica", port, boot, "127.0.0.1", ready_ns=time.monotonic_ns())


def test_a_replica_is_shown_once_the_balancer_was_seen_to_send_to_it(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), server.server_port)
    server.boots = ["b1", "b2"]
    one, two, three = (member(1, boot) for boot in ("b1", "b2", "b3"))
    assert probe.is_shown(one, 3) and probe.is_shown(two, 3)
    assert not probe.is_shown(three, 3) and "has not been seen to send it requests" in three.said
    server.boots = [None]
    assert probe.is_shown(one, 3), "once shown it is"
    fresh = member(1, "b1")
    fresh.shown_ns = time.monotonic_ns()
    assert not probe.is_shown(fresh, 3), "what went to it before does not count"
    assert not probe.is_shown(three, 3)


def test_where_it_cannot_be_told_some_seconds_are_enough(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), server.server_port)
    server.boots = ["b1"]
    late = member(1, "b2")
    assert not probe.is_shown(late, 2)
    late.ready_ns -= 6 * 10**9
    assert probe.is_shown(late, 2)
    plain = ReadinessProbe(order(tmp_path, boot_header=None), server.server_port)
    unnamed = member(1, "replica-1")
    assert not plain.is_shown(unnamed, 2)
    unnamed.ready_ns -= 6 * 10**9
    assert plain.is_shown(unnamed, 2)


def test_health_is_asked_once_and_readiness_each_time(server: Any, tmp_path: Path) -> None:
    probe = ReadinessProbe(order(tmp_path, boot_header="X-Boot-Id"), 1)
    server.boots = ["b1"]
    one = member(server.server_port)
    assert probe.is_ready(one) and probe.is_ready(one) and one.boot == "b1"
    assert server.asked == ["/ready", "/health", "/ready"]
    server.boots = [None]
    assert not probe.is_ready(one) and one.ready_ns == 0 and one.said == "GET /ready: answered 503"


def test_the_sdk_is_imported_only_where_it_is_used() -> None:
    code = """
import sys, harness.platforms, harness.cli.main
print([name for name in ('docker', 'kubernetes') if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
