"""Who is alive is seen at one place only, and one target is one run's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.common import lock
from harness.platforms.common.lock import check_run_id, here, hold_name, hold_target, is_of_this_boot, name_is_held

# Private names: `_NETWORK` is where the network of this process is read: there is no machine without one to test on.


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


def test_a_held_name_is_seen_and_given_back() -> None:
    run_id = f"hold-{os.getpid()}"
    assert not name_is_held(run_id)
    with hold_name(run_id):
        with hold_name(run_id):
            assert name_is_held(run_id)
        assert name_is_held(run_id)
        script = f"from harness.platforms.common.lock import hold_name\nwith hold_name({run_id!r}): pass"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert other.returncode == 1 and "already in progress in another process" in other.stderr
    assert not name_is_held(run_id)


@pytest.mark.parametrize("run_id", ["", "a/b", "..", "-x", "a" * 49, "a b"])
def test_a_run_id_that_could_name_another_place_is_refused(run_id: str) -> None:
    with pytest.raises(UsageError, match="run id"):
        check_run_id(run_id)
