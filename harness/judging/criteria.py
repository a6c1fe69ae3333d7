"""What the general checks, the evidence and the service-level objectives judge by, as plain data.

What a property's own check judges by stands beside that check, in the property's room.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Criteria:
    """Thresholds of the scenario, and what the contract says of the service as a whole.

    Attributes:
        title: the scenario's title.
        proves: the scenario's sentence on what it proves.
        kinds: the `property/kind` of each op that every fault window must hold.
        expects_faults: whether the scenario declares faults.
        items_per_property: how many items of each property must have been acknowledged before a fault and read after
            the fault through another replica.
        faults_covered: share of the landed faults, from 0 to 1, for which each property must have such an item.
        ops_per_window: how many ops of each kind every fault window must hold.
        faults_landed: share of the scheduled faults, from 0 to 1, that must have landed while the load ran.
        slos: threshold by name of service-level objective.
        lag_bound_ms: lag of a load agent above which latencies are not measured, in milliseconds.
        metrics: whether the contract names the service's own count of requests.
        metric_kinds: the `property/kind` of the ops that this count counts; None means all of them.
    """

    title: str = ""
    proves: str = ""
    kinds: tuple[str, ...] = ()
    expects_faults: bool = True
    items_per_property: int = 30
    faults_covered: float = 0.8
    ops_per_window: int = 1
    faults_landed: float = 1.0
    slos: dict[str, float] = field(default_factory=dict)
    lag_bound_ms: float = 250.0
    metrics: bool = False
    metric_kinds: tuple[str, ...] | None = None
