"""The platform `docker`, as lists and checks see it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.contract.start import Start
from harness.platforms.abilities import Admitting, Disconnectable
from harness.platforms.base import Platform
from harness.platforms.description import Description


class _Docker(Description):
    def files(self, start: Start) -> tuple[str, Sequence[str]]:
        return "file", [start.compose.file] if start.compose else []

    def sees_effects(self, start: Start) -> bool:
        return start.compose is None or start.compose.ledger is not None

    def unmet(self, start: Start, ability: type) -> str | None:
        if start.compose is None or start.compose.front is not None or ability not in (Admitting, Disconnectable):
            return None
        return "`start.compose.front` is not named: without the balancer's network nothing can be taken off it"


def _make() -> Platform:
    from harness.platforms.docker.platform import DockerPlatform

    return DockerPlatform()


DOCKER = _Docker(
    name="docker",
    sentence="a Compose project on the Docker engine of this machine",
    section="compose",
    make=_make,
)
