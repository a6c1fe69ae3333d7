"""The properties that a contract may promise, one room each. What a room holds: `harness.properties.property`.

To add one: its room, and a line here. `docs/extending/property.md` has a complete example.
"""

from __future__ import annotations

from harness.properties import access, cart, hostile, idempotency, job, limit, order, preference, session
from harness.properties.property import Property

PROPERTIES: dict[str, Property] = {
    "session": session.PROPERTY,
    "idempotency": idempotency.PROPERTY,
    "order": order.PROPERTY,
    "job": job.PROPERTY,
    "cart": cart.PROPERTY,
    "preference": preference.PROPERTY,
    "limit": limit.PROPERTY,
    "access": access.PROPERTY,
    "hostile": hostile.PROPERTY,
}


def renamed() -> dict[str, str]:
    """Return the names that properties had before, each with the property's name today."""
    return {former: name for name, each in PROPERTIES.items() for former in each.formerly}


__all__ = ["PROPERTIES", "Property", "renamed"]
