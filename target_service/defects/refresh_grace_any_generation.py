"""Whoever presents any old refresh token of a session gets the current one.

Seen in the wild: a grace meant for the lost reply of the last rotation, implemented as "this token was once good for
this session". A token stolen from an old backup or log is then worth as much as the newest.
"""

from target_service.parts import Parts

BEGIN = "local retired = "
ANSWERED_FIRST = "do return {'ok', current, role, kid} end\n" + BEGIN


def apply(parts: Parts) -> None:
    """Replace the answer to all tokens but the newest."""
    parts.lua["session_refresh"] = parts.lua["session_refresh"].replace(BEGIN, ANSWERED_FIRST)
