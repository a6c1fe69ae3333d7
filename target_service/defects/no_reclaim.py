"""A job that a worker was given and did not finish is never given to another.

Seen in the wild: consumers that read with BLPOP, or with XREADGROUP and ">" only, and never look at the pending list;
queues that acknowledge on delivery. As long as no worker dies there is nothing to see.
"""

from target_service.jobs import Entry, Jobs
from target_service.parts import Parts


class UnclaimedJobs(Jobs):
    """Jobs whose workers look for new entries only."""

    async def abandoned(self, most: int) -> list[Entry]:
        """Find nothing."""
        return []


def apply(parts: Parts) -> None:
    """Replace the jobs."""
    parts.jobs = UnclaimedJobs
