"""What is asked of the cluster's controllers while a run lasts: other numbers, other versions; undone if it breaks off.

One request follows another, whoever asks. After `close` none is sent any more, so that none can land in what a
tear-down has brought back.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import EnvironmentFailure
from harness.platforms.base import Role
from harness.platforms.kubernetes import manifests, namespace, second_deployment
from harness.platforms.kubernetes.actions import Up
from harness.platforms.kubernetes.api import PATCH, Refused, Unreachable
from harness.platforms.kubernetes.pods import seen, versions

Object = dict[str, Any]

MERGE = "application/merge-patch+json"
REPLACE = "application/json-patch+json"
_LOOK_S = 0.1
_LEAVE_S = 10.0
_AGAIN_S = 0.3
_UNDO_S = 10.0


@dataclass(frozen=True)
class _SecondVersion:
    """A second version of a role: the path of the first one's Deployment, the name and path of its own."""

    role: Role
    before: str
    name: str
    path: str
    version: str
    labels: Object
    """By which its own pods are known."""
    selected: dict[str, str | None]
    """Which of the labels that a switch changes the Service selected before, and by which value."""
    narrowed: dict[str, str]
    """The same while the second version comes up; empty where its pods get no requests as it is."""
    mark: str | None
    """Whose change of the selector that was."""


