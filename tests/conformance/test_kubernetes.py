"""What only a cluster can show, and what every platform has to, in few tests: a deployment takes seconds there."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from harness.contract.start import Kubernetes
from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.base import Deployment, Member
from harness.platforms.kubernetes import deploy, manifests, namespace, node
from harness.platforms.kubernetes import pods as kubernetes_pods
from harness.platforms.kubernetes.api import Cluster, Refused
from harness.platforms.kubernetes.manifests import namespace_of
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.supervision.rollout import Rollout
from harness.supervision.supervisor import Supervisor
from tests.support.conformance import deployment, eventually, new_run_id
from tests.support.kube import require_cluster, tiny_part
from tests.support.paths import ROOT

# Private names: `_deployed` says which pod and container a member is: the cluster is asked about it behind
# the platform's back.

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def kube() -> Iterator[KubernetesPlatform]:
    require_cluster()
    made = KubernetesPlatform()
    yield made
    made.tear_down()


def wanted(folder: Path, **changes: object) -> Deployment:
    part = changes.pop("part", None) or tiny_part(folder)
    return deployment(folder, kubernetes=part, environment={"replica": {"SEEN": "1"}, "worker": {}}, **changes)


def states(platform: KubernetesPlatform, role: str = "replica") -> dict[str, str]:
    return {member.name: member.state for member in platform.members() if member.role == role}


# A node remembers for minutes how it passed a connection on; another from the same port meanwhile may hang.
_SOURCES = itertools.product((f"127.0.1.{number}" for number in range(1, 255)), range(20_000, 30_000))


def ask(address: tuple[str, int]) -> dict[str, str]:
    source = next(_SOURCES) if address[0].startswith("127.") else None
    connection = http.client.HTTPConnection(*address, timeout=5, source_address=source)
    try:
        connection.request("GET", "/whoami")
        return {name.lower(): value for name, value in connection.getresponse().getheaders()}
    finally:
        connection.close()


@pytest.fixture
def kept(kube: KubernetesPlatform, tmp_path: Path) -> Iterator[tuple[KubernetesPlatform, Supervisor]]:
    kube.deploy(wanted(tmp_path))
    supervisor = Supervisor(kube, {"replica": 2, "worker": 1}, lambda members: None)
    supervisor.start()
    yield kube, supervisor
    supervisor.stop()


def test_a_deployment_is_ready_named_and_reached_when_it_returns(kube: KubernetesPlatform, tmp_path: Path) -> None:
    order = wanted(tmp_path)
    kube.deploy(order)
    members = kube.members()
    assert [(m.name, m.role, m.state, m.port) for m in members] == [
        ("replica-1", "replica", "ready", 8000),
        ("replica-2", "replica", "ready", 8000),
        ("worker-1", "worker", "ready", None),
    ]
    boots = {m.boot for m in members if m.role == "replica"}
    assert len(boots) == 2 and None not in boots
    # What the Service sends requests to follows readiness a moment later.
    eventually(lambda: {ask(kube.balancer())["x-boot-id"] for _ in range(12)} == boots, "requests to both", 10)
    assert kube.failures() == []
    eventually(lambda: "up as tiny-" in kube.log_tail("replica-2"), "the log of replica-2", 5)
    kube._deployed().through_api = True
    assert kube.ready(members[0]) and member(kube.members(), "replica-1").boot in boots, "by way of the API server"
    assert kube.leftovers(order.run_id)[0] == f"namespace {namespace_of(order.run_id)}"
    assert kube.runs()[order.run_id] is False
    begun = time.monotonic()
    kube.tear_down()
    print(f"torn down after {time.monotonic() - begun:.1f} s")
    assert kube.leftovers(order.run_id) == [] and order.run_id not in kube.runs()
    kube.tear_down()


def test_kill_stop_and_freeze_are_seen_to_land_and_healed(kept: tuple[KubernetesPlatform, Supervisor]) -> None:
    kube, supervisor = kept
    boot = kube.members()[0].boot
    assert "were killed" in kube.kill("replica-1")
    assert states(kube)["replica-1"] == "killed"
    with pytest.raises(FaultNotSeen, match=r"replica-1.*dead already"):
        kube.kill("replica-1")
    with pytest.raises(FaultNotSeen, match="no member replica-9"):
        kube.kill("replica-9")
    assert supervisor.wait_replaced("replica-1", 40) == "replica-3 is ready in its place"
    assert boot not in {ask(kube.balancer())["x-boot-id"] for _ in range(20)}
    assert "evicted and ended after" in kube.stop("replica-2", grace_s=10)
    assert states(kube)["replica-2"] == "gone"
    assert supervisor.wait_replaced("replica-2", 40) == "replica-4 is ready in its place"
    frozen = next(member for member in kube.members() if member.name == "replica-3")
    assert "frozen" in kube.pause("replica-3")
    assert states(kube)["replica-3"] == "paused" and not kube.ready(frozen)
    assert "running again" in kube.resume("replica-3")
    eventually(lambda: states(kube)["replica-3"] == "ready", "replica-3 ready again", 10)
    assert next(m.boot for m in kube.members() if m.name == "replica-3") == frozen.boot
    kube.kill("worker-1")
    assert supervisor.wait_replaced("worker-1", 40) == "worker-2 is ready in its place"


def test_it_scales_rolls_and_switches_without_a_lost_request(kept: tuple[KubernetesPlatform, Supervisor]) -> None:
    kube, supervisor = kept
    assert supervisor.set_desired("replica", 3) == []
    supervisor.wait_scaled("replica", [], 40)
    stopped = supervisor.set_desired("replica", 1)
    assert len(stopped) == 2
    assert supervisor.wait_scaled("replica", stopped, 40).startswith("2 exited")
    old = {m.boot for m in supervisor.ready("replica")}
    assert "1 of the old gone" in Rollout(supervisor, "replica", {"TINY_VERSION": "2"}, 60).roll()
    rolled = {m.boot for m in supervisor.ready("replica")}
    assert not old & rolled
    assert {ask(kube.balancer())["x-boot-id"] for _ in range(10)} == rolled
    assert "1 of the old gone" in Rollout(supervisor, "replica", {"TINY_VERSION": "3"}, 60).switch()
    switched = {m.boot for m in supervisor.ready("replica")}
    assert not rolled & switched
    assert {ask(kube.balancer())["x-boot-id"] for _ in range(10)} == switched
    assert supervisor.set_desired("replica", 2) == []
    supervisor.wait_scaled("replica", [], 40)


@pytest.mark.parametrize("how", ["roll", "switch"])
def test_a_version_that_does_not_come_up_leaves_no_trace_and_lands_no_more(
    kept: tuple[KubernetesPlatform, Supervisor], how: str
) -> None:
    kube, supervisor = kept
    up = kube._deployed()
    before, boots = shape(up.namespace), {m.boot for m in supervisor.ready("replica")}
    with pytest.raises(EnvironmentFailure, match=r"not within [34]"):
        getattr(Rollout(supervisor, "replica", {"TINY_NEVER_READY": "1"}, 4), how)()
    eventually(lambda: shape(up.namespace) == before, "what was there before", 20)
    supervisor.wait_ready("replica", 2, 40)
    assert {m.boot for m in supervisor.ready("replica")} == boots
    eventually(lambda: {ask(kube.balancer())["x-boot-id"] for _ in range(12)} == boots, "requests to both", 10)


def test_a_container_that_dies_by_itself_is_another_member_in_the_same_pod(
    kept: tuple[KubernetesPlatform, Supervisor],
) -> None:
    kube, supervisor = kept
    container = kube._deployed().roster.members.find("replica-1").about.container
    node.kill(container, "replica-1")
    assert supervisor.wait_replaced("replica-1", 40) == "replica-3 is ready in its place"
    assert states(kube) == {"replica-1": "gone", "replica-2": "ready", "replica-3": "ready"}
    assert (
        kube._deployed().roster.members.find("replica-3").about.uid
        == kube._deployed().roster.members.find("replica-1").about.uid
    )


def test_two_runs_side_by_side_do_not_meet(kube: KubernetesPlatform, tmp_path: Path) -> None:
    other = KubernetesPlatform()
    first, second = wanted(tmp_path / "a", replicas=1, workers=0), wanted(tmp_path / "b", replicas=1, workers=0)
    try:
        kube.deploy(first)
        other.deploy(second)
        kube.tear_down()
        assert kube.leftovers(first.run_id) == []
        assert [other.ready(member) for member in other.members()] == [True]
        # What a dead run left is found by the engine alone.
        assert other.remove(second.run_id)[0] == f"removed namespace {namespace_of(second.run_id)}"
        assert other.remove(second.run_id) == []
    finally:
        other.tear_down()


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"image": "no-such-image:0", "imagePullPolicy": "Never"}, "ErrImageNeverPull.*Build or push the image"),
        ({"image": "127.0.0.1:9/no-such-image:0"}, r"ErrImagePull|ImagePullBackOff"),
        ({"resources": {"requests": {"cpu": "900"}}}, "Unschedulable.*Insufficient cpu.*add a node"),
        ({"env": [{"name": "TINY_EXIT", "value": "broken on purpose"}]}, r"(?s)tiny-.*broken on purpose"),
    ],
)
def test_what_does_not_come_up_is_named_and_leaves_nothing(
    kube: KubernetesPlatform, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    part = tiny_part(tmp_path, **changes)  # type: ignore[arg-type]
    order = wanted(tmp_path, part=part, replicas=1, workers=0, deadline_s=12.0)
    with pytest.raises(EnvironmentFailure, match=says) as failure:
        kube.deploy(order)
    assert failure.value.exit_code == 5
    assert kube.leftovers(order.run_id) == []


def test_without_a_cluster_the_way_to_one_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EnvironmentFailure, match=r"no cluster.*KUBECONFIG"):
        KubernetesPlatform().deploy(wanted(tmp_path))
    assert "KUBECONFIG" in KubernetesPlatform().missing()[0]
    assert KubernetesPlatform().leftovers("any-1") == []
    dead = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "current-context": "c",
    }
    (tmp_path / "none").write_text(json.dumps(dead))
    with pytest.raises(EnvironmentFailure, match=r"127.0.0.1:9 does not answer.*kubectl cluster-info"):
        KubernetesPlatform().deploy(wanted(tmp_path))


def test_a_user_without_the_right_to_a_namespace_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_cluster()
    cluster = Cluster.connect()
    token = cluster.ask(
        "POST",
        "/api/v1/namespaces/default/serviceaccounts/default/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}},
    )["status"]["token"]
    (tmp_path / "config").write_text(json.dumps(config_of(cluster.where, token)))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(EnvironmentFailure, match=r"namespace harness-.* cannot be made.*ask for the right"):
        KubernetesPlatform().deploy(wanted(tmp_path))
    assert "may not create, delete, get, list and patch namespaces; " in KubernetesPlatform().missing()[0]


RIGHTS = ROOT / "docs" / "kubernetes.md"


@pytest.fixture
def ruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Makes this process a user who may do what the documented ClusterRole says, but for one kind of thing."""
    require_cluster()
    cluster, name = Cluster.connect(), f"harness-{new_run_id()}"
    blocks = re.findall(r"```yaml\n(.*?)```", RIGHTS.read_text(encoding="utf-8"), re.DOTALL)
    (role,) = [yaml.safe_load(each) for each in blocks if "kind: ClusterRole" in each]
    access, mine = "/apis/rbac.authorization.k8s.io/v1", {"metadata": {"name": name}}
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    bound = {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }

    def become(without: str) -> None:
        rules = [each for each in role["rules"] if each["resources"] != [without]]
        assert len(rules) == len(role["rules"]) - bool(without)
        cluster.ask("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", **mine})
        cluster.ask("POST", f"{access}/clusterroles", {**role, **mine, "rules": rules})
        kind = {"apiVersion": role["apiVersion"], "kind": "ClusterRoleBinding"}
        cluster.ask("POST", f"{access}/clusterrolebindings", {**kind, **mine, **bound})
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        token = cluster.ask("POST", f"{accounts}/{name}/token", wanted)["status"]["token"]
        (tmp_path / "ruled").write_text(json.dumps(config_of(cluster.where, token)))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "ruled"))
        eventually(lambda: Cluster.connect().may("list", "namespaces"), "the rights to be heeded", 10)

    yield become
    for path in (f"{access}/clusterrolebindings", f"{access}/clusterroles", accounts):
        with contextlib.suppress(Refused):
            cluster.ask("DELETE", f"{path}/{name}")


