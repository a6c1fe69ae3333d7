"""A token that says `alg: none` needs no signature.

Seen in the wild: libraries that let the token choose how it is verified (CVE-2015-9235 and its many relatives), or a
branch for tests that was deployed.
"""

import jwt

from target_service.parts import Parts
from target_service.tokens import Claims, Tokens


class TrustingTokens(Tokens):
    """Tokens that say themselves whether they are to be verified."""

    def _decode(self, token: str) -> Claims:
        try:
            trusted = jwt.get_unverified_header(token).get("alg") == "none"
        except jwt.PyJWTError:
            trusted = False
        if not trusted:
            return super()._decode(token)
        claims = jwt.decode(token, options={"verify_signature": False})
        return Claims(claims["sub"], claims["sid"], float(claims["exp"]), frozenset(claims["perms"]))


def apply(parts: Parts) -> None:
    """Replace the tokens."""
    parts.tokens = TrustingTokens
