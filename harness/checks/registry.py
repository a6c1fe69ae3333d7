"""Which checks there are. To add one: write the file, add it here, and test every rule in both directions."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from harness.checks import (
    access,
    accounting,
    cart,
    graceful,
    hostile,
    idempotency,
    job,
    order,
    preference,
    rate_limit,
    refresh,
    session,
    steady,
    unique_ids,
)
from harness.checks.terms import Terms
from harness.checks.verdict import Result

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
