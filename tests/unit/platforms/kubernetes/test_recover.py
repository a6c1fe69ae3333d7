"""The cluster as recovery sees it, through the real client: broken answers, no configuration, keys on disk."""

from __future__ import annotations

import base64
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.base import NotConfigured
from harness.platforms.common.lock import hold_target
from harness.platforms.kubernetes import attach, key_files
from harness.platforms.kubernetes.api import Cluster, Refused, Unreachable
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.platforms.kubernetes.recover import settle, target
from harness.platforms.process import leftovers
from harness.recovery import engines as looking


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers 200 with `server.body` to whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        body: bytes = self.server.body  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    configure(tmp_path / "config", f"http://127.0.0.1:{made.server_port}", {})
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield made
    made.shutdown()
    made.server_close()


def configure(file: Path, server: str, user: dict[str, str]) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
        "current-context": "c",
    }
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>please log in</html>", "is no cluster: it says '<html>please log in</html>'"),
        (b"[1]", r"is no cluster: it says '\[1\]'"),
        (b'{"items": [{"no": "metadata"}]}', "is no cluster, or a broken one .KeyError: 'metadata'"),
        (b'{"items": [7]}', "is no cluster, or a broken one .TypeError"),
    ],
)
def test_what_answers_and_is_no_cluster_is_told_as_such(server: Any, body: bytes, said: str) -> None:
    server.body = body
    with pytest.raises(Unreachable, match=said):
        KubernetesPlatform().runs()
    seen = looking.look({"kubernetes": KubernetesPlatform})
    assert "is no cluster" in seen.unseen["kubernetes"] and seen.unused == {}
    (why,) = looking.missing({"kubernetes": KubernetesPlatform})["kubernetes"]
    assert why


def test_without_a_configuration_there_is_nothing_to_see_and_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NotConfigured, match=r"no cluster is configured\. Set KUBECONFIG"):
        KubernetesPlatform().runs()
    seen = looking.look({"kubernetes": KubernetesPlatform})
    assert seen.unseen == {} and "Set KUBECONFIG" in str(seen.why_unseen("kubernetes"))
    assert KubernetesPlatform().leftovers("any-1") == [] and KubernetesPlatform().remove("any-1") == []


# -- keys

KEY = base64.b64encode(b"a private key").decode()
CONNECTS = """
import sys
from harness.platforms.kubernetes.api import Cluster
Cluster.connect()
print("up", flush=True)
sys.stdin.read()
"""


def test_keys_are_in_a_directory_that_goes_with_the_process_or_is_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    configure(tmp_path / "config", "https://127.0.0.1:9", {"client-certificate-data": KEY, "client-key-data": KEY})
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "config"), "TMPDIR": str(temporary)}
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(temporary))
    for number in (None, signal.SIGKILL):
        words = [sys.executable, "-c", CONNECTS]
        with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"up\n"
            (place,) = temporary.iterdir()
            assert place.name.startswith("harness-keys-") and place.stat().st_mode & 0o777 == 0o700
            assert any(file.read_bytes() == b"a private key" for file in place.iterdir())
            assert leftovers.scratch() == [], "its process lives"
            if number:
                process.send_signal(number)
            process.communicate()
        assert [*temporary.iterdir()] == ([place] if number else [])
    assert leftovers.scratch() == [place]
    assert (
        leftovers.remove_scratch(place)
        == f"removed directory {place} of a process that held keys of a cluster that died"
    )
    assert [*temporary.iterdir()] == []


def test_a_directory_that_holds_no_keys_is_recovered_at_once_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that names the files of its keys needs none of ours."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    configure(tmp_path / "config", "https://127.0.0.1:9", {"token": "t"})
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "config"), "TMPDIR": str(temporary)}
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(temporary))
    words = [sys.executable, "-c", CONNECTS]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        assert leftovers.scratch() == [], "its process lives"
        process.kill()
        process.communicate()
    assert leftovers.scratch() == [*temporary.iterdir()]


def test_the_directory_of_this_process_is_one_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "_made", {})
    monkeypatch.setattr(key_files.tempfile, "tempdir", str(tmp_path))
    place = key_files.directory()
    assert key_files.directory() == place and place.parent == tmp_path
    key_files.remove()
    key_files.remove()
    assert [*tmp_path.iterdir()] == []


# -- a target that ran before


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
