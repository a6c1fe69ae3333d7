"""Where a target can run. The registry imports a platform, and its SDK, only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from harness.platforms.base import Platform


def _process() -> Platform:
    from harness.platforms.process import ProcessPlatform

    return ProcessPlatform()


def _memory() -> Platform:
    from harness.platforms.memory import MemoryPlatform

    return MemoryPlatform()


PLATFORMS: dict[str, Callable[[], Platform]] = {"process": _process, "memory": _memory}
