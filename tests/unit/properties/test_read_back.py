"""Final reads: through another replica than the one that acknowledged, also where the balancer alone chooses."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from harness.client.caller import Reply
from harness.properties import visitor


@dataclass(frozen=True)
class Item:
    key: str
    replica: str | None = "one"


@pytest.fixture(autouse=True)
def in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def spread(context: Any, routing: str, work: list[Any], do: Callable[[Any, Any], object]) -> None:
        for each in work:
            do(None, each)

    monkeypatch.setattr(visitor, "spread", spread)


def context(hop: bool, *replicas: str) -> Any:
    ready = tuple((name, ("127.0.0.1", 1)) for name in replicas)
    return SimpleNamespace(settings=SimpleNamespace(hop=hop), members=SimpleNamespace(ready=ready))


def reads(answering: list[str | None], kind: str = "ok") -> tuple[list[Any], Callable[..., Reply]]:
    seen: list[Any] = []
    replicas = itertools.cycle(answering)

    def read(caller: Any, item: Item, avoid: str | None = None, through: str | None = None) -> Reply:
        replica = through or next(replicas)
        seen.append((item.key, avoid, through, replica))
        return Reply("info" if kind == "error" else "ok", kind, 200, {}, replica)

    return seen, read


def test_with_hop_each_item_is_read_once_elsewhere_and_a_few_through_all() -> None:
    items = [Item(f"i{n}") for n in range(300)]
    seen, read = reads(["two"])
    visitor.read_back(context(True, "one", "two"), items, read)
    once = [each for each in seen if each[2] is None]
    assert len(once) == 200 and {avoid for _, avoid, _, _ in once} == {"one"}
    through = [each for each in seen if each[2]]
    assert len(through) == 200 and {name for _, _, name, _ in through} == {"one", "two"}


def test_without_hop_an_item_is_read_until_another_replica_answers() -> None:
    seen, read = reads(["one", "one", "two"])
    visitor.read_back(context(False), [Item("a")], read)
    assert [replica for *_, replica in seen] == ["one", "one", "two"]


@pytest.mark.parametrize(("answering", "times"), [(["one"], visitor.READS_ELSEWHERE), ([None], 1), (["two"], 1)])
def test_without_hop_the_reads_come_to_an_end(answering: list[str | None], times: int) -> None:
    seen, read = reads(answering)
    visitor.read_back(context(False), [Item("a")], read)
    assert len(seen) == times


def test_without_hop_a_few_are_read_until_all_have_answered() -> None:
    seen, read = reads(["one", "two", "one", "three", "one"])
    visitor.read_back(context(False, "one", "two", "three"), [Item("a")], read)
    assert [replica for *_, replica in seen] == ["one", "two", "one", "three"]
    seen, read = reads(["one"])
    visitor.read_back(context(False, "one", "two"), [Item("a")], read)
    assert len(seen) == 2 * visitor.READS_ELSEWHERE


def test_what_told_nothing_is_asked_again_a_few_times() -> None:
    seen, read = reads(["two"], kind="error")
    visitor.read_back(context(False), [Item("a")], read)
    assert len(seen) == visitor.READS
