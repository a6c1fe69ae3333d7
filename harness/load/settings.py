"""What the parent tells a load agent at its start, as one JSON line on standard input."""

from __future__ import annotations

from pydantic import BaseModel

from harness.contract.model import Contract


class AgentSettings(BaseModel):
    """One agent's share of the load. `master` (hex) is the run's secret: it is in memory only, never in a file.

    `cookies`: clients send the cookies of the balancer back to it, as a browser does.
    `tag`: stands in all names that clients give, so that a target that has been there before this run knows none.
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
    """`total` split by weight into whole numbers (largest remainder); every positive weight gets at least `least`."""
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
