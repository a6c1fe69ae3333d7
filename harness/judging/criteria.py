"""What the checks judge by: the promises of the contract and the thresholds of the scenario, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Effects = Literal["ledger", "listing", "nowhere"]

PROPERTIES = (
    "session",
    "refresh",
    "idempotency",
    "order",
    "job",
    "cart",
    "preference",
    "rate_limit",
    "unique_ids",
    "access",
    "hostile",
    "graceful",
)
"""What a contract may promise. `steady` and `accounting` are always judged."""


@dataclass(frozen=True)
class Terms:
    """Promises in seconds; None means that nothing of the kind was promised, or no limit is known.

    `properties` are the names of the checks that apply (of `PROPERTIES`); `not_tested` says why, for those that
    do not. `kinds` are the "workload/kind" of the mix that must be seen in every fault window.
    `metric_kinds` are the "workload/kind" that the service's own counters count; None means all of them.
    """

    properties: frozenset[str] = frozenset(PROPERTIES)
    not_tested: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    proves: str = ""
    title: str = ""

    session_ttl_s: float | None = None
    refresh_ttl_s: float | None = None
    refresh_grace_s: float | None = None
    refresh_reuse_revokes: bool = False
    idempotency_retention_s: float | None = None
    cart_ttl_s: float | None = None
    preference_staleness_s: float | None = None
    limit_window_s: float | None = None
    limit_most: int | None = None
    limit_least: int | None = None
    definite_answer_s: float | None = None
    lease_s: float | None = None
    reclaim_s: float | None = None
    backoff_s: float | None = None
    leeway_s: float = 1.0
    ledger_deduplicates: bool = True
    ledger_fences: bool = True
    keys_per_user: bool = False
    payment_effects: Effects = "ledger"
    order_effects: Effects = "ledger"
    job_effects: Effects = "ledger"

    expects_faults: bool = True
    items_per_property: int = 30
    faults_covered: float = 0.8
    ops_per_window: int = 1
    faults_landed: float = 1.0

    slos: dict[str, float] = field(default_factory=dict)
    lag_bound_ms: float = 250.0
    metrics: bool = False
    metric_kinds: tuple[str, ...] | None = None
