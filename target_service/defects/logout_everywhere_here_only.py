"""A log-out from everywhere ends the session it is asked with, and no other.

Seen in the wild: the button calls the log-out from the time when a user had one session. Somebody pressed it for a lost
phone, and the sessions of that phone go on.
"""

from target_service.parts import Parts

EVERY_SESSION = "redis.call('HINCRBY', KEYS[3], 'epoch', 1)"
THIS_SESSION = "redis.call('DEL', KEYS[1])"


def apply(parts: Parts) -> None:
    """Replace the script that ends all sessions."""
    parts.lua["session_revoke_all"] = parts.lua["session_revoke_all"].replace(EVERY_SESSION, THIS_SESSION)