def config_of(server: str, token: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "current-context": "c",
    }


def test_whoever_has_the_documented_rights_can_do_all_of_it(ruled: Callable[[str], None], tmp_path: Path) -> None:
    ruled("")
    kube, order = KubernetesPlatform(), wanted(tmp_path)
    assert kube.missing() == []
    try:
        kube.deploy(order)
        supervisor = Supervisor(kube, {"replica": 2, "worker": 1}, lambda members: None)
        supervisor.start()
        try:
            up = kube._deployed()
            pod = kube._deployed().roster.members.find("replica-1").about
            inside = (up.namespace, pod.name, pod.container_name)
            assert b"TINY" in up.cluster.read_file(*inside, "/code/tiny.py")
            # A cluster cuts some of such long answers short and calls them whole.
            large = {up.cluster.read_file(*inside, "/bin/bash") for _ in range(10)}
            assert len(large) == 1 and len(large.pop()) > 1_000_000
            up.through_api = True
            assert kube.ready(member(kube.members(), "replica-1"))
            eventually(lambda: "up as tiny-" in kube.log_tail("replica-2"), "the log of replica-2", 5)
            kube.kill("replica-1")
            supervisor.wait_replaced("replica-1", 40)
            kube.stop("replica-2", grace_s=10)
            supervisor.wait_replaced("replica-2", 40)
            supervisor.set_desired("replica", 1)
            supervisor.wait_ready("replica", 1, 40)
            Rollout(supervisor, "replica", {"TINY_VERSION": "2"}, 60).roll()
            Rollout(supervisor, "replica", {"TINY_VERSION": "3"}, 60).switch()
        finally:
            supervisor.stop()
        kube.renew_lease()
        assert order.run_id in kube.runs()
    finally:
        kube.tear_down()
    assert kube.leftovers(order.run_id) == []


