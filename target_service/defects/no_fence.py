"""A worker writes to its job without proving that it still has it.

Seen in the wild: a lock or lease with a time-out but without a fencing token. A worker that was paused (by a garbage
collection, by moving its virtual machine, by closing a laptop) wakes up after its lease, and goes on over its
successor's work.
"""

from dataclasses import replace

from target_service.jobs import Claim, Jobs
from target_service.ledger import Effect
from target_service.parts import Parts

CHECKPOINT = """
redis.call('HSET', KEYS[1], 'state', 'running', 'step', ARGV[6], 'progress', ARGV[7], 'partial', ARGV[8],
  'attempts', 0, 'lease_until', now_ms() + tonumber(ARGV[5]))
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'JUSTID')
return 1
"""

BEAT = "return 1\n"

FINISH = """
if redis.call('XACK', KEYS[2], ARGV[3], ARGV[2]) == 0 then
  return 0
end
redis.call('XDEL', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'state', 'done', 'progress', '1', 'output', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
"""Asks whether the entry was still to be acknowledged, which looks like a guard. But the checkpoints before it have
set a finished job running again, and now nobody is left to finish it."""


class UnfencedJobs(Jobs):
    """Jobs that are claimed as they should be; after that the worker trusts that nothing has changed."""

    def effect(self, claim: Claim) -> Effect:
        """Return the effect without a fence."""
        return replace(super().effect(claim), fence=None)


def apply(parts: Parts) -> None:
    """Replace the scripts that write, and the effect."""
    parts.lua["job_beat"] = BEAT
    parts.lua["job_checkpoint"] = CHECKPOINT
    parts.lua["job_finish"] = FINISH
    parts.jobs = UnfencedJobs
