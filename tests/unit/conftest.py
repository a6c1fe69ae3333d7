"""For all unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.placeholders import secret
from tests.support.agents import MASTER
from tests.support.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(secret(MASTER, "jwt")) as made:
        yield made
