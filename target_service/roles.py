"""Roles, and what each is permitted. A token says both, so that a 403 costs no question to the store.

    user     a person: their own data, and their own sessions and API keys
    admin    a person who also sees and changes the accounts of others
    machine  whoever holds an API key: the owner's data, and nothing that would let the key give itself more

A role belongs to an account, never to a request: it is read from no body and no header. Changing a role ends the user's
sessions (users.py), because their tokens say the old role.
"""

from typing import Literal

Permission = Literal["self", "sessions", "users"]

ROLES: dict[str, frozenset[Permission]] = {
    "user": frozenset({"self", "sessions"}),
    "admin": frozenset({"self", "sessions", "users"}),
    "machine": frozenset({"self"}),
}
"""What each role is permitted. `self`: the user's own data. `sessions`: logging out, and API keys. `users`: the
accounts of other users."""
