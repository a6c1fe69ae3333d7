"""Which checks there are. To add one: write the file, add it here, and test every rule in both directions."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from harness.judging import accounting, graceful, steady, unique_ids
from harness.judging.criteria import Terms
from harness.judging.verdict import Result
from harness.properties.access import check as access
from harness.properties.cart import check as cart
from harness.properties.hostile import check as hostile
from harness.properties.idempotency import check as idempotency
from harness.properties.job import check as job
from harness.properties.limit import check as rate_limit
from harness.properties.order import check as order
from harness.properties.preference import check as preference
from harness.properties.session import check as session
from harness.properties.session import refresh

Check = Callable[[duckdb.DuckDBPyConnection, Terms], Result | None]

CHECKS: dict[str, Check] = {
    steady.NAME: steady.check,
    session.NAME: session.check,
    refresh.NAME: refresh.check,
    idempotency.NAME: idempotency.check,
    order.NAME: order.check,
    job.NAME: job.check,
    cart.NAME: cart.check,
    preference.NAME: preference.check,
    rate_limit.NAME: rate_limit.check,
    unique_ids.NAME: unique_ids.check,
    access.NAME: access.check,
    hostile.NAME: hostile.check,
    graceful.NAME: graceful.check,
    accounting.NAME: accounting.check,
}

PROVES: dict[str, str] = {
    module.NAME: module.PROPERTY
    for module in (
        steady,
        session,
        refresh,
        idempotency,
        order,
        job,
        cart,
        preference,
        rate_limit,
        unique_ids,
        access,
        hostile,
        graceful,
        accounting,
    )
}
"""What each check proves, in a sentence."""
