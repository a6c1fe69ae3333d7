"""Each process signs with a secret that it made up when it started.

Seen in the wild: `SECRET_KEY = os.urandom(32)` in the settings module, or a default that is random "to be safe". One
process never notices. A second one refuses what the first has signed, and a restart logs everybody out.
"""

import secrets
from dataclasses import replace

from target_service.parts import Parts
from target_service.settings import Settings
from target_service.tokens import Tokens


def apply(parts: Parts) -> None:
    """Replace the tokens."""
    parts.tokens = _random_tokens


def _random_tokens(settings: Settings) -> Tokens:
    return Tokens(replace(settings, jwt_secret=secrets.token_hex(32)))
