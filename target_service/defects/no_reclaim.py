"""A job that a worker was given and did not finish is never given to another.

Seen in the wild: consumers that read with BLPOP or with XREADGROUP and ">" only, and never look at the pending list;
queues that acknowledge on delivery. As long as no worker dies there is nothing to see.
"""

from target_service.jobs import Entry, Jobs
from target_service.parts import Parts


class UnclaimedJobs(Jobs):
    """Looks at what is new, and at nothing else."""

    async def abandoned(self, most: int) -> list[Entry]:
        """Nobody's business."""
        return []


def apply(parts: Parts) -> None:
    """Exchanges the jobs."""
    parts.jobs = UnclaimedJobs
