"""Where the load goes to: no machine that nobody named."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, cast

import pytest

from harness.contract.start import Kubernetes
from harness.errors import UsageError
from harness.platforms.base import Deployment
from harness.platforms.kubernetes import deploy as deploying
from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.platform import KubernetesPlatform
from tests.support.kubernetes_ruled import FAR, NEAR, Ruled

# Private names: `_takes` tries a connection to a node of which there is none here; `_is_own` decides alone which
# addresses are this machine's.


def cluster(where: str = FAR, nodes: list[str] | None = None) -> Cluster:
    made = Ruled(lambda *_: True, where)
    made.nodes = nodes if nodes is not None else made.nodes
    return cast(Cluster, made)


def test_a_remote_node_has_to_be_named_before_anything_is_deployed():
    with pytest.raises(UsageError, match=r"203\.0\.113\.9, 203\.0\.113\.10\).*say --allow-target 203\.0\.113\.9 "):
        deploying.require_near(cluster(), ["another"])
    deploying.require_near(cluster(), ["203.0.113.10"])
    deploying.require_near(cluster(NEAR), [])
    deploying.require_near(cluster(nodes=["203.0.113.9", "127.0.0.1"]), [])


def test_nothing_is_made_where_the_load_would_go_to_a_machine_that_nobody_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    made = Ruled(lambda *_: True)
    real = made.ask
    monkeypatch.setattr(made, "ask", lambda method, path: (asked.append(f"{method} {path}"), real(method, path))[1])
    monkeypatch.setattr(Cluster, "connect", lambda: made)
    nothing = cast(Any, None)
    part = Kubernetes(manifests=["none"], replica="web", service="web", service_port=80, port=8000)
    order = Deployment("near-1", tmp_path, tmp_path, 1, 0, tmp_path, nothing, nothing, "/", "/", kubernetes=part)
    with pytest.raises(UsageError, match="--allow-target"):
        KubernetesPlatform().deploy(order)
    assert asked == ["GET /api/v1/nodes"]


def test_of_several_nodes_the_allowed_one_is_taken(monkeypatch: pytest.MonkeyPatch):
    part = Kubernetes(manifests=["none"], replica="web", service="web", service_port=80, port=8000)
    open_at = {"203.0.113.9", "203.0.113.10"}
    monkeypatch.setattr(deploying, "_takes", lambda host, port: host in open_at)
    assert deploying.address(cluster(), "n", part, ["203.0.113.10"]) == (("203.0.113.10", 30_000), "")
    assert deploying.address(cluster(), "n", part) == (("203.0.113.9", 30_000), "")
    open_at.clear()
    assert deploying.address(cluster(), "n", part)[1].startswith(
        "port 30000 is open neither on this machine nor at 203"
    )
    blind = Ruled(lambda *_: True)
    blind.nodes = None
    found, why = deploying.address(cast(Cluster, blind), "n", part)
    assert found is None and "may not see the nodes: nodes is forbidden" in why
    open_at.add("127.0.0.1")
    assert deploying.address(cast(Cluster, blind), "n", part) == (("127.0.0.1", 30_000), "")


def test_an_address_of_this_machine_is_known_as_such():
    assert deploying._is_own("127.0.0.1") and not deploying._is_own("203.0.113.9")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert deploying._is_own("127.0.0.1"), "whatever its ports are used for"
