"""The `idempotency` of a contract: a keyed operation, and where its effects can be seen."""

from __future__ import annotations

from typing import Literal

from harness.http.operation import Operation
from harness.placeholders import placeholders
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class Idempotency(Strict):
    """The keyed operation, and where its effects can be seen: the ledger, a counting endpoint, or nowhere.

    Attributes:
        pay: The keyed request.
        effects: Where effects are counted: the ledger, nowhere, or a request that extracts a `count`.
    """

    pay: Operation
    effects: Literal["ledger", "nowhere"] | Operation = "nowhere"


class IdempotencyPromises(CommonPromises):
    """What is promised about keys. `keys_per_user`: two users may send the same key, and each gets an effect.

    Attributes:
        keys_per_user: One key sent by two users is two keys.
    """

    keys_per_user: bool = False


def problems(section: Idempotency, promises: IdempotencyPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves.

    Args:
        section: the section.
        promises: the contract's promises; None when they are unusable.

    Returns:
        Each problem as its place within the section, and a text that says what is wrong.
    """
    found: list[tuple[Location, str]] = []
    if "key" not in placeholders([section.pay.path, section.pay.headers, section.pay.body]):
        found.append((("pay",), "the `{key}` stands nowhere in the request"))
    if isinstance(section.effects, Operation) and "count" not in section.effects.extract:
        found.append((("effects",), "`extract` must say where the `count` is"))
    return found
