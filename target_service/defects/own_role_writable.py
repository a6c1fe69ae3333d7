"""Whoever may see an account may write its role, and so every user their own.

Seen in the wild: broken object property level authorization (mass assignment), third of the OWASP API Security Top 10.
The handler that changes an account asks whose it is, and takes every field of the body, the role among them.
"""

from target_service.accounts import user_key
from target_service.parts import Parts
from target_service.problems import Forbidden, NotFound
from target_service.tokens import Claims
from target_service.users import Users


class OwnRoleUsers(Users):
    """Users who may write the role of every account that they may see."""

    async def set_role(self, claims: Claims, id: str, role: str) -> None:
        """Give the account a role, if the user may see the account."""
        if not self.may_see(claims, id):
            raise Forbidden()
        if not await self._sessions.run(claims, "user_role", [user_key(id)], [role]):
            raise NotFound()


def apply(parts: Parts) -> None:
    """Replace the users."""
    parts.users = OwnRoleUsers
