"""The API of one Kubernetes cluster, through its client; every failure comes as one of the harness's errors.

Objects are the API's own JSON, as dictionaries: user's manifests are such, and a watch hands out hundreds of them.
A path names what is meant, e.g. `/api/v1/namespaces/shop/pods`.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import kubernetes.client
import kubernetes.config
import kubernetes.stream
import urllib3.exceptions

from harness.errors import EnvironmentFailure
from harness.platforms.base import NotConfigured
from harness.platforms.kubernetes import key_files

Object = dict[str, Any]

PATCH = "application/strategic-merge-patch+json"
_TIMEOUT_S = (3.0, 15.0)
_PROBE_S = (1.0, 1.0)
_FILE_S = 120.0
_FILE_SILENT_S = 15.0
_FILE_IN_VAIN = 3
# Its size first, on the other channel, then what is still wanted of it.
_FILE = 'wc -c < "$0" >&2 && exec tail -c "+$1" "$0"'
_LOOK_S = 0.2
_BROKEN = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)
_CONFIGURE = "Set KUBECONFIG to the configuration of one, or make ~/.kube/config"
_REMEDY = "Look with `kubectl cluster-info`; KUBECONFIG names the cluster to use"


class Unreachable(EnvironmentFailure):
    """The API server gave no answer."""


class Refused(EnvironmentFailure):
    """The API server said no. `status` is that of HTTP, `reason` its own word for it (`NotFound`, `Forbidden`…)."""

    def __init__(self, text: str, status: int, reason: str = "") -> None:
        super().__init__(text)
        self.status, self.reason = status, reason


class Stream:
    """The lines of an answer that goes on; `close` ends it from any thread. Half a line that broke off is left out."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        try:
            for part in self._answer.stream(65_536):
                *lines, rest = (rest + part).split(b"\n")
                yield from lines
        except (*_BROKEN, ValueError, AttributeError):
            # Closed under the reader, or broken off: whoever reads on asks again.
            return
        if rest:
            yield rest

    def close(self) -> None:
        """Idempotent."""
        if not self._closed.is_set():
            self._closed.set()
            try:
                self._answer.shutdown()
            except (*_BROKEN, ValueError, AttributeError, RuntimeError):
                self._answer.close()


