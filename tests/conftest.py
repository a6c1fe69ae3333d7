"""For all tests.

`make test-fast`, the inner loop, leaves out what is *live*: tests that start a process, or sleep. Folders, fixtures and
markers of `LIVE_*` make a test live, and so does `@pytest.mark.live`. In the inner loop a test that is none of these
and starts a process all the same, or sleeps, is skipped at that moment, with the reason.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
LIVE_FOLDERS = ("browser", "conformance", "end_to_end")
LIVE_MARKERS = ("browser", "docker", "kubernetes", "slow")
LIVE_FIXTURES = frozenset({"store_url"})
STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"})
INNER_LOOP = "HARNESS_TEST_FAST"
"""The variable that `make test-fast` sets."""
SHORT_S = 0.05
"""A sleep as short as this yields to other threads rather than waits."""

if not os.environ.get("CI"):
    # Hypothesis has a profile of its own for CI. In both no example is judged by its time: machines are shared.
    settings.register_profile("home", deadline=None)
    settings.load_profile("home")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is live by its folder, its fixtures or another marker, and what is thorough by its file."""
    for item in items:
        is_live = (
            item.path.relative_to(TESTS).parts[0] in LIVE_FOLDERS
            or any(item.get_closest_marker(name) for name in LIVE_MARKERS)
            or LIVE_FIXTURES & set(getattr(item, "fixturenames", ()))
        )
        if is_live:
            item.add_marker("live")
        if item.path.name.startswith(("test_oracle", "test_refresh_oracle")):
            item.add_marker("thorough")


class _Running:
    """Whether a test runs now, in the inner loop."""

    test = False


def _leave_out(event: str, arguments: tuple[object, ...]) -> None:
    if _Running.test and event in STARTS_A_PROCESS and threading.current_thread() is threading.main_thread():
        pytest.skip(f"starts a process ({event}): no test of the inner loop")


if os.environ.get(INNER_LOOP):
    # An audit hook sees every way to start a process, also those of libraries; it cannot be taken out again.
    sys.addaudithook(_leave_out)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
        """Watch the test itself: what its fixtures start is theirs."""
        _Running.test = True
        try:
            return (yield)
        finally:
            _Running.test = False

    @pytest.fixture(autouse=True)
    def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
        """Leave a test out that sleeps."""
        sleep = time.sleep

        def leave_out(seconds: float) -> None:
            if seconds > SHORT_S and threading.current_thread() is threading.main_thread():
                pytest.skip(f"sleeps for {seconds:g} s: no test of the inner loop")
            sleep(seconds)

        monkeypatch.setattr(time, "sleep", leave_out)
