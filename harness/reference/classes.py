"""What the classes of answers mean, for the page on operations."""

from __future__ import annotations

CLASSES: dict[str, tuple[str, str]] = {
    "ok": ("ok", "It was done, and all fields of `extract` are in the body."),
    "absent": ("fail", "The session, or the API key, is not there."),
    "refused": ("fail", "It was understood and is not allowed, as a wrong password or an order that another has."),
    "in_progress": ("fail", "An earlier attempt with this key goes on: ask again."),
    "mismatch": ("fail", "The key was used with another body, or the version is not the present one."),
    "missing": ("fail", "There is no such thing."),
    "limited": ("fail", "Too many requests."),
    "no_effect": ("fail", "Provably nothing happened."),
    "error": ("info", "Any 5xx or 408 that no matcher proves, a time-out, a broken connection: nobody knows."),
    "unexpected": ("info", "Any other status that the contract does not name, or an `ok` without its fields."),
}
"""Class of an answer to the outcome of its operation, and what the class means. The last two are not for contracts."""
