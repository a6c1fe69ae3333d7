"""Where the next request goes."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from harness.client import routing
from harness.client.routing import Hop, Members


def member(number: int, state: str = "ready") -> dict[str, object]:
    return {"name": f"replica-{number}", "host": "127.0.0.1", "port": 8000 + number, "state": state}


def members(*numbers: int) -> Members:
    made = Members()
    made.update([member(number) for number in numbers])
    return made


def names(hop: Hop, times: int) -> list[str]:
    return [chosen[0] for _ in range(times) if (chosen := hop.next())]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(routing, "monotonic", lambda: now[0])
    return now


def test_only_ready_members_with_a_port_are_used() -> None:
    made = Members()
    states = ["starting", "ready", "unready", "stopping", "killed", "paused", "gone"]
    worker = {**member(9), "port": None}
    assert made.update([*(member(number, state) for number, state in enumerate(states)), worker]) == []
    assert made.ready == (("replica-1", ("127.0.0.1", 8001)),)


def test_an_update_tells_which_addresses_are_ready_no_longer() -> None:
    made = members(1, 2, 3)
    assert made.update([member(1), member(2, "unready"), member(4)]) == [("127.0.0.1", 8002), ("127.0.0.1", 8003)]
    assert made.update([member(1), member(2)]) == [("127.0.0.1", 8004)]


def test_hop_never_stays_and_leaves_none_out() -> None:
    visited = names(Hop(members(1, 2, 3, 4), seed=1), 400)
    assert all(a != b for a, b in itertools.pairwise(visited))
    pairs = Counter(itertools.pairwise(visited))
    assert len(pairs) == 12
    assert min(pairs.values()) > 10


def test_hop_is_fixed_by_its_seed() -> None:
    assert names(Hop(members(1, 2, 3), seed=5), 50) == names(Hop(members(1, 2, 3), seed=5), 50)
    assert names(Hop(members(1, 2, 3), seed=5), 50) != names(Hop(members(1, 2, 3), seed=6), 50)


def test_hop_stays_with_the_only_one_and_waits_when_there_is_none() -> None:
    made = members(1)
    hop = Hop(made, seed=1)
    assert names(hop, 3) == ["replica-1"] * 3
    made.update([])
    assert hop.next() is None
    made.update([member(1), member(2)])
    assert hop.next() == ("replica-2", ("127.0.0.1", 8002))


def test_a_replica_that_refused_is_passed_over_for_a_while(clock: list[float]) -> None:
    hop = Hop(members(1, 2), seed=1)
    first, second = names(hop, 2)
    hop.refused(second)
    # It saw nothing, so the first is still where the last request went: it serves only as there is no other.
    assert names(hop, 2) == [first, first]
    hop.refused(first)
    assert hop.next() is None
    clock[0] += 0.21
    assert names(hop, 1) == [second]


def test_a_refusal_gives_back_the_place_before(clock: list[float]) -> None:
    for seed in range(20):
        hop = Hop(members(1, 2, 3), seed=seed)
        first, second = names(hop, 2)
        hop.refused(second)
        (third,) = names(hop, 1)
        assert third not in (first, second)
