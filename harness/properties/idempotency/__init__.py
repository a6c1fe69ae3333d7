"""Idempotency: a keyed request takes effect exactly once, and every repetition of it gets the same answer."""

from __future__ import annotations

from collections.abc import Mapping

from harness.http.operation import Operation
from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.effects import effects_gaps
from harness.properties.idempotency import check
from harness.properties.idempotency.contract import Idempotency, IdempotencyPromises, problems
from harness.properties.idempotency.workload import IdempotencyWorkload
from harness.properties.property import Judged, Kind, Property

_Declared = Declared[Idempotency, IdempotencyPromises]

_ITEMS = Items(
    "key",
    acknowledged="kind = 'pay' AND outcome = 'ok'",
    read="kind = 'pay' AND class IN ('ok', 'mismatch')",
)
_FINAL = FinalReads(
    "key",
    acknowledged="kind = 'pay' AND outcome = 'ok'",
    read="kind = 'pay' AND class IN ('ok', 'mismatch', 'missing', 'in_progress')",
)


def _criteria(declared: _Declared) -> check.Criteria:
    effects, promises = declared.section.effects, declared.promises
    return check.Criteria(
        declared.name,
        effects="listing" if isinstance(effects, Operation) else effects,
        retention_s=promises.idempotency_retention_s,
        definite_answer_s=promises.definite_answer_s,
        deduplicates=promises.ledger_deduplicates,
    )


def _gaps(declared: _Declared) -> Mapping[str, str]:
    gaps = dict(effects_gaps(declared))
    if not declared.promises.keys_per_user:
        gaps["idempotency: one key of two users"] = "not promised: the contract says no keys_per_user"
    return gaps


PROPERTY = Property(
    name=check.NAME,
    sentence="a keyed request takes effect exactly once, and every repetition gets the same answer",
    section=Idempotency,
    promises=IdempotencyPromises,
    workload=IdempotencyWorkload,
    placeholders={
        "pay": frozenset({"token", "username", "key", "amount", "reference"}),
        "effects": frozenset({"token", "username", "key", "reference", "id"}),
    },
    kinds={
        "pay": Kind("idempotency.pay", gives_id=True),
        "effects": Kind("idempotency.effects", in_every_window=False),
    },
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=lambda _: _FINAL,
            gaps=_gaps,
            needs="idempotency.pay",
        ),
    ),
    formerly=("payments",),
    problems=problems,
)
