"""Names of new things. Random, so that replicas that know nothing of each other never give one twice."""

import secrets
from typing import Protocol


class NewId(Protocol):
    """Gives a new id for a kind of thing ("payment", "job")."""

    def __call__(self, kind: str) -> str: ...


def random_id(kind: str) -> str:
    """128 random bits; two of 10^15 ids are equal with a probability of 10^-9."""
    return secrets.token_hex(16)
