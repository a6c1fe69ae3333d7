"""A target that ran before, as recovery settles it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common.lock import hold_target
from harness.platforms.kubernetes import attach
from harness.platforms.kubernetes.api import Cluster, Refused
from harness.platforms.kubernetes.recover import settle, target


@pytest.fixture
def found(tmp_path: Path) -> Path:
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"namespace": "shop", "deployments": {}, "service": {"name": "s", "selector": {}}}))
    return file


def test_a_target_that_was_brought_back_is_its_owners(
    found: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "restore", lambda found: [f"{found.name} is as it was"])
    assert settle(found) == ["found.json is as it was"] and not found.exists()
    assert settle(found) == []


def test_what_its_owner_has_removed_is_settled(tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Emptied:
        where = "https://cluster"

        def ask(self, method: str, path: str, *_: Any, **__: Any) -> dict[str, Any]:
            assert method == "GET"
            if path.rpartition("/")[2] in ("web", "front"):
                raise Refused("not there", 404, "NotFound")
            return {"items": []}

    monkeypatch.setattr(Cluster, "connect", Emptied)
    noted = {"deployments": {"web": {"replicas": 2, "template": {}}}, "service": {"name": "front", "selector": {}}}
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"namespace": "shop", **noted}))
    assert settle(file) == [
        f"{each} is not in namespace shop of the cluster at https://cluster any more: somebody removed it"
        for each in ("Deployment web", "Service front")
    ]
    assert not file.exists()


def test_one_that_could_not_be_brought_back_stays_noted(
    found: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> list[str]:
        raise EnvironmentFailure("not yet")

    monkeypatch.setattr(attach, "restore", refused)
    with pytest.raises(EnvironmentFailure, match="not yet"):
        settle(found)
    assert found.exists()


def test_one_that_a_living_run_has_is_not_touched(found: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "restore", lambda found: pytest.fail("it was touched"))
    name = target(Cluster.connect(), "shop")
    script = (
        "import sys\nfrom harness.platforms.common.lock import hold_target\n"
        f"with hold_target({name!r}):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentFailure, match=r"namespace shop of the cluster at .* another run in progress"):
            settle(found)
        other.communicate()
    assert found.exists()


def test_what_broke_off_while_it_was_noted_is_settled(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text('{"namesp')
    assert settle(tmp_path / "found.json") == [] and not (tmp_path / "found.json").exists()
    with hold_target("nothing"):
        assert settle(tmp_path / "none") == []
