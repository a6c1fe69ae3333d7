"""A target that runs already in a namespace of somebody else's: used as it is, and brought back to what it was.

What the run may change is noted before it changes anything: how many pods its Deployments have and of which template,
and which pods the Service sends requests to. What the run adds (a second Deployment) carries our label. What its owner
changes meanwhile, or after the run has died, stays his (`harness.platforms.kubernetes.found_state`) and is named.

Somebody uses it while it is brought back: what was added goes on answering until what was there before does again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.contract.start import Kubernetes
from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment, Role
from harness.platforms.common import procfs
from harness.platforms.kubernetes import namespace, node
from harness.platforms.kubernetes.api import Cluster, Refused, items
from harness.platforms.kubernetes.changes import REPLACE
from harness.platforms.kubernetes.found_state import Undo, of_deployment, of_service
from harness.platforms.kubernetes.manifests import MANAGED, OURS, RUN, SCALED, SELECTED, marked
from harness.platforms.kubernetes.pods import seen

Object = dict[str, Any]

_BACK_S = 120.0
_LOOK_S = 0.2
_APPS = "/apis/apps/v1/namespaces"


def selectors(cluster: Cluster, deployment: Deployment, part: Kubernetes, name: str) -> dict[str, Mapping[str, str]]:
    """Return by which labels the pods of each role, and of the `ledger`, are known; note how all was found.

    Raises:
        EnvironmentFailure: The namespace lacks what the contract names, is as another run has changed it, or runs other
            numbers than declared.
    """
    wanted: dict[Role, tuple[str, int]] = {"replica": (part.replica, deployment.replicas)}
    if part.worker:
        wanted["worker"] = part.worker, deployment.workers
    found: dict[Role, Object] = {
        role: _get(cluster, f"{_APPS}/{name}/deployments/{each}") for role, (each, _) in wanted.items()
    }
    service = _get(cluster, f"/api/v1/namespaces/{name}/services/{part.service}")
    # Before the numbers: another run may be why they are others, and then they are not to be corrected by hand.
    _refuse_traces(cluster, deployment.run_id, name, list(found.values()), service)
    for role, (each, count) in wanted.items():
        runs = found[role]["spec"].get("replicas", 1)
        if runs != count:
            raise EnvironmentFailure(
                f"namespace {name} runs {runs} of Deployment {each}, the scenario declares {count} {role}s:"
                f" set its target, or `kubectl -n {name} scale deployment {each} --replicas={count}`"
            )
    watched: dict[str, Object] = {str(role): each for role, each in found.items()}
    if part.ledger:
        watched["ledger"] = _get(cluster, f"{_APPS}/{name}/deployments/{part.ledger}")
    _note(deployment, cluster, name, list(found.values()), service)
    return {role: dict(each["spec"]["selector"].get("matchLabels") or {}) for role, each in watched.items()}


def _get(cluster: Cluster, path: str) -> Object:
    try:
        return cluster.ask("GET", path)
    except Refused as error:
        raise EnvironmentFailure(
            f"the target to attach to is not there: {error}. Start it, or take `attach` out of the contract to have"
            " one made for the run"
        ) from error


def _refuse_traces(cluster: Cluster, run: str, name: str, workloads: list[Object], service: Object) -> None:
    """Refuse a target that another run has changed, so that it is not as its owner made it.

    A mark whose change somebody has undone by hand does not count; nor does one in a template, where it stays for good
    in what an owner applies over it.

    Raises:
        EnvironmentFailure: Another run has changed something.
    """
    kubectl, traces = f"kubectl -n {name}", []
    mark = _marks(service).get(RUN)
    if mark not in (None, run) and any(each in (service["spec"].get("selector") or {}) for each in SELECTED):
        called = service["metadata"]["name"]
        traces.append(
            (mark, f"changed the selector of Service {called}", f"`{kubectl} annotate service {called} {RUN}-`")
        )
    for each in workloads:
        called, (_, _, mark) = each["metadata"]["name"], str(_marks(each).get(SCALED, "")).partition(" by ")
        if mark not in ("", run) and _marks(each)[SCALED] == marked(each["spec"].get("replicas", 1), mark):
            by_hand = f"`{kubectl} annotate deployment {called} {SCALED}-`"
            traces.append((mark, f"changed the number of pods of Deployment {called}", by_hand))
    for each in _ours(cluster, name):
        if (mark := _marks(each).get(RUN)) not in (None, run):
            called = each["metadata"]["name"]
            traces.append((mark, f"put Deployment {called} beside it", f"`{kubectl} delete deployment {called}`"))
    if traces:
        did = "; ".join(f"run {mark} has {what}" for mark, what, _ in traces)
        by_hand = ", ".join(each for _, _, each in traces)
        raise EnvironmentFailure(
            f"namespace {name} of the cluster at {cluster.where} is not as its owner made it: {did}. If that run died,"
            " `harness recover` first; if its folder is gone, bring back what was there (look with"
            f" `{kubectl} get deployments,service/{service['metadata']['name']} -o wide`), then {by_hand}"
        )


def _marks(thing: Object) -> dict[str, str]:
    return thing["metadata"].get("annotations") or {}


def _ours(cluster: Cluster, name: str) -> list[Object]:
    query = {"labelSelector": f"{MANAGED}={OURS}"}
    return list(items(cluster.ask("GET", f"{_APPS}/{name}/deployments", query=query)))


def _note(deployment: Deployment, cluster: Cluster, name: str, workloads: list[Object], service: Object) -> None:
    if deployment.found is None:
        return
    noted = {
        "run": deployment.run_id,
        "cluster": cluster.where,
        "namespace": name,
        "deployments": {
            each["metadata"]["name"]: {part: each["spec"].get(part) for part in ("replicas", "template")}
            for each in workloads
        },
        "service": {"name": service["metadata"]["name"], "selector": service["spec"].get("selector") or {}},
        "uids": {
            **{f"Deployment {each['metadata']['name']}": each["metadata"].get("uid") for each in workloads},
            f"Service {service['metadata']['name']}": service["metadata"].get("uid"),
        },
    }
    with deployment.found.open("w", encoding="utf-8") as file:
        json.dump(noted, file)
        file.flush()
        os.fsync(file.fileno())


def restore(found: Path) -> list[str]:
    """Bring a target back to what the file says; see `harness.platforms.abilities.Attachable`."""
    try:
        noted = json.loads(found.read_text(encoding="utf-8"))
        _ = noted["namespace"], noted["deployments"], noted["service"]
    except (OSError, ValueError, KeyError, TypeError):
        # Noted in whole before anything is changed: without it nothing was.
        return []
    return _Back(Cluster.connect(), noted, found).all()


class _Back:
    """One restoration of a namespace to what was `noted` in the file `found`."""

    def __init__(self, cluster: Cluster, noted: Object, found: Path) -> None:
        self._cluster, self._found = cluster, found
        self._name, self._workloads, self._service = noted["namespace"], noted["deployments"], noted["service"]
        self._uids, self._noted_at = noted.get("uids") or {}, noted.get("cluster")
        self._run = str(noted.get("run"))
        self._theirs: set[str] = set()
        self._until = time.monotonic() + _BACK_S
        self._serves = True

    def all(self) -> list[str]:
        """Bring all back, look whether all is as it was, and return what was done."""
        done = self._without_the_gone()
        if not self._workloads and not self._serves and self._noted_at not in (None, self._cluster.where):
            raise EnvironmentFailure(
                f"nothing of what the run used in namespace {self._name} of the cluster at {self._noted_at} is in that"
                f" of the cluster at {self._cluster.where}: name the first in KUBECONFIG and try again, or remove"
                f" {self._found} if it is not to be brought back"
            )
        done += _thawed(self._cluster, self._name)
        for each, was in self._workloads.items():
            done += self._brought_back(each, was)
        added = self._added()
        for each in self._workloads:
            # Whether what its owner has made of it comes up is his affair, unless what is removed here answers for it.
            if added or each not in self._theirs:
                self._wait(lambda each=each: self._short_of(each))  # type: ignore[misc]
        done += self._selects_again()
        if added:
            self._wait(lambda: self._unreached(added))
        for called in [each["metadata"]["name"] for each in added]:
            # In the foreground: it is there until its pods have ended.
            self._cluster.ask("DELETE", self._workload(called), {"propagationPolicy": "Foreground"})
            done.append(f"removed Deployment {called} of namespace {self._name}")
        self._wait(self._differs)
        return done

    def _without_the_gone(self) -> list[str]:
        """Leave out what its owner has removed, or made anew, meanwhile: nothing of that is to be brought back."""
        lost = [each for each in self._workloads if not self._is_there(f"Deployment {each}", self._workload(each))]
        for each in lost:
            del self._workloads[each]
        gone = [f"Deployment {each}" for each in lost]
        service = f"Service {self._service['name']}"
        self._serves = self._is_there(service, self._place())
        gone += [] if self._serves else [service]
        where = f"namespace {self._name} of the cluster at {self._cluster.where}"
        return [f"{each} is not in {where} any more: somebody removed it" for each in gone]

    def _is_there(self, what: str, path: str) -> bool:
        """Say whether the object is the one that was found: another of its name is its owner's."""
        try:
            there = self._cluster.ask("GET", path)
        except Refused as error:
            if error.status == 404:
                return False
            raise
        return self._uids.get(what) in (None, there["metadata"].get("uid"))

    def _wait(self, lacks: Callable[[], str]) -> None:
        while lacking := lacks():
            if time.monotonic() > self._until:
                raise EnvironmentFailure(
                    f"namespace {self._name} is not as it was found {_BACK_S:g} s after it was begun to be brought"
                    f" back: {lacking}. What the run put beside it stays until then: look with"
                    f" `kubectl -n {self._name} get deployments,pods`, then `harness recover`"
                )
            time.sleep(_LOOK_S)

    def _workload(self, name: str) -> str:
        return f"{_APPS}/{self._name}/deployments/{name}"

    def _brought_back(self, name: str, was: Object) -> list[str]:
        undo = self._undo(name, was)
        self._theirs |= {name} if undo.left else set()
        if undo.patch:
            self._cluster.ask("PATCH", self._workload(name), undo.patch, kind=REPLACE)
        back = [f"Deployment {name} has its {' and '.join(undo.parts)} again"] if undo.parts else []
        return back + [self._left(f"Deployment {name}", part) for part in undo.left]

    def _undo(self, name: str, was: Object) -> Undo:
        return of_deployment(_get(self._cluster, self._workload(name)), was, self._run)

    def _left(self, what: str, part: str) -> str:
        return f"left the {part} of {what} of namespace {self._name} alone: somebody else has changed that since"

    def _short_of(self, name: str) -> str:
        """Return what a Deployment lacks to do its work again; empty when nothing."""
        found = _get(self._cluster, self._workload(name))
        status, wanted = found.get("status") or {}, int(found["spec"].get("replicas", 1))
        is_seen = int(status.get("observedGeneration") or 0) >= int(found["metadata"].get("generation") or 0)
        fresh, ready = (int(status.get(each) or 0) for each in ("updatedReplicas", "availableReplicas"))
        if is_seen and min(fresh, ready) >= wanted:
            return ""
        return f"of Deployment {name} {ready} of {wanted} pods are available, {fresh} are of the version that was there"

    def _place(self) -> str:
        return f"/api/v1/namespaces/{self._name}/services/{self._service['name']}"

    def _selects_again(self) -> list[str]:
        undo = self._undo_service()
        if undo.patch:
            self._cluster.ask("PATCH", self._place(), undo.patch, kind=REPLACE)
        name = f"Service {self._service['name']}"
        back = [f"{name} of namespace {self._name} selects again what it did"] if undo.parts else []
        return back + [self._left(name, part) for part in undo.left]

    def _undo_service(self) -> Undo:
        if not self._serves:
            return Undo()
        return of_service(_get(self._cluster, self._place()), self._service["selector"], self._run)

    def _added(self) -> list[Object]:
        # A run of another machine may be at work in the same namespace.
        return [each for each in _ours(self._cluster, self._name) if _marks(each).get(RUN) == self._run]

    def _unreached(self, added: list[Object]) -> str:
        """Return that the Service sends requests to none of the pods that were there before; empty when it does."""
        if not self._serves:
            return ""
        ours = [dict(each["spec"]["selector"].get("matchLabels") or {}) for each in added]
        chosen = (_get(self._cluster, self._place())["spec"].get("selector") or {}).items()
        mine = set()
        for pod in namespace.pods(self._cluster, self._name):
            labels = (pod["metadata"].get("labels") or {}).items()
            is_ours = any(each.items() <= labels for each in ours)
            if chosen and chosen <= labels and not is_ours and seen(pod).ready and not seen(pod).leaving:
                mine.add(pod["metadata"]["name"])
        place = f"/api/v1/namespaces/{self._name}/endpoints/{self._service['name']}"
        reached = {
            (address.get("targetRef") or {}).get("name")
            for subset in _get(self._cluster, place).get("subsets") or []
            for address in subset.get("addresses") or []
        }
        return f"Service {self._service['name']} reaches none of its pods yet" if mine and not mine & reached else ""

    def _differs(self) -> str:
        """Return what is not as it was; empty when all is."""
        lacking = [self._short_of(each) for each in self._workloads if each not in self._theirs]
        changed = [each for each, was in self._workloads.items() if self._undo(each, was).patch]
        lacking += [f"Deployment {each} is another" for each in changed]
        lacking += [f"Deployment {each['metadata']['name']} is still there" for each in self._added()]
        if self._undo_service().patch:
            lacking.append(f"Service {self._service['name']} selects other pods")
        return "; ".join(each for each in lacking if each)


def _thawed(cluster: Cluster, name: str) -> list[str]:
    if not namespace.is_local(cluster):
        return []
    done = []
    for pod in namespace.pods(cluster, name):
        frozen = [each for each in node.processes(pod["metadata"]["uid"]) if "T" in procfs.states(each.pid)]
        if frozen:
            done.append(f"thawed pod {pod['metadata']['name']}: {node.thaw(pod['metadata']['uid'], name)}")
    return done
