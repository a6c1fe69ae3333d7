"""Orders as their clients see them: one correct pass, a load with lost answers, and the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.placeholders import secret
from tests.support.agents import MASTER, agent, do
from tests.support.order_shop import Shop, of, whole


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop(secret(MASTER, "jwt")) as made:
        yield made


def test_one_correct_pass_of_orders(tmp_path: Path, shop: Shop):
    with agent(tmp_path, shop, {"order/hop": 1}, contract=whole()) as made:
        assert do(made, "steady")["surprises"] == []
    found = of(tmp_path, "order")
    first, second, again, look, *more = found
    assert [(start["k"], end["cl"]) for start, end in (first, second, again, look)] == [
        ("place", "ok"),
        ("place", "refused"),
        ("place", "ok"),
        ("inspect", "ok"),
    ]
    assert first[0]["a"] == again[0]["a"] != second[0]["a"], "the argument names the racer"
    assert first[0]["u"] and first[1]["id"] == look[1]["id"] == f"receipt-{first[0]['key']}"
    assert look[1]["state"] == "done"
    assert [end["cl"] for _, end in more] in ([], ["missing"]), "by another user, if the two sessions are of two"


def test_a_load_of_races_with_lost_answers_ends_definite(tmp_path: Path, shop: Shop):
    over: list[bool] = []
    shop.spoil = lambda what, count, body: (0, None) if what == "place" and count % 9 == 3 and not over else None
    with agent(tmp_path, shop, {"order/hop": 4}, contract=whole(), duration_s=1.2) as made:
        do(made, "steady")
        do(made, "load")
        over.append(True)
        for phase in ("quiet", "settle", "final"):
            do(made, phase)
    racers: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for start, end in of(tmp_path, "order"):
        if start["k"] == "place":
            racers[start["key"]][start["a"]].append(end["cl"])
    assert len(racers) > 10 and any(len(each) > 1 for each in racers.values())
    told = [classes for each in racers.values() for classes in each.values()]
    assert any("error" in classes for classes in told)
    assert all({"ok", "refused"} & set(classes) for classes in told), "each racer was told in the end"
    assert all(sum("ok" in classes for classes in each.values()) == 1 for each in racers.values())
    final = [(start, end["cl"]) for start, end in of(tmp_path, "order") if start["p"] == "final"]
    sent = {(start["k"], label) for start, label in final if label != "no_effect"}
    assert sent == {("inspect", "ok"), ("inspect", "missing"), ("place", "ok")}
    assert {start["key"] for start, label in final if (start["k"], label) == ("inspect", "ok")} == set(racers)
