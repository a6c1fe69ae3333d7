"""Rate limits: a limit holds over all replicas, and refuses nobody who has a turn."""

from __future__ import annotations

from harness.judging.check import Check, Items
from harness.properties.declared import Declared
from harness.properties.limit import check
from harness.properties.limit.contract import Limit, LimitPromises, problems
from harness.properties.limit.workload import LimitWorkload
from harness.properties.property import Judged, Kind, Property

_ITEMS = Items(
    "key", acknowledged="kind = 'hit' AND outcome = 'ok'", read="kind = 'hit' AND class IN ('ok', 'limited')"
)


def _criteria(declared: Declared[Limit, LimitPromises]) -> check.Criteria:
    promises = declared.promises
    return check.Criteria(declared.name, promises.limit_window_s, promises.limit_most, promises.limit_least)


PROPERTY = Property(
    name=check.NAME,
    sentence="a rate limit holds over all replicas, and refuses nobody who has a turn",
    section=Limit,
    promises=LimitPromises,
    workload=LimitWorkload,
    placeholders={"hit": frozenset({"token", "username"})},
    kinds={"hit": Kind("limit.hit")},
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check, formerly=("rate_limit",)),
            _criteria,
            items=lambda _: _ITEMS,
            needs="limit.hit",
        ),
    ),
    formerly=("limits",),
    problems=problems,
)
