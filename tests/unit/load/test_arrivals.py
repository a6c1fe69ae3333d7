"""Arrivals of the open model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.load.arrivals import arrivals


@given(st.floats(0.5, 300), st.floats(0.1, 20), st.integers(0, 2**40))
def test_arrivals_ascend_within_the_load_and_are_fixed_by_the_seed(rate: float, duration: float, seed: int):
    times = list(arrivals(rate, duration, seed))
    assert times == sorted(times) == list(arrivals(rate, duration, seed))
    assert all(0 < at < duration for at in times)
    # Six standard deviations of a Poisson number, so that this fails for a wrong rate and not by chance.
    assert abs(len(times) - rate * duration) <= 6 * (rate * duration) ** 0.5 + 6


def test_other_seeds_arrive_otherwise():
    assert list(arrivals(50, 5, 1)) != list(arrivals(50, 5, 2))
