from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import SERVICES, Place, Run, place_in


@pytest.fixture(autouse=True)
def signals_count() -> Iterator[None]:
    """As at a terminal, also where the tests themselves run under nohup or in the background of a shell."""
    ends = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in ends.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
