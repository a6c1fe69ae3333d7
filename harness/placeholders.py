"""The `{placeholders}` in the texts of a contract, and the secrets of a run that `{secret:NAME}` stands for."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z_]+(?::[a-z0-9_-]+)?)\}(?!\})", re.IGNORECASE)


def placeholders(value: Any) -> set[str]:
    """Return the names of all `{placeholders}` in a text, or in every text of a nested value.

    For example `{"user", "secret:jwt"}` for the value `{"name": "{user}", "keys": ["{secret:jwt}"]}`.
    """
    if isinstance(value, str):
        return set(PLACEHOLDER.findall(value))
    if isinstance(value, dict):
        return {name for inner in (*value, *value.values()) for name in placeholders(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in placeholders(inner)}
    return set()


def secret(master: bytes, name: str) -> str:
    """Return one secret of a run: 64 hexadecimal digits, the same for every replica of the run, and never written down.

    Args:
        master: The run's own secret, from which all others are derived.
        name: The name that the contract gives to the secret.
    """
    return hmac.new(master, f"secret:{name}".encode(), hashlib.sha256).hexdigest()


def fill(text: str, values: Mapping[str, str], master: bytes) -> str:
    """Return a text with its placeholders replaced.

    Args:
        text: The text; a placeholder without a value stays as it stands.
        values: A value for each placeholder.
        master: The run's own secret, from which the values of `{secret:NAME}` are derived.
    """

    def value(match: object) -> str:
        name = match.group(1)  # type: ignore[attr-defined]
        if name.startswith("secret:"):
            return secret(master, name.removeprefix("secret:"))
        return values.get(name, match.group(0))  # type: ignore[attr-defined]

    return PLACEHOLDER.sub(value, text)


def own_secrets(value: Any, master: bytes) -> set[str]:
    """Return the run's secrets that the texts of a nested value name as `{secret:NAME}`."""
    names = (name for name in placeholders(value) if name.startswith("secret:"))
    return {secret(master, name.removeprefix("secret:")) for name in names}
