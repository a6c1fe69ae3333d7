"""Where a target can run. The registry imports a platform, and its SDK, only when it is asked for.

`MemoryPlatform` is not in it: it runs nothing, and serves tests only.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.platforms.base import Platform


def _process() -> Platform:
    from harness.platforms.process.platform import ProcessPlatform

    return ProcessPlatform()


def _kubernetes() -> Platform:
    from harness.platforms.kubernetes.platform import KubernetesPlatform

    return KubernetesPlatform()


def _docker() -> Platform:
    from harness.platforms.docker.platform import DockerPlatform

    return DockerPlatform()


PLATFORMS: dict[str, Callable[[], Platform]] = {"process": _process, "docker": _docker, "kubernetes": _kubernetes}
