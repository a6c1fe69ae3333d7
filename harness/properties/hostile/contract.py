"""The `hostile` of a contract: how tokens are signed, so that wrong ones can be made."""

from __future__ import annotations

from typing import Literal

from harness.yamlfile import Strict


class Hostile(Strict):
    """How tokens are signed, so that wrong ones can be made. Without it only bits are flipped."""

    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    key: str
