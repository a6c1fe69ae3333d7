"""What a check leaves out where effects cannot be counted, or where the provider does not do its part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.properties.declared import Declared


def effects_gaps(declared: Declared[Any, Any]) -> Mapping[str, str]:
    """Return what is not judged of the effects of a property whose section has `effects`, and why."""
    if declared.section.effects == "nowhere":
        return {f"{declared.name}: effects": "not testable: the contract names no place where effects can be seen"}
    if not declared.promises.ledger_deduplicates:
        return {f"{declared.name}: exactly once": "not promised: the provider does not deduplicate"}
    return {}
