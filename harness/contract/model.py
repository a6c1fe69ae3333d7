"""A service as the harness knows it: how to start it, its operations, its promises.

The definitive example is `target_service/contract.yaml`; `harness validate` reports every problem of a file.
A property that a contract leaves out is not tested, and the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.contract.start import Start
from harness.http.operation import Operation
from harness.properties.access.contract import Access
from harness.properties.cart.contract import Cart
from harness.properties.limit.contract import Limit
from harness.properties.order.contract import Order
from harness.properties.preference.contract import Preference
from harness.yamlfile import Strict


class Identity(Strict):
    """Headers by which an answer says who gave it."""

    replica: str | None = None
    boot: str | None = None


class Users(Strict):
    """Where users come from: a CSV file of `username,password` lines, or a sign-up request."""

    count: int = Field(default=24, ge=1, le=100_000)
    file: str | None = None
    signup: Operation | None = None

    @model_validator(mode="after")
    def _one(self) -> Users:
        if (self.file is None) == (self.signup is None):
            raise ValueError("give either `file` (a CSV of username,password) or `signup` (an operation)")
        return self


class Session(Strict):
    """Operations on sessions. Only `login` and `read` are needed."""

    login: Operation
    read: Operation
    refresh: Operation | None = None
    logout: Operation | None = None


class Idempotency(Strict):
    """The keyed operation, and where its effects can be seen: the ledger, a counting endpoint, or nowhere."""

    pay: Operation
    effects: Literal["ledger", "nowhere"] | Operation = "nowhere"


class Example(Strict):
    """One job: its input, and its output where that is promised."""

    input: Any
    output: Any = None


class States(Strict):
    """The service's own names of the states of a job."""

    pending: list[str] = []
    running: list[str] = []
    done: list[str] = Field(min_length=1)
    failed: list[str] = []
    cancelled: list[str] = []


class Job(Strict):
    """Submit and status of background jobs. `cancel`: `ok` if it has no effect ever, `refused` if it is too late."""

    submit: Operation
    status: Operation
    cancel: Operation | None = None
    states: States
    examples: dict[str, Example] = Field(min_length=1)
    effects: Literal["ledger", "nowhere"] = "nowhere"


class Hostile(Strict):
    """How tokens are signed, so that wrong ones can be made. Without it only bits are flipped."""

    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    key: str


SECRET_PLACES = frozenset({("hostile", "key")})
"""Sections and keys of a contract whose value is a secret although the key does not sound like one."""


class Metrics(Strict):
    """The service's own count of the requests it answered."""

    path: str = "/metrics"
    counter: str
    label: str = "route"
    routes: list[str] = Field(min_length=1)


class Promises(Strict):
    """What clients were promised, in seconds. What is left out was not promised, and nothing is judged by it.

    Those with a default bound how long the harness waits before it calls something unfinished.
    """

    session_ttl_s: float | None = Field(default=None, gt=0)
    refresh_ttl_s: float | None = Field(default=None, gt=0)
    refresh_grace_s: float | None = Field(default=None, ge=0)
    refresh_reuse_revokes: bool = False
    idempotency_retention_s: float | None = Field(default=None, gt=0)
    cart_ttl_s: float | None = Field(default=None, gt=0)
    preference_staleness_s: float | None = Field(default=None, ge=0)
    limit_window_s: float | None = Field(default=None, gt=0)
    limit_most: int | None = Field(default=None, ge=1)
    limit_least: int | None = Field(default=None, ge=1)
    definite_answer_s: float = Field(default=5, gt=0)
    lease_s: float = Field(default=5, gt=0)
    reclaim_s: float = Field(default=2, ge=0)
    backoff_s: float = Field(default=2, ge=0)
    ledger_deduplicates: bool = True
    ledger_fences: bool = True
    keys_per_user: bool = False

    @property
    def quiet_deadline_s(self) -> float:
        """How long acknowledged jobs may take to end once the faults are healed."""
        return 3 * (self.lease_s + self.reclaim_s + self.backoff_s)


class Defects(Strict):
    """A catalogue of bugs seeded in the service on purpose, and the variable that switches one on."""

    catalogue: str
    variable: str = "TARGET_DEFECTS"


class Contract(Strict):
    """The whole file."""

    contract: Literal[1]
    service: str = Field(min_length=1)
    start: Start
    identity: Identity = Identity()
    users: Users
    session: Session | None = None
    idempotency: Idempotency | None = None
    order: Order | None = None
    job: Job | None = None
    cart: Cart | None = None
    preference: Preference | None = None
    limit: Limit | None = None
    access: Access | None = None
    hostile: Hostile | None = None
    metrics: Metrics | None = None
    promises: Promises = Promises()
    defects: Defects | None = None

    def promising(self, otherwise: Mapping[str, Any]) -> Contract:
        """The same contract with some promises made otherwise; raises ValueError for what cannot be promised."""
        promises = Promises.model_validate({**self.promises.model_dump(), **otherwise})
        return self.model_copy(update={"promises": promises})

    def operations(self) -> dict[str, Operation]:
        """Every operation by its dotted place in the file."""
        found: dict[str, Operation] = {}
        for part in type(self).model_fields:
            section = getattr(self, part)
            for name in type(section).model_fields if isinstance(section, Strict) else ():
                value = getattr(section, name)
                if isinstance(value, Operation):
                    found[f"{part}.{name}"] = value
        return found
