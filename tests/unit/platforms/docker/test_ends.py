"""The end of a run on Docker: whose it is, an engine that hangs, and a project that ran before."""

from __future__ import annotations

import http.server
import json
import math
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.errors import NotFound

from harness.errors import EnvironmentFailure
from harness.platforms.common.lock import here
from harness.platforms.common.members import MemberTable
from harness.platforms.docker import engine, found_state, log_files
from harness.platforms.docker import platform as docker_platform
from harness.platforms.docker.engine import Thing, standing
from harness.platforms.docker.platform import DockerPlatform
from harness.platforms.docker.state import Entry

# -- whose it is


def thing(run: str, place: str, made_s: float = math.inf) -> Thing:
    return Thing("container", run, run, run, "running", place, made_s)


def test_who_shares_the_engine_but_not_the_place_is_left_alone() -> None:
    boot = here().partition("/")[0]
    seen = standing(
        [
            thing("mine", here()),
            thing("next-door", f"{boot}/1", made_s=1000.0),
            thing("before-the-restart", "an-older-boot/1", made_s=1000.0),
            thing("another-host", "another-boot/1", made_s=3000.0),
            thing("undated", "another-boot/1"),
            thing("half", here()),
            thing("half", f"{boot}/1"),
            thing("old", ""),
        ],
        booted_s=2000.0,
    )
    assert {run: isinstance(each, str) or each for run, each in seen.items()} == {
        "mine": False,
        "next-door": True,
        "before-the-restart": False,
        "another-host": True,
        "undated": True,
        "half": True,
        "old": True,
    }
    said = str(seen["next-door"])
    assert f"it belongs to another host or container ({boot}/1)" in said
    assert "docker ps -aqf label=stateless-harness.run=next-door | xargs -r docker rm -fv" in said


def test_when_and_where_things_were_made_is_read_from_what_the_engine_tells() -> None:
    labels = {"stateless-harness.run": "r", "stateless-harness.place": "b/1"}
    api: Any = SimpleNamespace(
        containers=lambda **_: [
            {"Id": "c", "Names": ["/n"], "Labels": labels, "State": "running", "Created": 1700000000}
        ],
        networks=lambda **_: [
            {"Id": "n", "Name": "net", "Labels": labels, "Created": "2023-11-14T22:13:20.123456789Z"}
        ],
        volumes=lambda **_: {
            "Volumes": [
                {"Name": "v", "Labels": labels, "CreatedAt": "2023-11-14T23:13:20+01:00"},
                {"Name": "w", "Labels": labels, "CreatedAt": "long ago"},
            ]
        },
    )
    found = {each.id: (each.place, each.made_s) for each in engine.things(api)}
    assert {
        name: (place, round(made_s) if made_s < math.inf else made_s) for name, (place, made_s) in found.items()
    } == {
        "c": ("b/1", 1700000000),
        "n": ("b/1", 1700000000),
        "v": ("b/1", 1700000000),
        "w": ("b/1", math.inf),
    }
    assert 0 < engine.booted_s() < time.time()


# -- an engine that hangs


