"""For the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fault_stage import Stage, staged


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A target of three replicas and two workers in memory."""
    made = staged(tmp_path, 3)
    yield made
    made.supervisor.stop()
