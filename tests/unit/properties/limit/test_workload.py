"""Limits as their clients see them: asked for more than there is, and after silence."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.placeholders import secret
from tests.support.agents import MASTER, agent, brief, do
from tests.support.shop import WHOLE, Shop, of


@pytest.fixture
def shop() -> Any:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def test_limits_are_asked_for_more_than_there_is_and_after_silence(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"limit/hop": 3}, contract=WHOLE, duration_s=2.0) as made:
        assert do(made, "steady")["surprises"] == []
        for phase in ("load", "settle", "final"):
            do(made, phase)
    classes = Counter(brief(tmp_path, "limit"))
    assert classes[("hit", "ok")] > 20 and classes[("hit", "limited")] > 5
    assert all(start["key"] == start["u"] for start, _ in of(tmp_path, "limit") if start["k"] == "hit")
