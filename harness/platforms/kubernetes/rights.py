"""What a run asks of a cluster's API, as access rules; `docs/kubernetes.md` shows them as a ClusterRole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from harness.platforms.kubernetes.api import Cluster


@dataclass(frozen=True)
class Rule:
    """What is done (`verbs`) to which kinds of things of an API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


RULES: tuple[Rule, ...] = (
    Rule("", ("namespaces",), ("create", "delete", "get", "list", "patch")),
    Rule("", ("nodes",), ("list",)),
    Rule("", ("pods",), ("get", "list", "watch", "delete", "deletecollection")),
    # A web socket is opened with GET; newer releases take that for `create` as well.
    Rule("", ("pods/exec",), ("create", "get")),
    Rule("", ("pods/eviction",), ("create",)),
    Rule("", ("pods/log", "pods/proxy"), ("get",)),
    Rule("", ("services",), ("create", "get", "patch")),
    Rule("", ("endpoints",), ("get",)),
    Rule("", ("secrets",), ("create",)),
    Rule("apps", ("deployments",), ("create", "get", "list", "patch", "delete", "deletecollection")),
    Rule("apps", ("statefulsets", "daemonsets", "replicasets"), ("deletecollection",)),
)
"""Beside these, `create` for whatever else the manifests hold."""


def lacking(cluster: Cluster) -> list[str]:
    """Return what of the rights this user has not, as `get pods/log`.

    Raises:
        EnvironmentFailure: The cluster cannot be asked.
    """
    if cluster.may("*", "*", "*"):
        return []
    found = []
    for rule in RULES:
        if rule.resources == ("nodes",) and is_loopback(cluster.where):
            # They are asked for their addresses, and the one to be reached is likely this machine's own.
            continue
        for resource in rule.resources:
            verbs = [verb for verb in rule.verbs if not cluster.may(verb, resource, rule.group)]
            if verbs:
                found.append(f"{_joined(verbs)} {resource}")
    return found


def _joined(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def is_loopback(where: str) -> bool:
    """Say whether an address (a host, or a URL) is this machine, as far as the address says so itself."""
    host = urlsplit(where).hostname or where
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
