from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import SERVICES, Place, Run, place_in


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def stranger_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The stranger's service while its replicas are killed, run once for all tests that look at its folder."""
    with place_in(tmp_path_factory.mktemp("stranger")) as place:
        yield place.run(SERVICES / "stranger-kill.yaml", "--json", "--seed", "5")


@pytest.fixture(scope="session")
def payments_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Payments at the clean reference service, run once."""
    with place_in(tmp_path_factory.mktemp("payments")) as place:
        yield place.run("scenarios/prove/payments.yaml", "--json", "--quiet")
