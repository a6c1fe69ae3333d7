"""A key is recognised, and what was asked for under it is not compared.

Seen in the wild: idempotency middleware that stores the response by key alone. A client that reuses a key by mistake (a
form sent twice with another amount, a counter that began again) is told that its second request succeeded.
"""

from target_service.parts import Parts

COMPARED = "fingerprint ~= ARGV[2]"


def apply(parts: Parts) -> None:
    """Take the comparison out of the claim."""
    assert COMPARED in parts.lua["payment_claim"]
    parts.lua["payment_claim"] = parts.lua["payment_claim"].replace(COMPARED, "false")
