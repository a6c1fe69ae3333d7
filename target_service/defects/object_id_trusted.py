"""Whoever is logged in sees any account whose id is in the path.

Seen in the wild: broken object level authorization, first of the OWASP API Security Top 10: the handler checks that
there is a user, and not that it is this one.
"""

from target_service.parts import Parts
from target_service.tokens import Claims
from target_service.users import Users


class TrustingUsers(Users):
    """Takes a log-in for a permission."""

    def may_see(self, claims: Claims, id: str) -> bool:
        """Everybody."""
        return True


def apply(parts: Parts) -> None:
    """Exchanges the users."""
    parts.users = TrustingUsers
