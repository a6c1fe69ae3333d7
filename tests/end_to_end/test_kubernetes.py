"""The same scenarios on a cluster: judged the same, and nothing left whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.platforms.common import procfs
from harness.platforms.kubernetes import namespace, node
from harness.platforms.kubernetes.api import Cluster
from harness.platforms.kubernetes.manifests import namespace_of
from harness.platforms.kubernetes.platform import KubernetesPlatform
from harness.rundir.faults import read
from tests.support.places import ROOT, Place, Run, command, eventually, scenario, why

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

CONTRACT = ROOT / "target_service" / "contract.yaml"
HOW = "no cluster to test with: bring up one (kind, minikube, k3s) and set KUBECONFIG"


@pytest.fixture(autouse=True)
def cluster() -> Iterator[None]:
    missing = KubernetesPlatform().missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must test on Kubernetes. {missing[0]}")
    if missing:
        pytest.skip(f"{HOW} ({missing[0]})")
    yield


def namespaces() -> str:
    listed = ["kubectl", "get", "namespaces", "-o", "name", "-l", "app.kubernetes.io/managed-by=stateless-harness"]
    return subprocess.run(listed, capture_output=True, text=True, check=True, timeout=30).stdout


def short(folder: Path, pause_s: float = 3.5) -> Path:
    # Longer than the clients' time-out of 2 s: all of them soon hang at the frozen replica, and ops of every kind are
    # wanted while it is frozen.
    return scenario(
        folder,
        CONTRACT,
        platform="kubernetes",
        target={"replicas": 2, "workers": 1, "deadline_s": 90},
        load={"duration_s": 13, "users": 24, "mix": {"session": 3, "idempotency": 2}},
        faults=[{"kind": "pause", "at": 1, "for": pause_s}, {"kind": "stop", "at": 6}],
        evidence={"items_per_property": 8, "faults_covered": 0.5},
    )


def test_a_run_is_valid_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    run = place.run(short(tmp_path), "--json", "--seed", "3")
    results = run.results()
    assert results["verdict"] == "valid", why(results)
    assert results["platform"] == "kubernetes" and [fault["healed"] for fault in results["faults"]] == [True, True]
    assert (run.folder / "ledger.jsonl").stat().st_size > 0
    assert {path.stem for path in (run.folder / "logs").glob("*.log")} >= {"replica-1", "replica-2", "worker-1"}
    assert namespace_of(run.id) not in namespaces()


def test_a_seeded_defect_is_caught(place: Place) -> None:
    arguments = ("--platform", "kubernetes", "--defect", "sessions-in-memory", "--json")
    run = place.run("scenarios/prove/sessions.yaml", *arguments)
    results = run.results()
    assert results["verdict"] == "invalid"
    assert "session" in [check["name"] for check in results["checks"] if check["verdict"] == "invalid"]


def frozen(run: Run) -> list[int]:
    """Processes of the run's pods that are stopped."""
    uids = [pod["metadata"]["uid"] for pod in namespace.pods(Cluster.connect(), namespace_of(run.id))]
    found = [each.pid for uid in uids for each in node.processes(uid)]
    return [pid for pid in found if procfs.states(pid) == {"T"}]


def is_deploying(run: Run) -> bool:
    return run.phase() == "deploy" and bool(run.events()) and namespace_of(run.id) in namespaces()


def is_frozen(run: Run) -> bool:
    record = run.folder / "faults.jsonl" if run.phase() == "load" else None
    landed = record is not None and record.exists() and any(line["e"] == "landed" for line in read(record))
    return landed and bool(frozen(run))


@pytest.mark.parametrize("moment", [is_deploying, is_frozen])
def test_recover_removes_what_a_killed_harness_left(
    place: Place, tmp_path: Path, moment: Callable[[Run], bool]
) -> None:
    run = place.start("run", short(tmp_path, pause_s=8))
    eventually(lambda: moment(run), f"the moment to kill it: {run.said()}", 120)
    run.look()
    run.process.kill()
    assert run.process.wait() == -signal.SIGKILL
    named, stopped = namespace_of(run.id), frozen(run)
    assert named in namespaces(), "it left something"
    assert bool(stopped) is (moment is is_frozen), "a frozen replica stays frozen"
    options = ("--reports", run.reports)
    listed = command("recover", "--list", *options, TMPDIR=str(run.temporary))
    assert f"namespace {named}" in listed.stdout
    done = command("recover", *options, TMPDIR=str(run.temporary))
    assert done.returncode == 0 and f"namespace {named}" in done.stdout, done.stdout + done.stderr
    assert named not in namespaces()
    assert not any(procfs.states(pid) for pid in stopped), "its processes are gone"
    eventually(lambda: not run.left(), f"nothing is left of {run.left()}", 10)
    again = command("recover", *options, TMPDIR=str(run.temporary))
    assert (again.returncode, again.stdout.strip()) == (0, "nothing was left")


def test_a_run_in_progress_is_left_alone_and_found_by_the_cluster_alone(place: Place, tmp_path: Path) -> None:
    run: Run = place.start("run", short(tmp_path))
    run.reach("load")
    other = tmp_path / "elsewhere"
    other.mkdir()
    done = command("recover", "--reports", other, TMPDIR=str(run.temporary))
    assert done.returncode == 0 and namespace_of(run.id) in namespaces()
    run.process.kill()
    run.process.wait()
    found = command("recover", "--list", "--reports", other, TMPDIR=str(run.temporary))
    assert f"namespace {namespace_of(run.id)}" in found.stdout + found.stderr
    done = command("recover", "--reports", other, TMPDIR=str(run.temporary))
    assert done.returncode == 0 and namespace_of(run.id) not in namespaces()
    command("recover", "--reports", run.reports, TMPDIR=str(run.temporary))
    assert run.left() == []
