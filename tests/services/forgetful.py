"""The stranger's twin, which keeps who is signed in in a module-level dict: it works until there are two of it."""

from __future__ import annotations

import stranger

SIGNED_IN: dict[str, str] = {}


class Forgetful:
    """Who is signed in, known to this process alone."""

    def enter(self, sid: str, email: str) -> None:
        SIGNED_IN[sid] = email

    def who(self, sid: str) -> str | None:
        return SIGNED_IN.get(sid)

    def leave(self, sid: str) -> bool:
        return SIGNED_IN.pop(sid, None) is not None


stranger.app.extensions["signed"] = Forgetful()

if __name__ == "__main__":
    stranger.main()
