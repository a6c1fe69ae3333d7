"""The rule of the inner loop holds: a test that is not live starts no process and does not sleep."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest


def test_a_process_and_a_sleep_are_refused_and_remembered(request: pytest.FixtureRequest) -> None:
    (calm,) = (each._Calm for each in request.config.pluginmanager.get_plugins() if hasattr(each, "_Calm"))
    with pytest.raises(AssertionError, match=r"it starts .* not marked `live`"):
        subprocess.run([sys.executable, "-c", ""])
    with pytest.raises(AssertionError, match=r"it sleeps for 0 s.*mark it `@pytest\.mark\.live`"):
        time.sleep(0)
    # What is remembered fails the test at its end; this one has done what it was written for.
    assert len(calm.done) == 2
    calm.done.clear()


@pytest.mark.live
def test_a_live_test_may_do_both() -> None:
    time.sleep(0)
    assert subprocess.run([sys.executable, "-c", ""]).returncode == 0
