"""Carts as their clients see them: one correct pass, a load with lost answers, and the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.placeholders import secret
from tests.support.agents import MASTER, agent, do
from tests.support.service import Answer
from tests.support.shop import WHOLE, Shop, of


@pytest.fixture
def shop() -> Any:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def test_one_correct_pass_of_a_cart(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"cart/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == []
    found = of(tmp_path, "cart")
    assert [(start["k"], end["cl"], end.get("v")) for start, end in found][1:] == [
        ("add", "ok", None),
        ("look", "ok", "present"),
        ("add", "ok", None),
        ("remove", "ok", None),
        ("look", "ok", "absent"),
        ("remove", "missing", None),
    ]
    login, add, *_ = found
    assert add[0]["s"] == login[0]["key"] and add[1]["id"] == f"line-{add[0]['key']}"
    assert {start["key"] for start, _ in found[1:]} == {add[0]["key"]}


def test_a_cart_that_forgets_is_a_surprise(tmp_path: Path, shop: Shop):
    shop.spoil = lambda what, *_: (200, {"lines": []}) if what == "cart" else None
    with agent(tmp_path, shop, {"cart/hop": 1}, contract=WHOLE) as made:
        assert do(made, "steady")["surprises"] == ["cart/look: another value than is right"]


def test_a_doubtful_line_is_added_again_and_never_removed_before_it_is_acknowledged(tmp_path: Path, shop: Shop):
    over: list[bool] = []

    def lose(what: str, count: int, body: bytes) -> Answer | None:
        return (0, None) if what == "cartadd" and count % 2 and not over else None

    with agent(tmp_path, shop, {"cart/hop": 3}, contract=WHOLE, duration_s=1.5) as made:
        do(made, "steady")
        shop.spoil = lose
        do(made, "load")
        over.append(True)
        for phase in ("settle", "final"):
            do(made, phase)
    by_line: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for start, end in of(tmp_path, "cart"):
        by_line.setdefault(start["key"], []).append((start, end))
    lines = {key: pairs for key, pairs in by_line.items() if pairs[0][0]["k"] == "add"}
    assert len(lines) > 5 and any("error" in [end["cl"] for _, end in pairs] for pairs in lines.values())
    for pairs in lines.values():
        acknowledged = [end["at"] for start, end in pairs if start["k"] == "add" and end["cl"] == "ok"]
        assert acknowledged, "each got a definite answer in the end"
        assert all(start["at"] > min(acknowledged) for start, _ in pairs if start["k"] == "remove")
        assert pairs[-1][0]["p"] == "final" and pairs[-1][0]["k"] == "look"
        removed = any(start["k"] == "remove" and end["cl"] == "ok" for start, end in pairs)
        assert pairs[-1][1]["v"] == ("absent" if removed else "present")
