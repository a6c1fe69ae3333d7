from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.platforms.base import Platform
from harness.platforms.process.platform import ProcessPlatform
from tests.support.conformance import FACTORIES, require_engine
from tests.support.kube import require_cluster

MARKS = {"docker": pytest.mark.docker, "kubernetes": pytest.mark.kubernetes}
REQUIRE = {"docker": require_engine, "kubernetes": require_cluster}


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in FACTORIES])
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    if request.param in REQUIRE:
        REQUIRE[request.param]()
    made = FACTORIES[request.param]()
    yield made
    made.tear_down()


@pytest.fixture
def process() -> Iterator[ProcessPlatform]:
    made = ProcessPlatform()
    yield made
    made.tear_down()
