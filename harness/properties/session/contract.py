"""The `session` of a contract: how clients log in, and what is promised of their sessions."""

from __future__ import annotations

from pydantic import Field

from harness.http.operation import Operation
from harness.placeholders import placeholders
from harness.properties.promises import CommonPromises
from harness.yamlfile import Location, Strict


class Session(Strict):
    """Operations on sessions. Only `login` and `read` are needed.

    Attributes:
        login: Gives a `token` (and a `refresh` token where there is a `refresh` operation).
        read: Any request that a session authenticates; `absent` says that the session is not there.
        refresh: Takes the newest refresh token and gives the next `token` and `refresh`.
        logout: Ends the session.
    """

    login: Operation
    read: Operation
    refresh: Operation | None = None
    logout: Operation | None = None


class SessionPromises(CommonPromises):
    """How long sessions and refresh tokens live, in seconds, and what happens when a refresh token is presented twice.

    `refresh_grace_s` is how long the immediate predecessor of the newest refresh token still gets the newest one.
    `refresh_reuse_revokes` says that a refresh token presented after its grace ends the session.

    Attributes:
        session_ttl_s: A session that is not refreshed lives this long.
        refresh_ttl_s: A refresh token lives this long.
        refresh_grace_s: For this long a refresh token that was used gives the same successor again.
        refresh_reuse_revokes: A refresh token presented after its grace ends the whole session.
    """

    session_ttl_s: float | None = Field(default=None, gt=0)
    refresh_ttl_s: float | None = Field(default=None, gt=0)
    refresh_grace_s: float | None = Field(default=None, ge=0)
    refresh_reuse_revokes: bool = False


def problems(session: Session, promises: SessionPromises | None) -> list[tuple[Location, str]]:
    """Return what is wrong with a section whose operations are right by themselves.

    Args:
        session: the section.
        promises: the contract's promises; None when they are unusable.

    Returns:
        Each problem as its place within the section, and a text that says what is wrong.
    """
    found: list[tuple[Location, str]] = []
    if "token" not in placeholders([session.read.path, session.read.headers, session.read.body]):
        found.append((("read",), "sends no `{token}`, so that it reads no session"))
    for name, operation in (("login", session.login), ("refresh", session.refresh)):
        if operation and "token" not in operation.extract:
            found.append(((name,), "`extract` must say where the `token` is"))
        if operation and session.refresh and "refresh" not in operation.extract:
            found.append(((name,), "`extract` must say where the `refresh` token is"))
    if not session.read.answers.get("absent"):
        found.append((("read",), "`answers` must name `absent`, what a lost session looks like"))
    return found
