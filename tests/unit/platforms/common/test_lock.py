"""Who is alive is seen at one place only, and one target is one run's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.common import lock, procfs
from harness.platforms.common.lock import here, hold_name, hold_target, is_of_this_boot
from harness.platforms.common.procfs import Found
from harness.platforms.process import leftovers


def test_a_place_is_a_network_of_a_boot() -> None:
    boot, network = here().split("/")
    assert here() == here() and network == str(Path("/proc/self/ns/net").stat().st_ino)
    assert is_of_this_boot(f"{boot}/1") and not is_of_this_boot("another/1") and not is_of_this_boot("")


def test_another_network_of_the_same_kernel_is_another_place() -> None:
    script = "from harness.platforms.common.lock import *; print(here(), name_is_held('test-of-places'))"
    with hold_name("test-of-places"):
        done = subprocess.run(["unshare", "--net", sys.executable, "-c", script], capture_output=True, text=True)
        if done.returncode and "unshare" in done.stderr:
            pytest.skip(f"this user cannot make a network namespace: {done.stderr.strip()}")
        place, is_held = done.stdout.split()
    # That the name is not seen from there is why a place is more than a boot.
    assert is_held == "False" and place != here() and is_of_this_boot(place)


def test_who_cannot_see_his_place_is_at_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    place = here()
    monkeypatch.setattr(lock, "_NETWORK", Path("/no/such"))
    assert here() == here() != place


def test_a_target_is_one_runs() -> None:
    complaint = "project shop is the target of another run in progress"
    script = "from harness.platforms.common.lock import hold_target\nwith hold_target('project shop'): pass"
    with hold_target("project shop", is_first=True):
        with pytest.raises(EnvironmentFailure, match=complaint), hold_target("project shop", is_first=True):
            pass
        with hold_target("project shop"), hold_target("project other", is_first=True):
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode and complaint in done.stderr
    with hold_target("project shop", is_first=True):
        pass


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
