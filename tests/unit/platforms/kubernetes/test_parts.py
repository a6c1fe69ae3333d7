from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from harness.contract.start import Kubernetes
from harness.errors import UsageError
from harness.platforms.base import Deployment, Program, Slot
from harness.platforms.common.procfs import Found
from harness.platforms.kubernetes import actions as acts
from harness.platforms.kubernetes import deploy as deploying
from harness.platforms.kubernetes import manifests, node
from harness.platforms.kubernetes.pods import Roster, Seen, seen

ROOT = Path(__file__).parents[4]
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


# -- pods


def pod(uid: str = "u1", *, role: str | None = "replica", restarts: int = 0, **status: Any) -> Seen:
    state = status.pop("state", {"running": {}})
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if status.pop("leaving", False) else {}
    labels = {"stateless-harness/role": role} if role else {"app": "x"}
    container = {"name": "c", "restartCount": restarts, "state": state, "containerID": status.pop("id", "docker://abc")}
    return seen(
        {
            "metadata": {"uid": uid, "name": f"pod-{uid}", "labels": labels, **leaving},
            "spec": {"containers": [{"name": "c"}]},
            "status": {"podIP": "10.0.0.1", "containerStatuses": [container], **status},
        }
    )


def states(roster: Roster) -> dict[str, str]:
    return {life.name: life.state for life in roster.lives.values()}


def test_a_pod_is_a_member_from_its_start_to_its_end():
    roster = Roster(boots_are_asked=True)
    life = roster.see(pod())
    assert life is not None and (life.name, life.boot, life.about.container) == ("replica-1", None, "abc")
    life.state = "ready"
    roster.see(pod(leaving=True))
    assert states(roster) == {"replica-1": "stopping"}
    # A container that was taken away is described as one that is yet to come.
    roster.see(pod(leaving=True, id="", state={"waiting": {"reason": "ContainerCreating"}}))
    assert life.about.container == "abc"
    roster.lost("u1")
    assert states(roster) == {"replica-1": "gone"}
    roster.see(pod("u2"))
    assert states(roster) == {"replica-1": "gone", "replica-2": "starting"}


def test_a_container_that_is_restarted_is_another_member():
    roster = Roster(boots_are_asked=False)
    roster.see(pod("w", role="worker"))
    roster.see(pod("w", role="worker", state={"terminated": {"reason": "Error", "exitCode": 137}}))
    assert states(roster) == {"worker-1": "gone"}
    roster.see(pod("w", role="worker", restarts=1, id="docker://def"))
    assert states(roster) == {"worker-1": "gone", "worker-2": "starting"}
    assert [life.boot for life in roster.lives.values()] == ["worker-1", "worker-2"]


def test_the_killed_stay_killed_and_the_frozen_frozen():
    roster = Roster(boots_are_asked=True)
    for uid, state in (("a", "killed"), ("b", "paused")):
        life = roster.see(pod(uid))
        assert life is not None
        life.state = state  # type: ignore[assignment]
    roster.see(pod("a", state={"terminated": {}}))
    roster.see(pod("b", leaving=True))
    roster.lost("a")
    assert states(roster) == {"replica-1": "killed", "replica-2": "paused"}


def test_parts_beside_the_members_that_die_spoil_the_run():
    roster = Roster(boots_are_asked=True)
    roster.see(pod("r", role=None))
    assert roster.lives == {} and roster.broken == {}
    roster.see(pod("r", role=None, restarts=1))
    assert roster.broken == {"pod-r": "pod-r was restarted by the cluster during the run"}


def test_a_job_that_has_done_its_work_may_be_cleared_away():
    roster = Roster(boots_are_asked=True)
    roster.see(pod("done", role=None, state={"terminated": {"reason": "Completed", "exitCode": 0}}))
    roster.see(pod("failed", role=None, state={"terminated": {"reason": "Error", "exitCode": 1}}))
    for uid in ("done", "failed"):
        roster.lost(uid)
    assert roster.others == {} and roster.broken == {"pod-failed": "pod-failed was taken away during the run"}


def test_a_pod_that_was_evicted_or_refused_has_ended_without_a_container():
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "containerStatuses": []}
    roster = Roster(boots_are_asked=True)
    roster.see(pod("u1", **evicted))
    roster.see(pod("u2", phase="Failed", containerStatuses=[]))
    roster.see(pod("u3", phase="Pending", containerStatuses=[]))
    assert states(roster) == {"replica-1": "gone", "replica-2": "gone", "replica-3": "starting"}
    found = deploying.why_not_up([pod(**evicted)], True)
    assert found == ("pod-u1", "its container ended: Evicted: low on memory")
    assert not pod(**evicted).done and pod(phase="Succeeded", containerStatuses=[]).done


def test_a_pod_that_is_to_end_before_it_began_has_ended_when_nothing_of_it_runs_here(monkeypatch: pytest.MonkeyPatch):
    life = Roster(boots_are_asked=True).see(pod("u1", phase="Pending", containerStatuses=[]))
    assert life is not None
    there = [Found(1, 1, "", "sandbox", "")]
    monkeypatch.setattr(node, "processes", lambda mark: there if mark == "u1" else [])
    assert not acts.has_ended(cast(Any, None), life), "what is to hold its container is there"
    there.clear()
    assert acts.has_ended(cast(Any, None), life)


def test_the_role_of_a_pod_without_our_label_is_told_by_selectors():
    made = {"metadata": {"uid": "u", "name": "p", "labels": {"app": "shop", "tier": "web"}}}
    assert seen(made).role is None
    assert seen(made, {"worker": {"app": "other"}, "replica": {"app": "shop"}}).role == "replica"
    assert seen(made, {"worker": {}}).role is None


@pytest.mark.parametrize(
    "status, late, says",
    [
        ({"state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}, False, "ErrImagePull: m. Build or push"),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, False, None),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, True, "ContainerCreating"),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}, False, None),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restarts": 1}, False, "CrashLoopBackOff"),
        (
            {"state": {}, "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
            True,
            "Unschedulable. No node has room",
        ),
        ({"state": {"running": {}}}, True, None),
    ],
)
def test_why_a_pod_does_not_come_up(status: dict[str, Any], late: bool, says: str | None):
    found = deploying.why_not_up([pod(**status)], late)
    assert found is None if says is None else found is not None and found[0] == "pod-u1" and found[1].startswith(says)
