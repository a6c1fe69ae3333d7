"""Manifests: read, and made into those of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.contract.start import Kubernetes
from harness.errors import UsageError
from harness.platforms.base import Deployment, Program, Slot
from harness.platforms.kubernetes import manifests
from tests.support.paths import ROOT

PART = Kubernetes(
    manifests=["target_service/kubernetes.yaml", "target_service/kubernetes-budget.yaml"],
    replica="target",
    worker="worker",
    service="target",
    service_port=80,
    port=8000,
    ledger="ledger",
)


def order(**changes: Any) -> Deployment:
    def launch(slot: Slot) -> Program:
        return Program([], {})

    given: dict[str, Any] = {
        "run_id": "kill-2026.Seed_1-ab12cd",
        "logs": ROOT,
        "ledger_record": ROOT,
        "replicas": 4,
        "workers": 0,
        "directory": ROOT,
        "replica": launch,
        "worker": launch,
        "health": "/health",
        "ready": "/ready",
        "kubernetes": PART,
        "environment": {"replica": {"JWT_SECRET": "s3cr3t-s3cr3t", "DRAIN_S": "2"}, "worker": {"LEASE_S": "1"}},
        "ledger_fences": False,
        **changes,
    }
    return Deployment(**given)


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


@pytest.mark.parametrize("run_id", ["kill-2026.Seed_1-ab12cd", "A" * 48, "x", "9-._-"])
def test_a_namespace_is_a_dns_label_and_another_for_every_run(run_id: str):
    name = manifests.namespace_of(run_id)
    assert len(name) <= 63 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not name.endswith("-")
    assert name != manifests.namespace_of(run_id + "a") and manifests.namespace_of("a.b") != manifests.namespace_of(
        "a-b"
    )


def test_the_reference_manifests_become_a_run():
    written = manifests.read(PART.manifests, ROOT)
    made = manifests.changed(written, order())
    assert written == manifests.read(PART.manifests, ROOT), "what was read stays as it was"
    target = named(made, "Deployment", "target")
    assert target["spec"]["replicas"] == 4
    assert target["spec"]["template"]["metadata"]["labels"] == {
        "app.kubernetes.io/name": "target",
        "stateless-harness/role": "replica",
        "stateless-harness/version": "1",
    }
    assert target["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "REPLICA", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        *(
            {"name": name, "valueFrom": {"secretKeyRef": {"name": "stateless-harness-replica", "key": name}}}
            for name in ("JWT_SECRET", "DRAIN_S")
        ),
    ]
    assert named(made, "Deployment", "worker")["spec"]["replicas"] == 0
    assert named(made, "Service", "target")["spec"]["selector"] == {
        "app.kubernetes.io/name": "target",
        "stateless-harness/version": "1",
    }
    variables = {each["name"]: each["value"] for each in manifests.main(named(made, "Deployment", "ledger"))["env"]}
    assert variables["LEDGER_NO_FENCES"] == "1" and variables["LEDGER_DELAY_MS"] == "50"
    assert variables["LEDGER_RECORD"] == manifests.RECORD
    mount = manifests.main(named(made, "Deployment", "ledger"))["volumeMounts"][0]["mountPath"]
    assert manifests.RECORD.startswith(f"{mount}/")


def test_no_secret_is_in_what_describes_a_pod():
    made = manifests.changed(manifests.read(PART.manifests, ROOT), order())
    assert "s3cr3t" not in str(made)
    assert "s3cr3t-s3cr3t" in str(manifests.secrets(order()))


def test_what_others_refer_to_is_made_first():
    kinds = [each["kind"] for each in manifests.read(PART.manifests, ROOT)]
    assert kinds.index("Deployment") > max(kinds.index(kind) for kind in ("ConfigMap", "Secret", "Service"))
    assert kinds.count("PodDisruptionBudget") == 1


@pytest.mark.parametrize(
    "text, says",
    [
        ("a: [", "not YAML"),
        ("just text", "is no manifest"),
        ("metadata: {name: x}\nkind: Pod", "x has no apiVersion"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str):
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(UsageError, match=rf"(?s)wrong\.yaml.*{says}"):
        manifests.read(["wrong.yaml"], tmp_path)
    with pytest.raises(UsageError, match=r"missing\.yaml.*cannot be read.*start\.kubernetes\.manifests"):
        manifests.read(["missing.yaml"], tmp_path)


def test_what_the_contract_names_has_to_be_there():
    written = manifests.read(PART.manifests, ROOT)
    with pytest.raises(UsageError, match="no Deployment web; of that kind there is target, worker, ledger"):
        manifests.changed(written, order(kubernetes=PART.model_copy(update={"replica": "web"})))
    with pytest.raises(UsageError, match="no Service web; of that kind there is target, ledger, redis"):
        manifests.changed(written, order(kubernetes=PART.model_copy(update={"service": "web"})))


def test_lists_are_taken_apart_and_namespaces_left_out(tmp_path: Path):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    whole = {"apiVersion": "v1", "kind": "List", "items": [pod, space]}
    (tmp_path / "list.yaml").write_text(yaml.safe_dump_all([None, whole]))
    assert manifests.read(["list.yaml"], tmp_path) == [pod]


def test_another_version_stands_beside_and_gets_no_requests_yet():
    made = manifests.changed(manifests.read(PART.manifests, ROOT), order())
    target, service = named(made, "Deployment", "target"), named(made, "Service", "target")
    target["status"], target["metadata"]["uid"] = {"replicas": 4}, "u"
    fresh = manifests.second_deployment(target, {"DRAIN_S": "3"}, "target-v2", "2", {"whose": "mine"})
    assert "status" not in fresh
    assert fresh["metadata"] == {
        "name": "target-v2",
        "labels": {"app.kubernetes.io/name": "target", "app.kubernetes.io/managed-by": "stateless-harness"},
        "annotations": {"whose": "mine"},
    }
    labels = fresh["spec"]["template"]["metadata"]["labels"]
    assert fresh["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert not service["spec"]["selector"].items() <= labels.items()
    env = {each["name"]: each for each in manifests.main(fresh)["env"]}
    assert env["DRAIN_S"] == {"name": "DRAIN_S", "value": "3"} and "secretKeyRef" in env["JWT_SECRET"]["valueFrom"]
    assert (
        manifests.name_of_second("target", 2) == "target-v2" and manifests.name_of_second("target-v2", 3) == "target-v3"
    )


def test_a_new_version_differs_even_if_nothing_else_does():
    target = named(manifests.read(PART.manifests, ROOT), "Deployment", "target")
    assert manifests.renewed(target, {}, "7") == {
        "spec": {"template": {"metadata": {"annotations": {"stateless-harness/renewed": "7"}}}}
    }
    given = manifests.renewed(target, {"A": "1"}, "7")["spec"]["template"]["spec"]
    assert given == {"containers": [{"name": "target", "env": [{"name": "A", "value": "1", "valueFrom": None}]}]}
