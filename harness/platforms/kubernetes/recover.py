"""What a dead run left on the cluster, and what it did to a target that ran before it: found, removed, brought back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.platforms.base import Standing
from harness.platforms.common.lock import hold_target
from harness.platforms.kubernetes import attach, namespace, node, second_deployment
from harness.platforms.kubernetes.api import Cluster, Unreachable, is_configured


@contextmanager
def _understood(cluster: Cluster) -> Iterator[None]:
    """Turn an answer that is JSON, but not what the API says, into an error of the cluster's."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreachable(
            f"what answers at {cluster.where} is no cluster, or a broken one ({type(error).__name__}: {error})."
            " Look with `kubectl cluster-info`"
        ) from error


def runs() -> dict[str, Standing]:
    """Return the runs of which something is there; see `harness.platforms.base.Platform`.

    Raises:
        NotConfigured: Nothing here names a cluster.
    """
    cluster = Cluster.connect()
    with _understood(cluster):
        return namespace.runs(cluster)


def leftovers(run_id: str) -> list[str]:
    """Return what is there of the run, one line each."""
    if not is_configured():
        return []
    cluster = Cluster.connect()
    with _understood(cluster):
        return [*namespace.leftovers(cluster, run_id), *second_deployment.leftovers(cluster, run_id)]


def remove(run_id: str) -> list[str]:
    """Remove what is there of the run; return what was removed, and what is left because a target needs it.

    What is left is no failure: who has the run's folder has called `settle` before, which says itself when it could not
    bring the target back. Without the folder nobody can.
    """
    if not is_configured():
        return []
    cluster = Cluster.connect()
    with _understood(cluster):
        found = namespace.leftovers(cluster, run_id)
        if found:
            namespace.remove(cluster, run_id)
        return [*(f"removed {each}" for each in found), *second_deployment.remove(cluster, run_id)]


def thaw(run_id: str, name: str, container: str) -> str:
    """Thaw a member of a dead run where its node is this machine; return how that was seen. Raises `FaultNotSeen`.

    `container` comes from a record: only what has the form of a runtime's id is looked for.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", container):
        return f"{name} had no container yet"
    if not namespace.is_local(Cluster.connect()):
        return f"{name} ran on another machine: it was not frozen from here"
    if not node.processes(container):
        return f"{name} is not there any more"
    return f"{name}: {node.thaw(container, name)}"


def target(cluster: Cluster, namespace: str) -> str:
    """Return what a target that runs already is called, as `harness.platforms.common.lock.hold_target` holds it."""
    return f"namespace {namespace} of the cluster at {cluster.where}"


def settle(found: Path) -> list[str]:
    """Bring the target back to how it was found; return what was done, one line each.

    After that the file goes: a target that was brought back once is its owner's, and no later recovery may undo what
    the owner does to it.

    Raises:
        EnvironmentFailure: The target cannot be brought back, or a run in progress has it.
    """
    try:
        name = str(json.loads(found.read_text(encoding="utf-8"))["namespace"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        # Noted in whole before anything is changed: without it nothing was.
        found.unlink(missing_ok=True)
        return []
    cluster = Cluster.connect()
    with hold_target(target(cluster, name)), _understood(cluster):
        done = attach.restore(found)
        found.unlink(missing_ok=True)
    return done
