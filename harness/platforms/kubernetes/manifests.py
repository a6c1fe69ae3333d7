"""Kubernetes manifests as a user wrote them, and what a run changes of them. Pure, but for reading the files."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.platforms.base import Deployment, Role
from harness.platforms.common import ledger_program

Object = dict[str, Any]

OURS = "stateless-harness"
"""Prefix of our labels and annotations, and the value of `app.kubernetes.io/managed-by` of our namespaces."""
RUN, ROLE, VERSION, LEASE, HOST = (f"{OURS}/{name}" for name in ("run", "role", "version", "lease", "host"))
SCALED, RENEWED, VARIABLES = (f"{OURS}/{name}" for name in ("scaled", "renewed", "variables"))
"""What a run wrote into a Deployment: the number it set, the stamp of its last `roll` and the names of what it gave."""
BESIDE, SERVICE = (f"{OURS}/{name}" for name in ("beside", "service"))
"""Of a second Deployment in a namespace of somebody else's: the one it stands beside, and the Service of both."""
HASH = "pod-template-hash"
"""The label by which the cluster itself tells the pods of two versions apart."""
SELECTED = (VERSION, HASH)
"""Labels that a `switch` puts into the selector of a Service, or takes out of it."""
MANAGED = "app.kubernetes.io/managed-by"
FIRST_VERSION = "1"
RECORD = "/var/lib/ledger/ledger.jsonl"
"""Where the ledger's container keeps its record."""
# What others of the same manifests refer to comes first.
_EARLY = ("ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "Service")


def namespace_of(run_id: str) -> str:
    """Return the name of a run's namespace: a DNS label, another for every run."""
    slug = re.sub(r"[^a-z0-9]+", "-", run_id.lower())[-45:].strip("-")
    return f"harness-{slug}-{hashlib.sha256(run_id.encode()).hexdigest()[:6]}"


def namespace(run_id: str, annotations: Mapping[str, str]) -> Object:
    """Return the namespace of a run as it is created.

    The exact id of the run is an annotation, because a label may not hold any text.
    """
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace_of(run_id),
            "labels": {MANAGED: OURS},
            "annotations": {RUN: run_id, **annotations},
        },
    }


