from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.platforms.base import Platform
from harness.platforms.process import ProcessPlatform

from .support import FACTORIES


@pytest.fixture(params=sorted(FACTORIES))
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    made = FACTORIES[request.param]()
    yield made
    made.tear_down()


@pytest.fixture
def process() -> Iterator[ProcessPlatform]:
    made = ProcessPlatform()
    yield made
    made.tear_down()
