"""Logs and records of containers: an engine that hangs or breaks off costs no more than its time."""

from __future__ import annotations

import http.server
import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.docker import log_files

# Private names: `_KEPT_S` is a wait, shortened.


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
    assert time.monotonic() - begun < 20


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
