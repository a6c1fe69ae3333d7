"""What the parent process tells a load agent when the agent starts, as one JSON line on standard input."""

from __future__ import annotations

from harness.client.settings import ClientSettings
from harness.contract.model import Contract


class AgentSettings(ClientSettings):
    """What one load agent has to do: its share of the load, and the contract of the target.

    Attributes:
        journal: path of the journal that the agent writes.
        contract: the contract of the target.
        clients: the number of clients, by `property/routing`.
        rate_per_s: arrivals per second in the open model; None in the closed model.
        duration_s: how long the load lasts, in seconds.
    """

    journal: str
    contract: Contract
    clients: dict[str, int]
    rate_per_s: float | None
    duration_s: float


def shares(weights: dict[str, float], total: int, least: int = 1) -> dict[str, int]:
    """Split a number into whole shares by weight, by the largest-remainder method.

    Args:
        weights: the weight of each name; a name whose weight is not positive gets no share.
        total: the number to split.
        least: the smallest share of a name with a positive weight; the shares add up to more than `total` if necessary.

    Returns:
        The share of each name with a positive weight.
    """
    live = {name: weight for name, weight in weights.items() if weight > 0}
    whole = sum(live.values())
    exact = {name: weight / whole * total for name, weight in live.items()}
    counts = {name: max(least, int(value)) for name, value in exact.items()}
    order = sorted(live, key=lambda name: (exact[name] - int(exact[name]), name), reverse=True)
    index = 0
    while sum(counts.values()) < total:
        counts[order[index % len(order)]] += 1
        index += 1
    while sum(counts.values()) > total and max(counts.values()) > least:
        largest = max(counts, key=lambda name: (counts[name], name))
        counts[largest] -= 1
    return counts
