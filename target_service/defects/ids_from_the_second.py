"""Ids of payments, orders and jobs are the second in which they were made.

Seen in the wild: invoice and order numbers from a time stamp, unique for as long as there was one order a minute.
"""

import time

from target_service.parts import Parts


def apply(parts: Parts) -> None:
    """Replace the source of new ids."""
    parts.new_id = lambda kind: str(int(time.time()))
