"""Preferences as their clients see them: one correct pass, a load, and the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.placeholders import secret
from harness.properties.preference.workload import OURS
from tests.support.agents import MASTER, agent, do, fingerprint
from tests.support.shop import WHOLE, Shop, of


@pytest.fixture
def shop() -> Any:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def test_one_correct_pass_of_preferences(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"preference/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == []
    _, first, put, get, late = of(tmp_path, "preference")
    assert [(start["k"], end["cl"]) for start, end in (first, put, get, late)] == [
        ("get", "ok"),
        ("put", "ok"),
        ("get", "ok"),
        ("put", "mismatch"),
    ]
    assert (first[1]["v"], first[1]["state"]) == (fingerprint("somebody's own"), "0"), "what is not ours is not shown"
    assert OURS.fullmatch(put[0]["a"]) and put[1]["state"] == "1"
    assert (get[1]["v"], get[1]["state"]) == (put[0]["a"], "1")
    assert late[0]["a"] != put[0]["a"], "each attempt writes a value of its own"


def test_a_stale_preference_is_a_surprise(tmp_path: Path, shop: Shop):
    shop.spoil = lambda what, *_: (200, {"value": "old", "version": "0"}) if what == "prefget" else None
    with agent(tmp_path, shop, {"preference/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == ["preference/get: another value than is right"]


def test_each_change_is_of_what_was_read_and_each_register_is_read_at_the_end(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"preference/hop": 6}, contract=WHOLE, duration_s=1.5) as made:
        for phase in ("steady", "load", "settle", "final"):
            do(made, phase)
    found = of(tmp_path, "preference")
    written = [start["a"] for start, _ in found if start["k"] == "put"]
    assert len(written) == len(set(written)) > 10
    changed = {start["key"] for start, end in found if start["k"] == "put" and end["cl"] == "ok"}
    last = {start["key"]: end["v"] for start, end in found if start["p"] == "final"}
    assert last == {user: shop.registers[user][0] for user in changed}
    assert {"ok", "mismatch"} >= {end["cl"] for start, end in found if start["k"] == "put"}
