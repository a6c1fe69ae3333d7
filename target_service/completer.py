"""The completer finishes payments and orders whose replica died and whose client never came back.

A record may be one that nobody can read: torn, or of another version during a rolling update. Such a record is logged
by its name and stays open. It is looked at again a lease later, behind the others, and stops none of them.
"""

import asyncio
from typing import TypeVar

from target_service import logs
from target_service.leased import Attempt, LeasedRecords
from target_service.problems import InProgress, Unavailable

COMPLETE_AT_ONCE = 16
"""How many records one look completes at the same time."""

A = TypeVar("A", bound=Attempt)


async def complete_abandoned(records: LeasedRecords[A]) -> None:
    """Look once for records whose lease has ended, and complete those found, all at the same time.

    A worker that dies here leaves the records under leases of its own; they are found again when those end.

    Args:
        records: The payments or the orders.

    Raises:
        Unavailable: The store did not answer the look. Trouble with one record is logged, and not raised.
    """
    names = await records.due(COMPLETE_AT_ONCE)
    await asyncio.gather(*(_complete(records, name) for name in names))


async def _complete(records: LeasedRecords[A], name: str) -> None:
    kind = type(records).__name__
    try:
        attempt = await records.resume(name)
        if attempt is not None:
            await records.complete(attempt)
            logs.event("completed", kind=kind, open=name)
    except (InProgress, Unavailable):
        logs.event("not_completed", kind=kind, open=name)
    except Exception as error:
        logs.event("not_completed", kind=kind, open=name, why=repr(error))
