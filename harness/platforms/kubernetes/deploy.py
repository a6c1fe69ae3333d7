"""What the kubernetes platform does once: puts objects into a cluster, says why a pod does not come up."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection, Sequence
from typing import Any

from harness.contract.start import Kubernetes
from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.base import Deployment
from harness.platforms.common.ports import HOST
from harness.platforms.docker.compose import Project
from harness.platforms.kubernetes import rights
from harness.platforms.kubernetes.api import Cluster, Refused, items, join
from harness.platforms.kubernetes.manifests import RECORD
from harness.platforms.kubernetes.pods import Seen

Object = dict[str, Any]

# What the cluster says of a pod that will not come up however long one waits.
_HOPELESS = (
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
    "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
)  # fmt: skip


def missing() -> list[str]:
    """Return what the platform lacks to work, with how to get it. The cluster is asked, and not changed."""
    try:
        cluster = Cluster.connect()
        lacking = rights.lacking(cluster)
    except EnvironmentFailure as error:
        return [str(error)]
    if not lacking:
        return []
    return [
        f"this user of the cluster at {cluster.where} may not {'; '.join(lacking)}. Ask for the ClusterRole of"
        " docs/kubernetes.md, or name another user in KUBECONFIG"
    ]


def require_near(cluster: Cluster, allowed: Collection[str]) -> None:
    """Check that the load goes to this machine alone, or to another one that is allowed by name.

    Where a cluster that is reached by loopback opens its ports is known only when they are open.

    Raises:
        UsageError: The ports can only be open on machines that are not allowed.
    """
    try:
        hosts = _nodes(cluster)
    except Refused:
        return
    if not hosts or rights.is_loopback(cluster.where) or any(host in allowed or _is_own(host) for host in hosts):
        return
    raise UsageError(
        f"the target would be reached at a node of the cluster ({', '.join(hosts[:5])}), which is not this machine:"
        f" say --allow-target {hosts[0]} if it is meant to be loaded and broken"
    )


def _is_own(host: str) -> bool:
    """Say whether an address is one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.bind((host, 0))
        return True
    return False


def placed(cluster: Cluster, documents: Sequence[Object]) -> list[tuple[str, Object]]:
    """Return each object with the collection that it belongs into, in a version that the cluster serves.

    Raises:
        UsageError: An object belongs to no namespace: it would outlive the run, or be in the way of another.
    """
    found = []
    for each in documents:
        version, collection, is_namespaced = cluster.address_of(each["apiVersion"], each["kind"])
        if not is_namespaced:
            raise UsageError(
                f"the manifests have a {each['kind']} ({each['metadata'].get('name')}), which belongs to the whole"
                " cluster: take it out of start.kubernetes.manifests, and apply it yourself"
            )
        found.append((collection, {**each, "apiVersion": version}))
    return found


def apply(cluster: Cluster, namespace: str, objects: Sequence[tuple[str, Object]]) -> None:
    """Create all objects.

    Raises:
        EnvironmentFailure: Naming the object that the cluster does not take.
    """
    for collection, each in objects:
        try:
            cluster.ask("POST", join(collection, namespace), each)
        except Refused as error:
            raise EnvironmentFailure(
                f"{each['kind']} {each['metadata'].get('name')} of the manifests is not taken: {error}."
                " Correct the manifest, or ask for the right to create it"
            ) from error


def address(
    cluster: Cluster, namespace: str, part: Kubernetes, allowed: Collection[str] = ()
) -> tuple[tuple[str, int] | None, str]:
    """Return where the Service takes connections, or why it does not yet.

    That is a port of a node, by loopback if that reaches one. Of several nodes one that is `allowed` is taken.

    Raises:
        EnvironmentFailure: The Service has no such port.
    """
    service = cluster.ask("GET", f"/api/v1/namespaces/{namespace}/services/{part.service}")
    port = next((each.get("nodePort") for each in service["spec"]["ports"] if each["port"] == part.service_port), None)
    if port is None:
        raise EnvironmentFailure(
            f"Service {part.service} has no port {part.service_port} that nodes open: correct"
            " start.kubernetes.service_port, or make the Service of type NodePort"
        )
    if _takes(HOST, port):
        return (HOST, port), ""
    try:
        nodes = _nodes(cluster)
    except Refused as error:
        return None, f"port {port} is not open on this machine, and this user may not see the nodes: {error}"
    for host in sorted(nodes, key=lambda each: each not in allowed):
        if _takes(host, port):
            return (host, port), ""
    return None, f"port {port} is open neither on this machine nor at {', '.join(nodes)}"


