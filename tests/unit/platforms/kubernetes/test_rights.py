"""Rights: what is lacking is told, and what is documented is what is asked for."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from harness.platforms.kubernetes import deploy as deploying
from harness.platforms.kubernetes import rights
from harness.platforms.kubernetes.api import Cluster
from tests.support.kubernetes_ruled import FAR, NEAR, Ruled
from tests.support.paths import ROOT


def missing(monkeypatch: pytest.MonkeyPatch, allowed: Callable[[str, str, str], bool], where: str = FAR) -> list[str]:
    monkeypatch.setattr(Cluster, "connect", lambda: Ruled(allowed, where))
    return deploying.missing()


def all_but(verb: str, resource: str) -> Callable[[str, str, str], bool]:
    return lambda *asked: "*" not in asked and asked[:2] != (verb, resource)


@pytest.mark.parametrize(
    "verb, resource",
    [(verb, resource) for rule in rights.RULES for resource in rule.resources for verb in rule.verbs],
)
def test_whoever_lacks_one_right_is_told_which(monkeypatch: pytest.MonkeyPatch, verb: str, resource: str):
    (said,) = missing(monkeypatch, all_but(verb, resource))
    assert f"may not {verb} {resource}." in said and "ClusterRole of docs/kubernetes.md" in said


def test_whoever_may_do_all_lacks_nothing(monkeypatch: pytest.MonkeyPatch):
    assert missing(monkeypatch, lambda *_: True) == []
    assert missing(monkeypatch, lambda *asked: "*" not in asked) == []


def test_all_that_is_lacking_is_said_at_once(monkeypatch: pytest.MonkeyPatch):
    (said,) = missing(monkeypatch, lambda verb, resource, group: group == "apps")
    assert "create, delete, get, list and patch namespaces; list nodes; " in said and "create and get pods/exec" in said


def test_nodes_need_not_be_seen_where_their_ports_are_likely_this_machines(monkeypatch: pytest.MonkeyPatch):
    assert missing(monkeypatch, all_but("list", "nodes"), NEAR) == []
    assert rights.is_loopback("https://localhost:1") and rights.is_loopback("::1") and not rights.is_loopback(FAR)


def documented() -> list[dict[str, Any]]:
    text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (found,) = [
        yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "ClusterRole" in each
    ]
    return cast(list[dict[str, Any]], found["rules"])


def test_the_documented_rules_are_those_asked_for():
    asked = [
        {"apiGroups": [each.group], "resources": list(each.resources), "verbs": list(each.verbs)}
        for each in rights.RULES
    ]
    assert documented()[: len(asked)] == asked


def test_the_documented_rules_allow_what_the_reference_manifests_hold():
    may = {
        (group, resource)
        for rule in documented()
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    files = [ROOT / "target_service" / name for name in ("kubernetes.yaml", "kubernetes-budget.yaml")]
    held = {
        (each["apiVersion"].rpartition("/")[0], f"{each['kind'].lower()}s")
        for file in files
        for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    }
    assert held <= may


KUBECTL = """#!/bin/sh
case "$*" in
api-versions) printf '%s\\n' apps/v1 {served} v1 ;;
*"apply -f -") cat > "$APPLIED/$(date +%N)" ;;
*) echo "$*" >> "$APPLIED/others" ;;
esac
"""


@pytest.mark.live
@pytest.mark.parametrize(
    "served, taken",
    [("policy/v1beta1", "policy/v1beta1"), ("policy/v1 policy/v1beta1", "policy/v1"), ("policy/v1", "policy/v1")],
    ids=["1.20", "1.21", "1.25"],
)
def test_the_commands_of_the_manifests_apply_what_the_cluster_serves(tmp_path: Path, served: str, taken: str):
    text = (ROOT / "target_service" / "kubernetes.yaml").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"^#   (.*)$", text.partition("\napiVersion")[0], re.MULTILINE))
    assert commands.count("kubectl -n shop apply") == 2
    (tmp_path / "bin").mkdir()
    (tmp_path / "applied").mkdir()
    (tmp_path / "bin" / "kubectl").write_text(KUBECTL.format(served=served))
    (tmp_path / "bin" / "kubectl").chmod(0o755)
    given = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "APPLIED": str(tmp_path / "applied")}
    subprocess.run(["sh", "-ec", commands], cwd=ROOT, env=given, check=True, timeout=30)
    assert (tmp_path / "applied" / "others").read_text() == "create namespace shop\n"
    objects = [
        each
        for file in (tmp_path / "applied").iterdir()
        if file.name != "others"
        for each in yaml.safe_load_all(file.read_text())
    ]
    assert [each["apiVersion"] for each in objects if each["kind"] == "PodDisruptionBudget"] == [taken]
    assert len(objects) == 10 and "put-your-own-here" not in str(objects)
