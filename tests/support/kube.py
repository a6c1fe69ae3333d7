"""The tiny service on Kubernetes: manifests that need no image of ours, and whether there is a cluster at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.contract.start import Kubernetes
from harness.platforms.kubernetes.platform import KubernetesPlatform

TINY = Path(__file__).parent.parent / "services" / "tiny.py"
IMAGE = "python:3.11-slim-bookworm"
HOW = "no cluster to test with: bring up one (kind, minikube, k3s, or a rig of your own) and set KUBECONFIG"


def require_cluster() -> None:
    """Skips at home, fails in CI."""
    missing = KubernetesPlatform().missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must test on Kubernetes. {missing[0]}")
    if missing:
        pytest.skip(f"{HOW} ({missing[0]})")


def _deployment(name: str, image: str, arguments: list[str], pod: dict[str, Any], container: dict[str, Any]) -> Any:
    labels = {"app": name}
    spec = {
        "terminationGracePeriodSeconds": 5,
        "enableServiceLinks": False,
        "containers": [
            {
                "name": name,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python", "-u", "/code/tiny.py", *arguments],
                "env": [
                    {"name": "HOST", "value": "0.0.0.0"},
                    {"name": "PORT", "value": "8000"},
                    {"name": "REPLICA", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "volumeMounts": [{"name": "code", "mountPath": "/code"}],
                **container,
            }
        ],
        "volumes": [{"name": "code", "configMap": {"name": "code"}}],
        **pod,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def tiny_part(folder: Path, image: str = IMAGE, pod: dict[str, Any] | None = None, **container: Any) -> Kubernetes:
    """Writes the manifests into the folder; `pod` and `container` change what is in those of the replicas."""
    probe = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1, "failureThreshold": 1}
    objects = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "code"},
            "data": {"tiny.py": TINY.read_text(encoding="utf-8")},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "tiny"},
            "spec": {"selector": {"app": "tiny"}, "ports": [{"port": 80, "targetPort": 8000}]},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "tiny"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "tiny"}}},
        },
        _deployment("tiny", image, [], pod or {}, {"readinessProbe": probe, **container}),
        _deployment("worker", IMAGE, ["worker"], {}, {}),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "tiny-kubernetes.yaml"
    file.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return Kubernetes(
        manifests=[str(file)], replica="tiny", worker="worker", service="tiny", service_port=80, port=8000
    )
