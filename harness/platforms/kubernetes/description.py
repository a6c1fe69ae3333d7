"""The platform `kubernetes`, as lists and checks see it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.contract.start import Start
from harness.platforms.base import Platform
from harness.platforms.description import Description


class _Kubernetes(Description):
    def files(self, start: Start) -> tuple[str, Sequence[str]]:
        return "manifests", start.kubernetes.manifests if start.kubernetes else []

    def sees_effects(self, start: Start) -> bool:
        return start.kubernetes is None or start.kubernetes.ledger is not None


def _make() -> Platform:
    from harness.platforms.kubernetes.platform import KubernetesPlatform

    return KubernetesPlatform()


KUBERNETES = _Kubernetes(
    name="kubernetes",
    sentence="a namespace of a cluster, through its API",
    section="kubernetes",
    make=_make,
)
