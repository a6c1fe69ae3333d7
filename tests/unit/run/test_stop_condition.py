"""The stop condition: when it trips, when it does not, and that it trips when it cannot be evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.client.tally import Tally
from harness.errors import Aborted
from harness.run.stop_condition import Guard
from harness.scenario.file import StopWhen


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def tally(good: int = 0, bad: int = 0, ms: float = 10) -> dict[str, Any]:
    made = Tally()
    for _ in range(good):
        made.add(ms, True)
    for _ in range(bad):
        made.add(2000, False)
    return made.take()


def guarded(agents: int = 1, lasts_s: float = 100, **stop_when: Any) -> tuple[Clock, Guard]:
    clock = Clock()
    return clock, Guard(StopWhen(window_s=3, **stop_when), range(agents), clock.now + lasts_s, clock)


def seconds(clock: Clock, guard: Guard, *tallies: dict[str, Any], agent: int = 0) -> None:
    for each in tallies:
        clock.now += 1
        guard.hear(agent, each)
        guard.check()


def test_what_is_within_bounds_does_not_trip() -> None:
    clock, guard = guarded(error_rate=0.5, latency_p99_ms=12)
    seconds(clock, guard, *[tally(50, 50)] * 8)


def test_the_last_clients_of_a_load_that_has_ended_trip_nothing() -> None:
    clock, guard = guarded(lasts_s=5, error_rate=0.3, latency_p99_ms=50)
    seconds(clock, guard, *[tally(100)] * 5, *[tally()] * 3, tally(0, 2), tally())
    clock.now += 60
    guard.check()


def test_a_load_trips_it_up_to_its_end() -> None:
    clock, guard = guarded(lasts_s=5, error_rate=0.3)
    with pytest.raises(Aborted, match="error rate"):
        seconds(clock, guard, *[tally(10)] * 4, tally(0, 100))


def test_a_rate_is_judged_over_the_whole_window_and_not_before_its_end() -> None:
    clock, guard = guarded(error_rate=0.3)
    seconds(clock, guard, tally(0, 10), tally(10, 0))
    with pytest.raises(Aborted, match=r"error rate 0.333, 0.3 at most \(10 of 30 ops of the last 3 s"):
        seconds(clock, guard, tally(10, 0))
    assert Aborted("x").exit_code == 4


def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock, guard = guarded(error_rate=0.3)
    seconds(clock, guard, tally(0, 10), *[tally(40)] * 2)
    seconds(clock, guard, *[tally(10)] * 3)
    with pytest.raises(Aborted, match=r"error rate 0\.333"):
        seconds(clock, guard, tally(0, 10))


def test_a_slow_target_trips_although_its_latency_is_known_by_class_only() -> None:
    clock, guard = guarded(latency_p99_ms=100)
    seconds(clock, guard, *[tally(99, ms=90)] * 5)
    with pytest.raises(Aborted, match=r"p99 latency \d+ ms over the last 3 s, 100 ms at most"):
        seconds(clock, guard, *[tally(10, ms=150)] * 3)


def test_an_agent_that_says_nothing_trips_it() -> None:
    clock, guard = guarded(agents=2, error_rate=0.5)
    with pytest.raises(Aborted, match="cannot be evaluated: load agent 1 has said nothing for 5 s"):
        seconds(clock, guard, *[tally(10)] * 6)
    assert clock.now > 105


def test_a_window_without_ops_trips_it() -> None:
    clock, guard = guarded(error_rate=0.5)
    with pytest.raises(Aborted, match="cannot be evaluated: no op ended within the last 3 s"):
        seconds(clock, guard, *[tally()] * 4)


def test_latencies_of_which_nothing_is_known_trip_it() -> None:
    clock, guard = guarded(latency_p99_ms=100)
    with pytest.raises(Aborted, match="cannot be evaluated: no op of the last 3 s was answered"):
        seconds(clock, guard, *[tally(0, 5)] * 4)


def test_a_guard_needs_a_bound() -> None:
    with pytest.raises(ValidationError, match="give `error_rate`, `latency_p99_ms`, or both"):
        StopWhen(window_s=5)
