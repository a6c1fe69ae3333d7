"""An order whose owner was lost stays in processing: its lease ends, and nobody takes it over.

Seen in the wild: a status column set to "processing" before the work and to "processed" after it, and a retry that sees
"processing" and answers that somebody is at it. Such rows are found months later, by their customers.
"""

from target_service.parts import Parts

CHANGES = {
    "order_claim": ("tonumber(lease_until) > now then", "tonumber(lease_until) > 0 then"),
    "order_release": ("'lease_until', now)", "'lease_until', 0)"),
}
"""A lease that was given back is free; one that has ended is as good as any. The completer finds nothing due."""


def apply(parts: Parts) -> None:
    """Exchanges what the scripts say about leases."""
    for script, (right, wrong) in CHANGES.items():
        assert right in parts.lua[script]
        parts.lua[script] = parts.lua[script].replace(right, wrong)
    parts.lua["order_due"] = "return {}"
