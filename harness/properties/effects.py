"""What a check leaves out when effects cannot be counted, or when the provider of the effects does not deduplicate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.properties.declared import Declared


def effects_gaps(declared: Declared[Any, Any]) -> Mapping[str, str]:
    """Return what a check leaves out of the effects of a property.

    Args:
        declared: what the contract declares; the property's section has the key `effects`.

    Returns:
        The reason for each thing left out, by a short name; {} when nothing is left out.
    """
    if declared.section.effects == "nowhere":
        return {f"{declared.name}: effects": "not testable: the contract names no place where effects can be seen"}
    if not declared.promises.ledger_deduplicates:
        return {f"{declared.name}: exactly once": "not promised: the provider does not deduplicate"}
    return {}
