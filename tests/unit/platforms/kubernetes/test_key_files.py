"""Private keys on disk go with the process, or are recovered."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.platforms.common import scratch
from harness.platforms.kubernetes import key_files
from tests.support.kubernetes_server import configure

# Private names: `_made` is what this process has made, and is to be as in one that has made nothing.

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
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(temporary))
    for number in (None, signal.SIGKILL):
        words = [sys.executable, "-c", CONNECTS]
        with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"up\n"
            (place,) = temporary.iterdir()
            assert place.name.startswith("harness-keys-") and place.stat().st_mode & 0o777 == 0o700
            assert any(file.read_bytes() == b"a private key" for file in place.iterdir())
            assert scratch.scratch() == [], "its process lives"
            if number:
                process.send_signal(number)
            process.communicate()
        assert [*temporary.iterdir()] == ([place] if number else [])
    assert scratch.scratch() == [place]
    assert (
        scratch.remove_scratch(place) == f"removed directory {place} of a process that held keys of a cluster that died"
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
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(temporary))
    words = [sys.executable, "-c", CONNECTS]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        assert scratch.scratch() == [], "its process lives"
        process.kill()
        process.communicate()
    assert scratch.scratch() == [*temporary.iterdir()]


def test_the_directory_of_this_process_is_one_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "_made", {})
    monkeypatch.setattr(key_files.tempfile, "tempdir", str(tmp_path))
    place = key_files.directory()
    assert key_files.directory() == place and place.parent == tmp_path
    key_files.remove()
    key_files.remove()
    assert [*tmp_path.iterdir()] == []