class Hangs(http.server.BaseHTTPRequestHandler):
    """An engine that begins to send a log or an archive, and never ends."""

    def do_GET(self) -> None:
        self.send_response(200)
        if re.search("/(logs|archive)", self.path):
            self.end_headers()
            self.wfile.write(b"\1\0\0\0\0\0\0\6begun\n")
            self.server.over.wait(10)  # type: ignore[attr-defined]
            return
        body = json.dumps({"Config": {"Tty": False, "Env": ["LEDGER_RECORD=/r"]}}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return ""

    def log_message(self, *_: Any) -> None:
        pass


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    over: threading.Event


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[docker.APIClient]:
    made = Engine(str(tmp_path / "docker.sock"), Hangs)
    made.over = threading.Event()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    monkeypatch.setattr(log_files, "_KEPT_S", 0.5)
    yield docker.APIClient(base_url=f"unix://{tmp_path}/docker.sock", version="1.41", timeout=5)
    made.over.set()
    made.shutdown()
    made.server_close()


def test_a_log_that_never_ends_is_given_up_and_named(hanging: docker.APIClient, tmp_path: Path) -> None:
    log = tmp_path / "replica-1.log"
    with pytest.raises(
        EnvironmentFailure, match=r"keeping replica-1.log: the Docker engine did not send all of it with"
    ):
        log_files.save_log(hanging, "c", log)
    assert log.read_bytes() == b"begun\n", "what came is kept"


def test_a_record_that_never_ends_is_given_up_and_named(hanging: docker.APIClient, tmp_path: Path) -> None:
    (why,) = log_files.save_record(hanging, "c", tmp_path / "ledger.jsonl")
    assert "keeping the ledger's record: the Docker engine did not send all of it" in why
    assert not (tmp_path / "ledger.jsonl").exists()


def test_all_logs_together_have_one_time(
    hanging: docker.APIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "_KEPT_S", 30)
    begun = time.monotonic()
    with pytest.raises(EnvironmentFailure):
        log_files.save_log(hanging, "c", tmp_path / "log", until=begun)
    assert time.monotonic() - begun < 5


def test_a_stream_that_breaks_off_is_told(tmp_path: Path) -> None:
    class Torn:
        def logs(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield b"some"
            raise AttributeError("'NoneType' object has no attribute 'read'")

        def inspect_container(self, _: str) -> Any:
            return {"Config": {"Env": ["LEDGER_RECORD=/r"]}}

        def get_archive(self, *_: str) -> Any:
            return iter([b"no archive"]), {}

    api = cast(docker.APIClient, Torn())
    with pytest.raises(EnvironmentFailure, match="keeping log: it broke off: AttributeError"):
        log_files.save_log(api, "c", tmp_path / "log")
    assert "the engine sent no archive" in log_files.save_record(api, "c", tmp_path / "record")[0]


# -- a project that ran before


class Containers:
    """What the engine knows of three containers; one is gone."""

    def __init__(self) -> None:
        self.paused = {"a": True, "b": False}

    def inspect_container(self, name: str) -> Any:
        if name not in self.paused:
            raise NotFound(f"No such container: {name}")
        state = {"Paused": self.paused[name], "Running": True}
        return {"State": state, "NetworkSettings": {"Networks": {}}}

    def unpause(self, name: str) -> None:
        self.paused[name] = False


def test_of_the_older_dead_only_what_the_run_made_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[tuple[str, Any]] = []
    api: Any = SimpleNamespace(
        logs=lambda container, **_: iter([f"log of {container}".encode()]),
        remove_container=lambda container, **how: removed.append((container, how)),
    )
    entries = [Entry(f"replica-{number}", "replica", 8000, state="killed") for number in (1, 2, 3)]
    for entry in entries:
        # The first was there before the run.
        labels = {} if entry is entries[0] else {"stateless-harness.run": "r-ab12cd"}
        entry.container, entry.inspected = f"c-{entry.name}", {"Config": {"Labels": labels}}
    members: MemberTable[Entry] = MemberTable()
    for entry in entries:
        members.add(entry)
    up = cast(Any, SimpleNamespace(api=api, members=members))
    up.deployment = SimpleNamespace(run_id="r-ab12cd", logs=tmp_path)
    monkeypatch.setattr(docker_platform, "_DEAD_KEPT", 1)
    DockerPlatform()._forget_dead(up)
    assert removed == [("c-replica-2", {"v": True})] and list(members.rows) == ["replica-3"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "replica-1.log": "log of c-replica-1",
        "replica-2.log": "log of c-replica-2",
    }


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")
    file = tmp_path / "found.json"
    noted = [{"id": name, "name": f"shop-{name}", "networks": {}} for name in "abc"]
    file.write_text(json.dumps({"project": "shop", "containers": noted}))
    return file


def test_a_project_is_brought_back_once_and_what_was_replaced_is_settled(found: Path) -> None:
    api = Containers()
    assert found_state.settle(cast(docker.APIClient, api), found) == [
        "thawed shop-a",
        "shop-c is not there any more: somebody removed or replaced it",
    ]
    assert not found.exists()
    # What its owner does to it later is his affair.
    api.paused["a"] = True
    assert found_state.settle(cast(docker.APIClient, api), found) == [] and api.paused["a"]


def test_a_project_that_cannot_be_brought_back_stays_noted(found: Path) -> None:
    class Refusing(Containers):
        def unpause(self, name: str) -> None:
            raise OSError("no answer")

    with pytest.raises(EnvironmentFailure, match="not all is as it was found: bringing shop-a back"):
        found_state.settle(cast(docker.APIClient, Refusing()), found)
    assert found.exists()


def test_a_project_that_a_living_run_has_is_not_touched(found: Path) -> None:
    name = found_state.target_of("shop")
    script = (
        "import sys\nfrom harness.platforms.common.lock import hold_target\n"
        f"with hold_target({name!r}):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    api = Containers()
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentFailure, match=r"project shop of the engine .* another run in progress"):
            found_state.settle(cast(docker.APIClient, api), found)
        other.communicate()
    assert found.exists() and api.paused["a"]
