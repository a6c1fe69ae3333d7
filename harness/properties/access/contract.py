"""The `access` of a contract: users and what they may see, API keys, the end of all sessions, roles."""

from __future__ import annotations

from pydantic import Field, model_validator

from harness.http.operation import Operation
from harness.yamlfile import Strict


class Admin(Strict):
    """A user who is permitted what other users are not. `password` may be a secret of the run, `"{secret:NAME}"`.

    Attributes:
        username: Name of the admin.
        password: Password of the admin; it may be a secret of the run, `"{secret:NAME}"`.
    """

    username: str = Field(min_length=1)
    password: str = Field(min_length=1)


class Access(Strict):
    """Operations on users and API keys; only `whoami` and `user` are needed.

    `whoami` extracts the `id` of the session's user. `user` shows the account of the user with an id. That user and a
    permitted role see the account; everybody else gets `refused` or `missing`. `key_create` extracts the `id` and the
    secret `key` of a new API key (the `{key}` that it sends is an idempotency key). `key_use` is any request made with
    an API key. `logout_all` ends every open session of the user. `grant` gives the user with an id a `{role}`, which is
    the role named by `permitted` or the role named by `plain`. A user has the plain role from the sign-up on. A user
    with the plain role who asks `grant` for the permitted role gets `refused` or `missing`; when the `answers` of
    `grant` name neither, no user asks.

    Attributes:
        whoami: Extracts the `id` of the session's user.
        user: Shows the user with an id to that user and to a permitted role; `refused` or `missing` to others.
        key_create: Makes an API key and extracts its `id` and the secret `key`.
        key_use: Any request made with an API key; `absent` says that the key is not taken.
        key_revoke: Revokes an API key.
        logout_all: Ends every session of the user.
        admin: The user who grants roles.
        grant: Gives the user with an id a role.
        permitted: The role that may see every user.
        plain: The role that a user has from the sign-up on.
    """

    whoami: Operation
    user: Operation
    key_create: Operation | None = None
    key_use: Operation | None = None
    key_revoke: Operation | None = None
    logout_all: Operation | None = None
    admin: Admin | None = None
    grant: Operation | None = None
    permitted: str = "admin"
    plain: str = "user"

    @model_validator(mode="after")
    def _said(self) -> Access:
        if "id" not in self.whoami.extract:
            raise ValueError("`extract` of `whoami` must say where the `id` of the user is")
        if not (self.user.answers.get("refused") or self.user.answers.get("missing")):
            raise ValueError("`answers` of `user` must name `refused` (or `missing`), what a stranger gets")
        keys = (self.key_create, self.key_use, self.key_revoke)
        if any(keys) and not all(keys):
            raise ValueError("`key_create`, `key_use` and `key_revoke` go together: name all three or none")
        if self.key_create and {"id", "key"} - set(self.key_create.extract):
            raise ValueError("`extract` of `key_create` must say where the `id` and the `key` are")
        if self.key_use and not self.key_use.answers.get("absent"):
            raise ValueError("`answers` of `key_use` must name `absent`, what a revoked key looks like")
        if bool(self.grant) != bool(self.admin):
            raise ValueError("`grant` needs an `admin` who does it, and an `admin` is here for nothing else")
        return self
