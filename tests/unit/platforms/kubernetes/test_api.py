"""The cluster through the real client: broken answers, and no configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.platforms.base import NotConfigured
from harness.platforms.kubernetes.api import Unreachable
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.recovery import engines as looking


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>please log in</html>", "is no cluster: it says '<html>please log in</html>'"),
        (b"[1]", r"is no cluster: it says '\[1\]'"),
        (b'{"items": [{"no": "metadata"}]}', "is no cluster, or a broken one .KeyError: 'metadata'"),
        (b'{"items": [7]}', "is no cluster, or a broken one .TypeError"),
    ],
)
def test_what_answers_and_is_no_cluster_is_told_as_such(server: Any, body: bytes, said: str) -> None:
    server.body = body
    with pytest.raises(Unreachable, match=said):
        KubernetesPlatform().runs()
    seen = looking.look({"kubernetes": KubernetesPlatform})
    assert "is no cluster" in seen.unseen["kubernetes"] and seen.unused == {}
    (why,) = looking.missing({"kubernetes": KubernetesPlatform})["kubernetes"]
    assert why


def test_without_a_configuration_there_is_nothing_to_see_and_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NotConfigured, match=r"no cluster is configured\. Set KUBECONFIG"):
        KubernetesPlatform().runs()
    seen = looking.look({"kubernetes": KubernetesPlatform})
    assert seen.unseen == {} and "Set KUBECONFIG" in str(seen.why_unseen("kubernetes"))
    assert KubernetesPlatform().leftovers("any-1") == [] and KubernetesPlatform().remove("any-1") == []
