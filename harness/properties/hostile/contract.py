"""The `hostile` of a contract: how tokens are signed, so that wrong tokens can be signed too."""

from __future__ import annotations

from typing import Literal

from harness.yamlfile import Strict


class Hostile(Strict):
    """How tokens are signed, so that wrong tokens can be signed too.

    Without this section the only wrong tokens are those that need no signing key, such as one with a flipped bit.

    Attributes:
        algorithm: The algorithm by which tokens are signed.
        key: The signing key; it should be a secret of the run, `"{secret:NAME}"`.
    """

    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    key: str
