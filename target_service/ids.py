"""Names of new things, and names that stand for what clients send.

New ids are random, so that replicas that know nothing of each other never give one id twice. Names of the second kind
are hashes, so that every replica computes the same one.
"""

import hashlib
import secrets
from typing import Protocol


class NewId(Protocol):
    """Makes new ids."""

    def __call__(self, kind: str) -> str:
        """Return a new id for a thing of this kind ("payment", "order", "job")."""
        ...


def random_id(kind: str) -> str:
    """Return 128 random bits in hex; two of 10^15 ids are equal with a probability of 10^-9."""
    return secrets.token_hex(16)


def name_of_key(user: str, key: str) -> str:
    """Return the name that stands for an idempotency key of a user, 40 hex digits.

    The user is part of the name, so the same key of two users gives two names. The length of the user's id stands
    before it, so no other pair of user and key reads the same.
    """
    return hashlib.sha256(f"{len(user)}:{user}:{key}".encode()).hexdigest()[:40]
