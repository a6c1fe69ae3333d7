"""For all tests.

A test is *live* if it starts a process or sleeps; `make test-fast`, the inner loop, leaves the live ones out. Folders,
fixtures and markers of `LIVE_*` make a test live by themselves, all others say so: `@pytest.mark.live`. A test that
is not live and starts a process, or sleeps, fails.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
LIVE_FOLDERS = ("browser", "conformance", "end_to_end")
LIVE_MARKERS = ("browser", "docker", "kubernetes", "slow")
LIVE_FIXTURES = frozenset({"store_url"})
STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"})
REMEDY = "a test that is not marked `live` does not: mark it `@pytest.mark.live`, or test without"

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
        if item.path.name.startswith("test_oracle"):
            item.add_marker("thorough")


class _Calm:
    """Whether a test is running that is not live, and what it did all the same."""

    watching = False
    done: list[str] = []


def _refused(what: str) -> NoReturn:
    _Calm.done.append(what)
    raise AssertionError(f"{what}: {REMEDY}")


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _Calm.watching and event in STARTS_A_PROCESS:
        _refused(f"it starts {arguments[0]} ({event})" if arguments else f"it starts a process ({event})")


# An audit hook sees every way to start a process, also those of libraries; it cannot be taken out again.
sys.addaudithook(_refuse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _Calm.watching, _Calm.done = item.get_closest_marker("live") is None, []
    try:
        return (yield)
    finally:
        _Calm.watching = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    # The code under test may have taken the refusal for an error of the machine, or met it in another thread.
    assert not _Calm.done, f"{'; '.join(_Calm.done)}: {REMEDY}"
    return result


@pytest.fixture(autouse=True)
def no_sleep(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse `time.sleep` to a test that is not live."""

    def refuse(seconds: float) -> None:
        _refused(f"it sleeps for {seconds:g} s")

    if request.node.get_closest_marker("live") is None:
        monkeypatch.setattr(time, "sleep", refuse)
