"""A project that ran before: brought back once, and only what the run made is removed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest
from docker.errors import NotFound

from harness.errors import EnvironmentFailure
from harness.platforms.common.members import MemberTable
from harness.platforms.docker import found_state
from harness.platforms.docker import platform as docker_platform
from harness.platforms.docker.platform import DockerPlatform
from harness.platforms.docker.state import Entry

# Private names: `_forget_dead` and `_DEAD_KEPT` are a step of a deployment and its bound: the whole of it needs an
# engine and dozens of containers.


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