class Changes:
    """The changes of one run; may be asked for from any thread."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._templates: dict[Role, Object] = {}
        self._half_done = ""

    def close(self) -> None:
        """Change nothing from now on; return when a request that is under way is answered. May be called twice."""
        self._closed.set()
        with self._lock:
            pass

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            if self._closed.is_set():
                raise EnvironmentFailure("the run is being torn down: nothing is changed any more")
            yield

    # -- numbers, and versions one pod after another

    def scale(self, role: Role, count: int) -> None:
        """Want so many pods of a role."""
        with self._changing():
            self._scale(self._up.workload(role), count)

    def _scale(self, workload: str, count: int) -> None:
        self._up.cluster.ask("PATCH", workload, manifests.scaled(count, self._up.deployment.run_id), kind=MERGE)

    def roll(self, role: Role, environment: Mapping[str, str]) -> None:
        """Begin to bring up another version of a role, or the same anew, one pod after another."""
        with self._changing():
            self._raise_if_half_done()
            self._templates.pop(role, None)
            path = self._up.workload(role)
            found = self._up.cluster.ask("GET", path)
            stamp = manifests.marked(time.time_ns(), self._up.deployment.run_id)
            patch = manifests.renewed(found, environment, stamp)
            self._templates[role] = found["spec"]["template"]
            self._up.cluster.ask("PATCH", path, patch, kind=PATCH)

    def give_up(self, role: Role) -> None:
        """Go back to the version before the last `roll`, unless there was a `switch` since: that undoes itself."""
        with self._lock:
            template = self._templates.pop(role, None)
            if template is not None and not self._closed.is_set():
                patch: list[Object] = [{"op": "replace", "path": "/spec/template", "value": template}]
                self._up.cluster.ask("PATCH", self._up.workload(role), patch, kind=REPLACE)

    # -- another version at one stroke

    def switch(
        self, role: Role, environment: Mapping[str, str], deadline_s: float, abort: threading.Event | None = None
    ) -> None:
        """Bring up another version beside the present one, send all requests to it, and let the present one go.

        Returns once that is asked for.

        Raises:
            EnvironmentFailure: The new version was not available in time, or `abort` was set. Then all is as it was
                before.
        """
        until = time.monotonic() + deadline_s
        second, fresh = self._prepare(role, environment)
        try:
            with self._changing():
                if second.narrowed:
                    self._select(second.narrowed, self._up.deployment.run_id)
                self._up.cluster.ask("POST", self._up.path("deployments", api="/apis/apps/v1"), fresh)
                self._up.second_deployments.add(second.path)
            while True:
                # Under the lock, so that nobody changes anything between the last look and the hand-over.
                with self._changing():
                    short = self._short_of(second)
                    if abort is not None and abort.is_set():
                        raise EnvironmentFailure(f"not awaited any longer, the run is being ended: {short or 'it is'}")
                    if time.monotonic() > until:
                        raise EnvironmentFailure(f"not within {deadline_s:g} s: {short or 'it came too late'}")
                    if not short:
                        self._hand_over(second)
                        return
                self._closed.wait(_LOOK_S)
        except BaseException as error:
            self._take_back(second, error)
            raise

    def _prepare(self, role: Role, environment: Mapping[str, str]) -> tuple[_SecondVersion, Object]:
        up = self._up
        with self._changing():
            self._raise_if_half_done()
            self._templates.pop(role, None)
            before = up.workload(role)
            service = up.cluster.ask("GET", up.path("services", up.part.service))
            found = up.cluster.ask("GET", before)
            name, path = self._free(role)
            version = str(up.versions[role])
            marks = second_deployment.marks(up.deployment.run_id, up.workloads[role], up.part.service)
            fresh = manifests.second_deployment(found, environment, name, version, marks)
            narrowed = self._narrowed(role, found, fresh, service)
        selector = service["spec"].get("selector") or {}
        selected = {label: selector.get(label) for label in manifests.SELECTED}
        labels, mark = fresh["spec"]["selector"]["matchLabels"], second_deployment.marks_of(service).get(manifests.RUN)
        return _SecondVersion(role, before, name, path, version, labels, selected, narrowed, mark), fresh

    def _narrowed(self, role: Role, found: Object, fresh: Object, service: Object) -> dict[str, str]:
        """Return a label that keeps requests from the next version: somebody else's Service may select all versions.

        Raises:
            EnvironmentFailure: The present pods are of several versions; then no label does that.
        """
        selector = service["spec"].get("selector") or {}
        labels, name = fresh["spec"]["template"]["metadata"]["labels"], found["metadata"]["name"]
        if role != "replica" or not selector or not selector.items() <= labels.items():
            return {}
        hashes = versions(namespace.pods(self._up.cluster, self._up.namespace), name)
        if len(hashes) != 1 and found["spec"].get("replicas", 1):
            raise EnvironmentFailure(
                f"Deployment {name} has pods of {len(hashes)} versions, not of one that a label could tell from the"
                " next: a rollout has to be over before the switch"
            )
        return {manifests.HASH: hashes.pop()} if hashes else {}

    def _free(self, role: Role) -> tuple[str, str]:
        """Return name and path of the next version. In somebody else's namespace another may be called so already."""
        up = self._up
        while True:
            up.versions[role] += 1
            name = manifests.name_of_second(up.workloads[role], up.versions[role])
            path = up.path("deployments", name, api="/apis/apps/v1")
            if self._found(path) is None:
                return name, path

    def _short_of(self, second: _SecondVersion) -> str:
        """Return what is lacking for the new version to take over; empty when nothing is."""
        found = self._up.cluster.ask("GET", second.path)
        wanted, has = int(found["spec"]["replicas"]), int((found.get("status") or {}).get("availableReplicas") or 0)
        return "" if has >= wanted else f"of Deployment {second.name} {has} of {wanted} pods are available"

    def _hand_over(self, second: _SecondVersion) -> None:
        up = self._up
        if second.role == "replica":
            version = {**dict.fromkeys(manifests.SELECTED), manifests.VERSION: second.version}
            self._select(version, up.deployment.run_id)
        self._scale(second.before, 0)
        up.workloads[second.role] = second.name

    def _select(self, labels: Mapping[str, str | None], mark: str | None) -> None:
        """Let the Service's selector have these labels (None: not have them), and say whose change that is."""
        place = self._up.path("services", self._up.part.service)
        selector = self._up.cluster.ask("GET", place)["spec"].get("selector") or {}
        if any(selector.get(label) != value for label, value in labels.items()):
            marks = {"annotations": {manifests.RUN: mark}}
            self._up.cluster.ask("PATCH", place, {"metadata": marks, "spec": {"selector": dict(labels)}}, kind=MERGE)

    def _take_back(self, second: _SecondVersion, error: BaseException) -> None:
        """Undo a switch that broke off, again and again for some time.

        Raises:
            EnvironmentFailure: It cannot be undone.
        """
        with self._lock:
            until = time.monotonic() + _UNDO_S
            # Once it is closed, whoever tears down removes it, or brings back what was there.
            while not self._closed.is_set():
                try:
                    self._back(second)
                    return
                except EnvironmentFailure as also:
                    if not _may_pass(also) or time.monotonic() > until:
                        self._half_done = f"the switch to Deployment {second.name} could not be undone: {also}"
                        raise EnvironmentFailure(f"{error}; nor could it be undone: {also}") from error
                self._closed.wait(_AGAIN_S)

    def _raise_if_half_done(self) -> None:
        if self._half_done:
            up = self._up
            raise EnvironmentFailure(
                f"namespace {up.namespace} is between two versions, which another would make worse: {self._half_done}."
                f" Look with `kubectl -n {up.namespace} get deployments,service/{up.part.service} -o wide`, and begin"
                " another run: the end of this one brings back what it can, `harness recover` the rest"
            )

    def _back(self, second: _SecondVersion) -> None:
        """Undo a switch; may be called again after this broke off anywhere."""
        up = self._up
        mine = self._mine(second)
        if mine and up.cluster.ask("GET", second.before)["spec"].get("replicas") == 0:
            # The hand-over was done, although no answer said so.
            up.workloads[second.role] = second.name
            return
        # Whoever has the name next is not the run's to mark.
        up.second_deployments.discard(second.path)
        if second.role == "replica":
            mark = up.deployment.run_id if second.narrowed else second.mark
            self._select({**second.selected, **second.narrowed}, mark)
        if mine:
            which = {"uid": mine["metadata"]["uid"]}
            try:
                up.cluster.ask("DELETE", second.path, {"propagationPolicy": "Background", "preconditions": which})
            except Refused as error:
                # Gone since it was looked at, by a request whose answer was lost; or another of its name.
                if error.status not in (404, 409):
                    raise
        if second.narrowed:
            self._until_leaving(second)
            self._select(second.selected, second.mark)

    def _until_leaving(self, second: _SecondVersion) -> None:
        """Wait until no pod of the second version can get a request, for as long as that may take."""
        until = time.monotonic() + _LEAVE_S
        while time.monotonic() < until and not self._closed.is_set():
            pods = [seen(pod) for pod in namespace.pods(self._up.cluster, self._up.namespace, second.labels)]
            if all(pod.leaving or pod.ended for pod in pods):
                return
            self._closed.wait(_LOOK_S)

    def _mine(self, second: _SecondVersion) -> Object | None:
        """Return the Deployment of the second version, if this run made the one of that name."""
        found = self._found(second.path)
        marks = found["metadata"].get("annotations") or {} if found else {}
        return found if marks.get(manifests.RUN) == self._up.deployment.run_id else None

    def _found(self, path: str) -> Object | None:
        try:
            return self._up.cluster.ask("GET", path)
        except Refused as error:
            if error.status == 404:
                return None
            raise


def _may_pass(error: EnvironmentFailure) -> bool:
    """Say whether the same request may be answered a moment later."""
    is_busy = isinstance(error, Refused) and (error.status == 429 or error.status >= 500)
    return is_busy or isinstance(error, Unreachable)
