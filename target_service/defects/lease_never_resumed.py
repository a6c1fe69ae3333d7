"""An order whose owner was lost stays in processing: its lease ends, and nobody takes it over.

Seen in the wild: a status column set to "processing" before the work and to "processed" after it, and a retry that sees
"processing" and answers that somebody is working on it. Such rows are found months later, by the customers.
"""

from target_service.parts import Parts

ENDED = "tonumber(lease_until) > now then"
GIVEN_BACK = "tonumber(lease_until) > 0 then"
"""What a claim asks instead: not whether the lease has ended, but whether its owner gave it back."""

RELEASE = """
local released = release(KEYS[1], KEYS[2], ARGV[1], 'processing', ARGV[2], ARGV[3])
if released == 1 then
  redis.call('HSET', KEYS[1], 'lease_until', 0)
end
return released
"""
"""The clean script, but for the mark of a lease that was given back."""

NOTHING_DUE = "return {}\n"


def apply(parts: Parts) -> None:
    """Replace what the scripts say about leases."""
    assert ENDED in parts.lua["order_claim"]
    parts.lua["order_claim"] = parts.lua["order_claim"].replace(ENDED, GIVEN_BACK)
    parts.lua["order_release"] = RELEASE
    parts.lua["order_due"] = NOTHING_DUE
