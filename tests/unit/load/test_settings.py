"""What an agent is told: its share of the clients, and its settings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.contract.model import Contract
from harness.load.settings import AgentSettings, shares
from tests.support.service import CONTRACT


def test_shares():
    assert shares({"a": 4, "b": 3, "c": 2, "d": 1}, 40) == {"a": 16, "b": 12, "c": 8, "d": 4}
    assert shares({"a": 1, "b": 1, "c": 1}, 10) == {"a": 3, "b": 3, "c": 4}
    assert shares({"a": 100, "b": 1}, 10) == {"a": 9, "b": 1}, "nobody with a weight is left out"
    assert shares({"a": 1, "b": 0}, 5) == {"a": 5}
    assert shares({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 1}


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.001, 1000) | st.integers(1, 9), min_size=1),
    st.integers(1, 500),
)
def test_shares_add_up_and_follow_the_weights(weights: dict[str, float], total: int):
    found = shares(weights, total)
    assert set(found) == set(weights)
    assert min(found.values()) >= 1
    assert sum(found.values()) == max(total, len(weights))
    assert all(found[a] >= found[b] - 1 for a in weights for b in weights if weights[a] >= weights[b])
    assert shares(weights, total) == found


def test_settings_go_to_an_agent_and_arrive_whole():
    contract = Contract.model_validate(CONTRACT)
    made = AgentSettings(
        agent=1, seed=2, journal="j", master="00", contract=contract, users=[("a", "b")], balancer=("h", 1), hop=True,
        clients={"session/hop": 3}, rate_per_s=None, duration_s=1, think_s=(0, 1), timeout_s=2,
    )  # fmt: skip
    assert AgentSettings.model_validate_json(made.model_dump_json(by_alias=True)) == made
