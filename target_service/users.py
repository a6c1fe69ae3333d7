"""Users as others see them: one's own account, or any account for an admin; and the role of an account.

Keys    none of its own. The key user:<id> belongs to the accounts (accounts.py); the role in it is written here.
Trips   show 1, change of role 1. A request that the token's role does not permit is refused without asking the store.
Crash   A role, and the end of the sessions that say the old role, are written by one script: both or neither. A client
        that lost the reply sends the same role again, which changes nothing and ends no session.
"""

from dataclasses import dataclass

from target_service.accounts import user_key
from target_service.problems import Forbidden, NotFound
from target_service.sessions import Sessions
from target_service.state import State
from target_service.tokens import Claims

STATE = State(
    name="Users",
    keys=(),
    scripts=("user_show", "user_role"),
    trips={"GET /api/users/{id}": 1, "PUT /api/users/{id}/role": 1},
    crash="""A role and the end of the sessions that say the old one are one script. Sent again, the same role changes
    nothing and ends nothing.""",
)


@dataclass(frozen=True)
class User:
    """An account as it is shown. `created_ms` is Unix time in milliseconds."""

    id: str
    username: str
    role: str
    created_ms: int


class Users:
    """Accounts, on behalf of the user who asks."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def may_see(self, claims: Claims, id: str) -> bool:
        """Return whether the user may see this account: the user's own, or any account with the permission `users`."""
        return id == claims.user or claims.permits("users")

    async def show(self, claims: Claims, id: str) -> User:
        """Return an account.

        Raises:
            Forbidden: The account is another's, or does not exist: without the permission the two look the same.
            NotFound: There is no such account, and the user may see all of them.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        if not self.may_see(claims, id):
            raise Forbidden()
        username, created_ms, role = await self._sessions.run(claims, "user_show", [user_key(id)])
        if username is None:
            raise NotFound()
        return User(id, username.decode(), role.decode(), int(created_ms))

    async def set_role(self, claims: Claims, id: str, role: str) -> None:
        """Give an account a role, and end its sessions if the role is a new one.

        Both are one script. A replica that dies after it leaves a change whose reply was lost; the same role sent again
        changes nothing.

        Raises:
            Forbidden: The user may not change roles.
            NotFound: There is no such account.
            NotAuthenticated: The session is not live.
            Unavailable: The store did not answer.
        """
        claims.require("users")
        if not await self._sessions.run(claims, "user_role", [user_key(id)], [role]):
            raise NotFound()
