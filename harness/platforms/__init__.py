"""Where a target can run. To add a platform: one room here, one line in `DESCRIPTIONS`, one line in its test suite.

`MemoryPlatform` is not in the registry: it runs nothing, and serves tests only.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.platforms.base import Platform
from harness.platforms.description import Description
from harness.platforms.docker.description import DOCKER
from harness.platforms.kubernetes.description import KUBERNETES
from harness.platforms.process.description import PROCESS

DESCRIPTIONS: dict[str, Description] = {"process": PROCESS, "docker": DOCKER, "kubernetes": KUBERNETES}
PLATFORMS: dict[str, Callable[[], Platform]] = {name: each.make for name, each in DESCRIPTIONS.items()}
"""By name what makes a platform; its SDK is imported only then."""

DEFAULT = PROCESS.name
"""The platform of a scenario that names none."""
