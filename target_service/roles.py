"""Roles, and what each is permitted. A token says both, so that a 403 costs no question to the store.

    user     a person: the own data, and the own sessions and API keys
    admin    a person who also sees and changes the accounts of others
    machine  whoever holds an API key: the own data, and nothing that would give the key more than it was given for

A role is the account's, never the request's: no body or header is asked for it. Changing it ends the user's sessions
(users.py), since tokens that are out say the old one.
"""

from typing import Literal

Permission = Literal["self", "sessions", "users"]

ROLES: dict[str, frozenset[Permission]] = {
    "user": frozenset({"self", "sessions"}),
    "admin": frozenset({"self", "sessions", "users"}),
    "machine": frozenset({"self"}),
}
"""`self`: what a user has. `sessions`: logging out, API keys. `users`: other users' accounts."""

PEOPLE = ("user", "admin")
"""The roles that an account can have."""