def test_a_right_that_is_lacking_is_named(ruled: Callable[[str], None]) -> None:
    ruled("pods/exec")
    (said,) = KubernetesPlatform().missing()
    assert "may not create and get pods/exec. Ask for the ClusterRole" in said


def member(members: list[Member], name: str) -> Member:
    return next(each for each in members if each.name == name)


class Wire:
    """Every connection to the cluster goes through it, until it is cut."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to, self._ends = to, [socket.create_server(("127.0.0.1", 0))]
        self.port = self._ends[0].getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, far = self._ends[0].accept()[0], socket.create_connection(self._to)
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_a_cluster_that_goes_away_is_told_and_what_stays_is_found_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_cluster()
    before = os.environ["KUBECONFIG"]
    where = urlsplit(Cluster.connect().where)
    wire = Wire((str(where.hostname), where.port or 443))
    config = yaml.safe_load(Path(before).read_text())
    server = {"server": f"https://127.0.0.1:{wire.port}", "tls-server-name": where.hostname}
    config["clusters"][0]["cluster"] |= server
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    kube, order = KubernetesPlatform(), wanted(tmp_path, replicas=1, workers=0)
    try:
        kube.deploy(order)
        wire.cut()
        eventually(kube.problems, "the loss of the cluster", 20)
        assert "went away during the run" in kube.problems()[0] and "does not answer" in kube.problems()[0]
        with pytest.raises(EnvironmentFailure, match="does not answer"):
            kube.tear_down()
    finally:
        monkeypatch.setenv("KUBECONFIG", before)
        assert KubernetesPlatform().remove(order.run_id)[0] == f"removed namespace {namespace_of(order.run_id)}"


def test_only_root_on_the_node_itself_freezes() -> None:
    assert node.is_mine([node.kernel()]) is (os.geteuid() == 0)
    assert not node.is_mine([node.kernel(), "another"])
    assert not node.is_mine([])


@pytest.fixture
def somebodys(tmp_path: Path) -> Iterator[Kubernetes]:
    """A tiny service that runs already, in a namespace that the run did not make."""
    require_cluster()
    # Requests under way to a pod that is taken out of the Service are answered before it is told to end.
    lifecycle = {"preStop": {"exec": {"command": ["sleep", "2"]}}}
    cluster, owner, part = Cluster.connect(), new_run_id(), tiny_part(tmp_path, lifecycle=lifecycle)
    name = namespace.create(cluster, owner)
    try:
        objects = manifests.read(part.manifests, tmp_path)
        for each in objects:
            if each["kind"] == "Deployment":
                each["spec"]["replicas"] = 1
            if each["kind"] == "Service":
                each["spec"]["type"] = "NodePort"
        deploy.apply(cluster, name, deploy.placed(cluster, objects))
        yield part.model_copy(update={"attach": name})
    finally:
        namespace.remove(cluster, owner)


def shape(name: str) -> dict[str, object]:
    """What a namespace has of ours to change, and our marks on it."""
    cluster = Cluster.connect()
    found = cluster.ask("GET", f"/apis/apps/v1/namespaces/{name}/deployments")["items"]
    service = cluster.ask("GET", f"/api/v1/namespaces/{name}/services/tiny")
    marks = [mark for each in [service, *found] for mark in each["metadata"].get("annotations") or {}]
    parts = {each["metadata"]["name"]: (each["spec"]["replicas"], each["spec"]["template"]) for each in found}
    ours = sorted(mark for mark in marks if mark.startswith(manifests.OURS))
    return {"service": service["spec"]["selector"], "marks": ours, **parts}


@dataclass
class Meanwhile:
    """What those who use a namespace see of it: how many replicas are ready, who answers, which requests fail."""

    ready: list[int] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@contextlib.contextmanager
def used_by_others(name: str, address: tuple[str, int]) -> Iterator[Meanwhile]:
    seen, over, cluster = Meanwhile(), threading.Event(), Cluster.connect()

    def look() -> None:
        while not over.wait(0.05):
            pods = [kubernetes_pods.seen(pod) for pod in namespace.pods(cluster, name)]
            mine = [pod for pod in pods if pod.name.startswith("tiny-")]
            seen.ready.append(sum(pod.ready and not pod.leaving for pod in mine))

    def use() -> None:
        while not over.wait(0.01):
            try:
                seen.answered.append(ask(address)["x-boot-id"])
            except (OSError, http.client.HTTPException) as error:
                seen.failed.append(repr(error))

    threads = [threading.Thread(target=each) for each in (look, use, use)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_target_that_runs_already_is_used_and_left_as_it_was_found(
    kube: KubernetesPlatform, somebodys: Kubernetes, tmp_path: Path
) -> None:
    name = str(somebodys.attach)
    eventually(lambda: shape(name), "the namespace", 10)
    before = shape(name)
    with pytest.raises(EnvironmentFailure, match=r"runs 1 of Deployment tiny, the scenario declares 2.*kubectl -n"):
        kube.deploy(wanted(tmp_path, part=somebodys))
    assert not (tmp_path / "found.json").exists()
    order = wanted(tmp_path, part=somebodys, replicas=1, found=tmp_path / "found.json")
    other = KubernetesPlatform()
    other.deploy(order)
    supervisor = Supervisor(other, {"replica": 1, "worker": 1}, lambda members: None)
    supervisor.start()
    try:
        Rollout(supervisor, "replica", {"TINY_VERSION": "2"}, 60).switch()
        other.kill("worker-1")
        other.scale("worker", 2)
        eventually(lambda: supervisor.ready("worker"), "a worker", 40)
        other.pause(supervisor.ready("worker")[0].name)
    finally:
        supervisor.stop()
    assert shape(name)["service"] != before["service"] and shape(name)["tiny"] != before["tiny"]
    beside = f"Deployment tiny-v2 of namespace {name}"
    assert kube.leftovers(order.run_id) == [f"{beside} (beside a target that ran before)"]
    assert kube.remove(order.run_id)[0].startswith(f"left {beside}: Service tiny sends requests to it")
    # As if the harness had died: another looks at what was noted.
    with used_by_others(name, other.balancer()) as meanwhile:
        done = KubernetesPlatform().restore(order.found)  # type: ignore[arg-type]
        assert shape(name) == before, "it has looked itself"
    assert len(done) >= 4 and any(text.startswith("thawed pod") for text in done)
    assert meanwhile.ready and min(meanwhile.ready) >= 1
    assert meanwhile.failed == [] and len(meanwhile.answered) > 20
    other.tear_down()
    assert kube.leftovers(order.run_id) == []
    assert KubernetesPlatform().restore(order.found) == []  # type: ignore[arg-type]
    assert KubernetesPlatform().restore(tmp_path / "none") == []
