"""The lease of a run is renewed, and a failure to renew it is told once."""

from __future__ import annotations

import threading

import pytest

from harness.errors import EnvironmentFailure
from harness.platforms.memory.platform import MemoryPlatform
from harness.run.liveness import Lease

# Private names: `_RENEWED_S` is a wait, shortened.


def test_a_lease_is_renewed_and_its_failure_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.run.liveness._RENEWED_S", 0.01)
    kept, told = threading.Semaphore(0), []

    class Deaf(MemoryPlatform):
        def renew_lease(self) -> None:
            kept.release()
            raise EnvironmentFailure("no answer")

    with Lease(Deaf(), told.append):
        assert all(kept.acquire(timeout=5) for _ in range(8))
    assert told == ["the engine cannot be told that the run goes on: no answer"]