class Cluster:
    """One connection, to be used from any thread."""

    def __init__(self, configuration: Any) -> None:
        self.where = str(configuration.host)
        self._configuration = configuration
        self._api = kubernetes.client.ApiClient(configuration)
        self._served: dict[str, dict[str, tuple[str, bool]] | None] = {}

    @classmethod
    def connect(cls) -> Cluster:
        """Return the cluster of KUBECONFIG, of ~/.kube/config, or the one this runs in. Nothing is sent yet.

        Raises:
            NotConfigured: There is no configuration at all.
            EnvironmentFailure: The configuration cannot be used.
        """
        if not is_configured():
            raise NotConfigured(f"no cluster is configured. {_CONFIGURE}")
        configuration = kubernetes.client.Configuration()
        try:
            if places := _files():
                kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=os.pathsep.join(places),
                    client_configuration=configuration,
                    temp_file_path=str(key_files.directory()),
                )
            else:
                kubernetes.config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except Exception as error:
            # A broken file fails in as many ways as there are parts of it.
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise EnvironmentFailure(f"no cluster: its configuration cannot be used: {said}. {_CONFIGURE}") from error
        configuration.retries = False
        configuration.connection_pool_maxsize = 64
        return cls(configuration)

    # -- one request

    def ask(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> Object:
        """Send one request, and return the answer.

        Raises:
            Unreachable: There is no answer, or none of an API server.
            Refused: The server says no.
        """
        answer = self._send(method, path, body, query, kind, _TIMEOUT_S)
        try:
            data = answer.read()
        except _BROKEN as error:
            raise self._unreachable(error) from error
        if answer.status >= 300:
            raise self._refused(method, path, answer.status, data)
        try:
            found = json.loads(data or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            begins = " ".join(data[:60].decode(errors="replace").split())
            raise Unreachable(f"what answers at {self.where} is no cluster: it says {begins!r}. {_REMEDY}")
        return found

    def probe(self, path: str) -> tuple[int, dict[str, str]]:
        """Send one GET; return the status and the headers of the answer, their names in lower case.

        The status is 0 when nothing came in time.
        """
        try:
            answer = self._send("GET", path, None, None, "", _PROBE_S)
            answer.read()
        except (Unreachable, *_BROKEN):
            return 0, {}
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}

    def stream(self, path: str, query: Mapping[str, str], silent_s: float | None = None) -> Stream:
        """Yield the lines of a GET that goes on: a watch, a log. It ends when nothing came for `silent_s`."""
        answer = self._send("GET", path, None, query, "", (_TIMEOUT_S[0], silent_s))
        if answer.status >= 300:
            raise self._refused("GET", path, answer.status, answer.read())
        return Stream(answer)

    def _send(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | None,
        query: Mapping[str, str] | None,
        kind: str,
        timeout: Any,
    ) -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": kind} if body is not None else {})}
        try:
            request = self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            return self._api.call_api(*request, _request_timeout=timeout).response
        except (*_BROKEN, kubernetes.client.ApiException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        said = str(error).splitlines()[-1][:160] if str(error) else type(error).__name__
        return Unreachable(f"the cluster at {self.where} does not answer: {said}. {_REMEDY}")

    def _refused(self, method: str, path: str, status: int, data: bytes) -> Refused:
        try:
            said = json.loads(data)
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        text = said.get("message") or data[:200].decode(errors="replace")
        return Refused(f"the cluster at {self.where} refuses {method} {path}: {text}", status, said.get("reason", ""))

    # -- what it serves

    def address_of(self, api: str, kind: str) -> tuple[str, str, bool]:
        """Return where objects of a kind are, in a version that the server serves.

        Args:
            api: The version that a manifest names; where the server has another of the same group, that one is taken.
            kind: The kind of object.

        Returns:
            Version, collection, and whether the kind is namespaced. The collection is a path with the place of the
            namespace left open: `{namespace}`.

        Raises:
            EnvironmentFailure: The kind is not served.
        """
        group = api.rpartition("/")[0]
        for version in [api, *(self._versions(group) if group else [])]:
            found = (self._resources(version) or {}).get(kind)
            if found is not None:
                plural, namespaced = found
                root = f"/apis/{version}" if group else f"/api/{version}"
                inside = f"{root}/namespaces/{{namespace}}" if namespaced else root
                return version, f"{inside}/{plural}", namespaced
        raise EnvironmentFailure(f"the cluster at {self.where} has no {kind} of {api}: install what serves it")

    def _versions(self, group: str) -> list[str]:
        try:
            return [each["groupVersion"] for each in self.ask("GET", f"/apis/{group}")["versions"]]
        except Refused:
            return []

    def _resources(self, version: str) -> dict[str, tuple[str, bool]] | None:
        if version not in self._served:
            try:
                found = self.ask("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
                self._served[version] = {
                    each["kind"]: (each["name"], bool(each["namespaced"]))
                    for each in found.get("resources", [])
                    if "/" not in each["name"]
                }
            except Refused:
                self._served[version] = None
        return self._served[version]

    def eviction(self) -> str:
        """Return the version in which evictions are asked for.

        Raises:
            EnvironmentFailure: The cluster evicts no pods.
        """
        for each in self.ask("GET", "/api/v1").get("resources", []):
            if each["name"] == "pods/eviction":
                return f"{each.get('group') or 'policy'}/{each.get('version') or 'v1beta1'}"
        raise EnvironmentFailure(f"the cluster at {self.where} evicts no pods: it has no pods/eviction")

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        """Say whether this user may do that in the whole cluster; `resource` may name a part: `pods/log`."""
        name, _, part = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": name, "subresource": part}
        review: Object = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return bool(answer.get("status", {}).get("allowed"))

    # -- inside a pod

    def read_file(self, namespace: str, pod: str, container: str, path: str) -> bytes:
        """Return a file of a container, read by commands in the container.

        A cluster may close the stream of a command that has ended before all that it printed was sent, and call that a
        success: the rest is asked for until as much is there as the file was long.

        Raises:
            EnvironmentFailure: The file cannot be read, or nothing comes any more.
        """
        until = time.monotonic() + _FILE_S
        found, in_vain = b"", 0
        while in_vain < _FILE_IN_VAIN:
            command = ["sh", "-c", _FILE, path, str(len(found) + 1)]
            reading = _Reading(self._configuration, namespace, pod, container, command)
            self._bounded(reading, pod, path, until)
            part, length = b"".join(reading.found), reading.errors.decode(errors="replace").strip()
            found += part
            if length.isdigit() and len(found) >= int(length):
                return found
            in_vain = 0 if part else in_vain + 1
        came = f"{len(found)} of {length or '?'} bytes came"
        raise EnvironmentFailure(f"{path} of pod {pod} cannot be read: {came}, and then no more")

    @staticmethod
    def _bounded(reading: _Reading, pod: str, path: str, until: float) -> None:
        # In a thread, because neither the connecting nor the reading of a web socket can be bounded otherwise.
        reader = threading.Thread(target=reading.run, name=f"read {pod}", daemon=True)
        reader.start()
        while reader.is_alive():
            reader.join(_LOOK_S)
            now = time.monotonic()
            if now > until or now - reading.heard > _FILE_SILENT_S:
                reading.over.set()
                how = f"{_FILE_S:g} s" if now > until else f"{_FILE_SILENT_S:g} s, and nothing comes any more"
                raise EnvironmentFailure(f"{path} of pod {pod} cannot be read: not all of it came within {how}")
        if reading.failure:
            raise EnvironmentFailure(f"{path} of pod {pod} cannot be read: {reading.failure}")


class _Reading:
    """What one command in a container printed, as far as it came. `heard` is when something came last."""

    def __init__(self, configuration: Any, namespace: str, pod: str, container: str, command: list[str]) -> None:
        # A client of its own: while it speaks through a web socket no other request can.
        self._api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration))
        self._namespace, self._pod, self._container, self._command = namespace, pod, container, command
        self.heard = time.monotonic()
        self.over = threading.Event()
        self.found: list[bytes] = []
        self.errors = b""
        self.failure = ""

    def run(self) -> None:
        """All of it, or `failure`; ends soon after `over` is set, if anything still comes."""
        try:
            code = self._all()
        except Exception as error:
            # What the client raises depends on which of its layers failed.
            self.failure = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            return
        if code:
            said = self.errors.decode(errors="replace").strip()
            self.failure = f"{self._command[0]} exited with {code}: {said}"

    def _all(self) -> int:
        answer = kubernetes.stream.stream(
            self._api.connect_get_namespaced_pod_exec,
            self._pod,
            self._namespace,
            container=self._container,
            command=self._command,
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
            binary=True,
            _preload_content=False,
        )
        while answer.is_open() and not self.over.is_set():
            answer.update(timeout=_LOOK_S)
            part = answer.read_stdout() if answer.peek_stdout() else b""
            said = answer.read_stderr() if answer.peek_stderr() else b""
            if part or said:
                self.heard = time.monotonic()
            self.found.append(part if isinstance(part, bytes) else str(part).encode())
            self.errors += said
        if self.over.is_set():
            answer.close()
            return 0
        return int(answer.returncode)


def is_configured() -> bool:
    """Say whether anything here names a cluster; if not, there is nothing to look for."""
    return "KUBERNETES_SERVICE_HOST" in os.environ or bool(_files())


def _files() -> list[str]:
    # Read anew each time: the client's own default is taken when it is imported.
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [str(file) for each in named.split(os.pathsep) if each and (file := Path(each).expanduser()).exists()]


def join(collection: str, namespace: str, *names: str) -> str:
    """Return the path of an object in a collection as `address_of` gives it, or of a part of that object."""
    return "/".join([collection.replace("{namespace}", namespace), *(quote(name, safe="") for name in names)])


def items(found: Object) -> Sequence[Object]:
    """Return the objects of a list."""
    return found.get("items") or []
