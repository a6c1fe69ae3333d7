"""The properties that a contract may promise, one room each. `harness.properties.property` says what a room holds.

To add a property, write its room and add a line here. `docs/extending/property.md` has a complete example.
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
    """Return each former name of a property, with the name that the property has today."""
    return {former: name for name, each in PROPERTIES.items() for former in each.formerly}


__all__ = ["PROPERTIES", "Property", "renamed"]
