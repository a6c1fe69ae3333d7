"""The promises that no single property owns. A property's own promises stand in its room and build on these."""

from __future__ import annotations

from pydantic import Field

from harness.yamlfile import Strict


class CommonPromises(Strict):
    """What clients were promised. A number that is left out judges nothing; a lifetime that is left out means for ever.

    The promises in seconds that have a default bound how long the harness waits before it calls work unfinished.

    Attributes:
        definite_answer_s: A keyed request that is repeated gets a definite answer within this time.
        lease_s: A worker that stops holds its job for at most this long.
        reclaim_s: A job whose lease is over is taken up within this time.
        backoff_s: A job is tried again after at most this long.
        idempotency_retention_s: A key is remembered this long after its first attempt.
        ledger_deduplicates: The provider repeats its answer to a key that it knows.
        ledger_fences: The provider refuses a fence that is lower than one it has seen.
    """

    definite_answer_s: float = Field(default=5, gt=0)
    lease_s: float = Field(default=5, gt=0)
    reclaim_s: float = Field(default=2, ge=0)
    backoff_s: float = Field(default=2, ge=0)
    idempotency_retention_s: float | None = Field(default=None, gt=0)
    ledger_deduplicates: bool = True
    ledger_fences: bool = True

    @property
    def quiet_deadline_s(self) -> float:
        """How long acknowledged work may take to end once the faults are healed, in seconds."""
        return 3 * (self.lease_s + self.reclaim_s + self.backoff_s)
