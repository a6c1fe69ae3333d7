"""The platform `process`, as lists and checks see it."""

from __future__ import annotations

from harness.platforms.base import Platform
from harness.platforms.description import Description


def _make() -> Platform:
    from harness.platforms.process.platform import ProcessPlatform

    return ProcessPlatform()


PROCESS = Description(
    name="process",
    sentence="real parts as plain processes on 127.0.0.1",
    section="replica",
    make=_make,
    fills_all=True,
)
