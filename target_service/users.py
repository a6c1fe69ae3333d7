"""Users as others see them: one's own account, or any for an admin; and the role that an account has.

Keys    none of its own: user:<id> is the accounts' (accounts.py). The role of it is written here.
Trips   show 1, change of role 1; a request that the token's role does not permit is refused without any.
Crash   a role and the end of the sessions that say the old one are one script: both or neither. A client that lost the
        reply sends the same role again, which changes nothing and ends nothing.
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
    """An account as it is shown. `created_ms`: Unix time in milliseconds."""

    id: str
    username: str
    role: str
    created_ms: int


class Users:
    """Accounts, on behalf of whoever asks."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def may_see(self, claims: Claims, id: str) -> bool:
        """Oneself, or anybody for who is permitted `users`."""
        return id == claims.user or claims.permits("users")

    async def show(self, claims: Claims, id: str) -> User:
        """The account; raises Forbidden for another's just as for none, NotFound only to who may see all."""
        if not self.may_see(claims, id):
            raise Forbidden()
        username, created_ms, role = await self._sessions.run(claims, "user_show", [user_key(id)])
        if username is None:
            raise NotFound()
        return User(id, username.decode(), role.decode(), int(created_ms))

    async def set_role(self, claims: Claims, id: str, role: str) -> None:
        """Gives the account a role and ends its sessions; raises Forbidden and NotFound."""
        claims.require("users")
        if not await self._sessions.run(claims, "user_role", [user_key(id)], [role]):
            raise NotFound()
