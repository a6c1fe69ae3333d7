"""A refresh token that was used long ago is refused, and nothing else happens.

Seen in the wild: rotation without reuse detection (RFC 9700 section 4.14.2 asks for it). If a thief rotated the token
first, the owner is refused here, and the thief's branch of the family goes on.
"""

from target_service.parts import Parts

BEGIN = "redis.call('SET', KEYS[2], user"
REFUSED_FIRST = "do return {'refused'} end\n" + BEGIN


def apply(parts: Parts) -> None:
    """Replace the answer to a token whose grace is over."""
    parts.lua["session_refresh"] = parts.lua["session_refresh"].replace(BEGIN, REFUSED_FIRST)
