"""Orders: of all users who ask for an order at once, one gets it, once, and no order is left in processing."""

from __future__ import annotations

from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.effects import effects_gaps
from harness.properties.order import check
from harness.properties.order.contract import Order, problems
from harness.properties.order.workload import OrderWorkload
from harness.properties.promises import CommonPromises
from harness.properties.property import Judged, Kind, Property

_ITEMS = Items("key", acknowledged="kind = 'place' AND outcome = 'ok'", read="kind = 'inspect' AND class = 'ok'")
_FINAL = FinalReads(
    "key", acknowledged="kind = 'place' AND outcome = 'ok'", read="kind = 'inspect' AND class IN ('ok', 'missing')"
)


def _criteria(declared: Declared[Order, CommonPromises]) -> check.Criteria:
    promises = declared.promises
    return check.Criteria(
        declared.name,
        effects=declared.section.effects,
        retention_s=promises.idempotency_retention_s,
        definite_answer_s=promises.definite_answer_s,
        deduplicates=promises.ledger_deduplicates,
    )


PROPERTY = Property(
    name=check.NAME,
    sentence="of all who ask for an order one gets it, once, and none is left in processing",
    section=Order,
    workload=OrderWorkload,
    placeholders={
        "place": frozenset({"token", "username", "key", "amount", "reference"}),
        "show": frozenset({"token", "username", "reference"}),
    },
    kinds={"place": Kind("order.place", gives_id=True), "inspect": Kind("order.show")},
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=lambda _: _FINAL,
            gaps=effects_gaps,
            needs="order.place",
        ),
    ),
    formerly=("orders",),
    problems=problems,
)
