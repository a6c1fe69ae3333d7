"""A role that was taken away lives on in the tokens that say it.

Seen in the wild: roles as claims of a self-contained token, and a demotion that writes the database and nothing else.
The former admin stays one until the token expires, and with refreshing perhaps longer.
"""

from target_service.parts import Parts

SESSIONS_END = "redis.call('HINCRBY', KEYS[3], 'epoch', 1)"


def apply(parts: Parts) -> None:
    """Replace the script that changes a role: the sessions that say the old role go on."""
    parts.lua["user_role"] = parts.lua["user_role"].replace(SESSIONS_END, "")