def _takes(host: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=0.5).close()
        return True
    return False


def _nodes(cluster: Cluster) -> list[str]:
    """Return the addresses of all nodes.

    Raises:
        Refused: This user may not see the nodes.
    """
    return [
        address["address"]
        for each in items(cluster.ask("GET", "/api/v1/nodes"))
        for kind in ("InternalIP", "ExternalIP")
        for address in each["status"].get("addresses") or []
        if address["type"] == kind
    ]


def why_not_up(pods: Sequence[Seen], is_late: bool) -> tuple[str, str] | None:
    """Return the pod that keeps the others waiting, and why; None while there is hope.

    A pod that has no room yet, or whose container has ended once, is given the time there is.
    """
    for pod in pods:
        if pod.waits.startswith(_HOPELESS) and (pod.restarts > 0 or not pod.waits.startswith("CrashLoop")):
            return pod.name, _with_remedy(pod.waits)
    for pod in pods:
        if is_late and pod.waits and not pod.ready:
            return pod.name, _with_remedy(pod.waits)
        if pod.ended and (is_late or pod.restarts > 1):
            return pod.name, f"its container {pod.ended}"
    return None


def failure(namespace: str, name: str, what: str, lines: str) -> EnvironmentFailure:
    """Return the error that says that a pod did not come up; `lines` are the last of its log."""
    last = "\n".join(f"    {line}" for line in lines.splitlines()) or "    (it wrote nothing)"
    return EnvironmentFailure(
        f"{name} did not come up: {what}\n  namespace: {namespace}\n  log: its last lines:\n{last}\n"
        "  Remedy: correct what is complained about, in the manifests or in start.kubernetes of the contract."
    )


def _with_remedy(waits: str) -> str:
    if "mage" in waits.partition(":")[0]:
        return f"{waits}. Build or push the image, or correct its name; a local cluster has to be given it"
    if waits.startswith("Unschedulable"):
        return f"{waits}. No node has room for it: ask for less in its resources, run fewer, or add a node"
    return waits


def build(cluster: Cluster, deployment: Deployment, local: bool, images: set[str]) -> None:
    """Build those of the images that the contract's Compose file says how to build, where the cluster uses them.

    The cluster uses them where its node runs containers by the Docker engine of this machine; elsewhere the images have
    to be there.
    """
    if deployment.compose is None or not local or not _runs_docker(cluster):
        return
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    log = deployment.logs / "compose.log"
    project = Project(deployment.run_id, deployment.directory, deployment.compose.file, host, log)
    model = project.resolve()
    model["services"] = {name: service for name, service in model["services"].items() if service.get("image") in images}
    project.build(model)


def _runs_docker(cluster: Cluster) -> bool:
    nodes = items(cluster.ask("GET", "/api/v1/nodes"))
    return all(each["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("docker:") for each in nodes)


def save_record(
    cluster: Cluster, namespace: str, part: Kubernetes, deployment: Deployment, pods: Sequence[Seen]
) -> list[str]:
    """Copy the ledger's record to the run folder; return what went wrong."""
    mine = [pod for pod in pods if part.ledger and pod.name.startswith(f"{part.ledger}-") and pod.running]
    if not part.ledger:
        return []
    if not mine:
        return [f"no pod of the ledger ({part.ledger}) runs any more: its record is lost"]
    try:
        data = cluster.read_file(namespace, mine[0].name, mine[0].container_name, RECORD)
        deployment.ledger_record.parent.mkdir(parents=True, exist_ok=True)
        deployment.ledger_record.write_bytes(data)
    except (EnvironmentFailure, OSError) as error:
        with contextlib.suppress(OSError):
            deployment.ledger_record.touch()
        return [f"the ledger's record could not be saved: {error}"]
    return []