def read(files: Iterable[str], directory: Path) -> list[Object]:
    """Return all objects of the files, those that others refer to first.

    Raises:
        UsageError: Naming the file that is not there, is no YAML, or holds something that is no manifest.
    """
    found: list[Object] = []
    for name in files:
        place = directory / name
        try:
            documents = list(yaml.safe_load_all(place.read_text(encoding="utf-8")))
        except OSError as error:
            raise UsageError(
                f"{place}: the manifests cannot be read: {error.strerror}. Correct start.kubernetes.manifests"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{place}: not YAML: {' '.join(str(error).split())[:300]}") from error
        for document in documents:
            found += _objects(place, document)
    # A namespace of its own takes the place of any that the manifests make.
    return sorted(
        (each for each in found if each["kind"] != "Namespace"),
        key=lambda each: _EARLY.index(each["kind"]) if each["kind"] in _EARLY else len(_EARLY),
    )


def _objects(place: Path, document: Any) -> list[Object]:
    if document is None:
        return []
    if isinstance(document, dict) and document.get("kind") == "List":
        return [each for item in document.get("items") or [] for each in _objects(place, item)]
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise UsageError(f"{place}: a document is no manifest: it has no metadata")
    missing = [field for field in ("apiVersion", "kind") if not isinstance(document.get(field), str)]
    if missing:
        raise UsageError(f"{place}: {document['metadata'].get('name', 'a document')} has no {' and no '.join(missing)}")
    return [document]


def changed(documents: list[Object], deployment: Deployment) -> list[Object]:
    """The objects of a run: its numbers, its variables (from `secrets`), its labels.

    Raises `UsageError` when a Deployment or Service that the contract names is not among the objects.
    """
    part = deployment.kubernetes
    assert part is not None
    made = [copy.deepcopy(each) for each in documents]
    replica = _named(made, "Deployment", part.replica)
    _adapt(replica, "replica", deployment.replicas, deployment)
    if part.worker:
        _adapt(_named(made, "Deployment", part.worker), "worker", deployment.workers, deployment)
    if part.ledger:
        main(_named(made, "Deployment", part.ledger)).setdefault("env", []).extend(_ledger(deployment))
    service = _named(made, "Service", part.service)
    if service.get("spec", {}).get("type", "ClusterIP") == "ClusterIP":
        service["spec"]["type"] = "NodePort"
    service["spec"].setdefault("selector", {})[VERSION] = FIRST_VERSION
    for each in made:
        each["metadata"].pop("namespace", None)
    return made


def secrets(deployment: Deployment) -> list[Object]:
    """Return the variables of each role as Secrets: they hold secrets, which no pod's description may show."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": _secret_name(role)},
            "stringData": dict(variables),
        }
        for role, variables in deployment.environment.items()
    ]


def _secret_name(role: Role) -> str:
    return f"{OURS}-{role}"


def _named(documents: list[Object], kind: str, name: str) -> Object:
    mine = [each for each in documents if each["kind"] == kind]
    for each in mine:
        if each["metadata"].get("name") == name:
            return each
    there = ", ".join(str(each["metadata"].get("name")) for each in mine) or "none"
    raise UsageError(f"start.kubernetes: the manifests have no {kind} {name}; of that kind there is {there}")


def _adapt(workload: Object, role: Role, count: int, deployment: Deployment) -> None:
    spec = workload["spec"]
    spec["replicas"] = count
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels[ROLE] = role
    if role == "replica":
        labels[VERSION] = FIRST_VERSION
    given = deployment.environment.get(role, {})
    container = main(workload)
    kept = [each for each in container.get("env") or [] if each.get("name") not in given]
    container["env"] = kept + [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": _secret_name(role), "key": name}}} for name in given
    ]


def _ledger(deployment: Deployment) -> list[Object]:
    """Return what the provider is like, in the variables of `python -m harness.doubles.ledger`."""
    given = {"LEDGER_RECORD": RECORD, **ledger_program.environment(deployment)}
    return [{"name": name, "value": value} for name, value in given.items()]


def images(documents: Iterable[Object]) -> set[str]:
    """Return the names of all images that the manifests ask for."""
    found = set()
    for each in documents:
        spec = (((each.get("spec") or {}).get("template") or {}).get("spec") or {}) if "template" in str(each) else {}
        for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
            found.add(str(container.get("image")))
    return found


def main(workload: Object) -> Object:
    """Return the container that is the service: the first."""
    found: Object = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def marked(what: object, run_id: str) -> str:
    """Return what a run wrote, as an annotation says it, so that another run's, or another number, is told from it."""
    return f"{what} by {run_id}"


def is_marked(mark: str, run_id: str) -> bool:
    """Say whether that run wrote the annotation, whatever it wrote."""
    return mark.partition(" by ")[2] == run_id


def scaled(count: int, run_id: str) -> Object:
    """Return the patch that wants so many pods of a Deployment, and says whose number that is."""
    return {"metadata": {"annotations": {SCALED: marked(count, run_id)}}, "spec": {"replicas": count}}


def renewed(workload: Object, environment: Mapping[str, str], stamp: str) -> Object:
    """Return the patch that rolls out a new version of a Deployment: other variables, or the same version anew.

    `stamp` is new every time: without a change nothing would be rolled out.
    """
    before = workload["spec"]["template"].get("metadata", {}).get("annotations") or {}
    given = sorted({*before.get(VARIABLES, "").split(), *environment})
    entries = [{"name": name, "value": value, "valueFrom": None} for name, value in environment.items()]
    spec: Object = {"containers": [{"name": main(workload)["name"], "env": entries}]} if entries else {}
    annotations = {RENEWED: stamp, **({VARIABLES: " ".join(given)} if given else {})}
    return {"spec": {"template": {"metadata": {"annotations": annotations}, **({"spec": spec} if spec else {})}}}


def name_of_second(name: str, version: int) -> str:
    """Return what a Deployment of this version is called beside the one of that name, or beside its second one."""
    return f"{re.sub(r'-v[0-9]+$', '', name)}-v{version}"


def second_deployment(
    workload: Object, environment: Mapping[str, str], name: str, version: str, annotations: Mapping[str, str]
) -> Object:
    """Return a Deployment like this one, of another name and version; the annotations say whose it is."""
    made = copy.deepcopy(workload)
    labels = {**(made["metadata"].get("labels") or {}), MANAGED: OURS}
    made = {key: value for key, value in made.items() if key in ("apiVersion", "kind", "spec")}
    made["metadata"] = {"labels": labels, "name": name, "annotations": dict(annotations)}
    made["spec"]["template"]["metadata"]["labels"][VERSION] = version
    made["spec"]["selector"].setdefault("matchLabels", {})[VERSION] = version
    container = main(made)
    container["env"] = [each for each in container.get("env") or [] if each["name"] not in environment]
    container["env"] += [{"name": key, "value": value} for key, value in environment.items()]
    return made
