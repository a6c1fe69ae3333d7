"""What has been done of a job is known to its worker alone; the store is told only how much progress to show.

Seen in the wild: tasks that report a percentage (`update_state`, a progress bar in a cache) and keep their results so
far in local variables. When the worker dies the next one starts from nothing, and the bar that stood at 80 % shows
10 %.
"""

from target_service.parts import Parts

CHECKPOINT = """
local now = now_ms()
if not owns(KEYS[1], 'running', ARGV[1], now) then
  return 0
end
redis.call('HSET', KEYS[1], 'progress', ARGV[7], 'attempts', 0, 'lease_until', now + tonumber(ARGV[5]))
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'JUSTID')
return 1
"""
"""The clean script without `step` and `partial`."""


def apply(parts: Parts) -> None:
    """Replace the script of the checkpoint."""
    parts.lua["job_checkpoint"] = CHECKPOINT
