"""The tally of an agent: counts by class, and quantiles."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.client.tally import Tally, quantile_ms


@given(st.lists(st.floats(0.02, 60_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_never_too_low_and_at_most_a_tenth_too_high(latencies: list[float], share: float) -> None:
    made = Tally()
    for latency in latencies:
        made.add(latency, True)
    found = quantile_ms(Counter({int(name): n for name, n in made.take()["ms"].items()}), share)
    rank = next(n for n in range(1, len(latencies) + 1) if n >= share * len(latencies))
    true = sorted(latencies)[rank - 1]
    assert found is not None and true * 0.999 - 0.001 <= found <= true * 1.1 * 1.001 + 0.001


def test_a_taken_tally_begins_anew() -> None:
    made = Tally()
    made.add(random.Random(1).uniform(1, 2), True)
    assert made.take()["ops"] == 1 and made.take() == {"ops": 0, "bad": 0, "ms": {}}
    assert quantile_ms(Counter(), 0.99) is None
