"""What dead runs left on this machine: found, and removed only where it is a run's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common import procfs
from harness.platforms.common.lock import here
from harness.platforms.common.procfs import Found
from harness.platforms.process import leftovers


def test_a_directory_that_no_run_marked_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "harness-mine").mkdir()
    (tmp_path / "harness-mine" / "precious").write_text("x")
    assert leftovers.remove_work_directory("mine") == [] and leftovers.leftovers("mine") == []
    with pytest.raises(EnvironmentFailure, match="cannot be made"):
        leftovers.make_work_directory("mine")
    place = leftovers.make_work_directory("run")
    (place / "store").mkdir()
    (place / "store" / "data").write_text("x")
    assert leftovers.leftovers("run") == [f"directory {place}"]
    assert leftovers.remove("run") == [f"removed directory {place}"] and not place.exists()
    assert (tmp_path / "harness-mine" / "precious").exists()


@pytest.mark.parametrize(
    ("name", "mode", "holds", "is_ours"),
    [
        ("kill-12-00-00Z-0a1b2c", 0o700, {}, True),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": ""}, True),
        ("kill-12-00-00Z-0a1b2c", 0o755, {}, False),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": "", "precious": "x"}, False),
        ("kill-12-00-00Z-0a1b2c", 0o700, {"run-id": "kill-12-00-00Z-ffffff"}, False),
        ("notes", 0o700, {}, False),
        ("history-x-0a1b2c", 0o700, {}, False),
        ("notes", 0o755, {"run-id": "notes", "store": "x"}, True),
    ],
)
def test_without_its_mark_only_what_a_run_alone_makes_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, holds: dict[str, str], is_ours: bool
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"harness-{name}"
    place.mkdir()
    for entry, text in holds.items():
        (place / entry).write_text(text)
    place.chmod(mode)
    assert (name in leftovers.runs()) is is_ours
    assert leftovers.remove_work_directory(name) == ([f"removed directory {place}"] if is_ours else [])
    assert place.exists() is not is_ours


def test_a_process_of_another_network_is_not_taken_for_a_dead_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(tmp_path))
    script = "import sys; print(); sys.stdout.flush(); sys.stdin.read()"
    environment = {**os.environ, "HARNESS_RUN": "test-elsewhere-000001"}
    words = ["unshare", "--net", sys.executable, "-c", script]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            pytest.skip("this user cannot make a network namespace")
        made = leftovers.make_work_directory("test-elsewhere-000001")
        (made / "run-id").write_text(f"test-elsewhere-000001\n{here()[:-1]}\n")
        said = leftovers.runs()["test-elsewhere-000001"]
        process.communicate()
    assert isinstance(said, str)
    assert f"another container of this machine ({here().partition('/')[0]}/" in said
    assert f"`nsenter --target {process.pid} --net harness recover`" in said


def test_a_process_of_this_network_is_judged_by_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(procfs, "of_runs", lambda: [Found(os.getpid(), 1, "mine-000001", "", "")])
    assert leftovers.runs() == {"mine-000001": False}


@pytest.mark.parametrize(
    ("place", "is_elsewhere"), [(None, False), ("BOOT/1", True), ("a-boot-before/1", False), ("", False)]
)
def test_a_directory_of_another_container_is_left_alone_until_the_machine_restarts(
    place: str | None, is_elsewhere: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(procfs, "of_runs", list)
    made = leftovers.make_work_directory("shared-000001")
    if place is not None:
        boot = here().partition("/")[0]
        (made / "run-id").write_text(f"shared-000001\n{place.replace('BOOT', boot)}\n")
    assert isinstance(leftovers.runs()["shared-000001"], str) is is_elsewhere
