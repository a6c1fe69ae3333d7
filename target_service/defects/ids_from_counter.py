"""Ids of payments, orders and jobs are counted in the process, from 1.

Seen in the wild: a static counter or an in-memory sequence that was unique while there was one process. It begins again
at every start and in every replica.
"""

from collections import defaultdict
from itertools import count

from target_service.parts import Parts


def apply(parts: Parts) -> None:
    """Replace the source of new ids."""
    counters: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
    parts.new_id = lambda kind: str(next(counters[kind]))
