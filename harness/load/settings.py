"""What the parent process tells a load agent when the agent starts, as one JSON line on standard input."""

from __future__ import annotations

from pydantic import BaseModel

from harness.contract.model import Contract


class AgentSettings(BaseModel):
    """One agent's share of the load, and all that its clients need to know.

    Attributes:
        agent: The agent's number, from 0.
        seed: The seed of the run.
        journal: The path of the journal that the agent writes.
        master: The run's secret, in hexadecimal; it is held in memory only and never written to a file.
        contract: The contract of the service.
        users: The names and passwords of the users this agent logs in.
        balancer: The host and port that all replicas are reached through.
        hop: Whether the agent can send to single replicas.
        clients: How many clients there are for each `<workload>/<routing>`.
        rate_per_s: How many ops are due in a second, for the open model; None for the closed model.
        duration_s: How long the load lasts, in seconds.
        think_s: The shortest and the longest pause of a client between two steps, in seconds.
        timeout_s: The longest that one exchange may take, in seconds.
        cookies: Whether clients send the balancer's cookies back, as a browser does.
        tag: Stands in every name that clients give, so that a target that was there before this run knows none of them.
        members: The members of the target as they are at the start.
    """

    agent: int
    seed: int
    journal: str
    master: str
    contract: Contract
    users: list[tuple[str, str]]
    balancer: tuple[str, int]
    hop: bool
    clients: dict[str, int]
    rate_per_s: float | None
    duration_s: float
    think_s: tuple[float, float]
    timeout_s: float
    cookies: bool = False
    tag: str = ""
    members: list[dict[str, object]] = []


def shares(weights: dict[str, float], total: int, least: int = 1) -> dict[str, int]:
    """Split a number into whole shares by weight (largest remainder).

    Args:
        weights: The weight of each name; a name whose weight is not positive gets no share.
        total: What is split.
        least: The smallest share of a name with a positive weight; the shares may add up to more than `total` for this.

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
