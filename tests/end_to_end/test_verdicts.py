"""What a run comes to, seen from outside: exit code, the one JSON document, and nothing left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.places import SERVICES, Place, Run, scenario, stranger, unmet, verdicts, why

pytestmark = pytest.mark.slow


def test_a_strangers_service_is_valid_through_its_contract_alone(stranger_run: Run) -> None:
    results = stranger_run.results()
    assert (results["verdict"], stranger_run.process.returncode) == ("valid", 0), why(results)
    assert set(verdicts(results)) == {"steady", "session", "idempotency", "unique_ids", "hostile", "accounting"}
    kills = results["faults"]
    assert len(kills) == 3 and all(kill["kind"] == "kill" and kill["landed_s"] and kill["healed"] for kill in kills)
    replicas = {event["r"] for event in journal(stranger_run) if "r" in event}
    assert len(replicas) >= 5, "three at first, and who replaced the killed"
    routings = {event["rt"] for event in journal(stranger_run) if event["e"] == "i"}
    assert routings == {"hop", "balancer"}


def test_its_effects_were_counted_where_the_contract_says(stranger_run: Run) -> None:
    events = journal(stranger_run)
    keys = {event["n"]: event["key"] for event in events if event["e"] == "i" and event["k"] == "effects"}
    counts = {keys[event["n"]]: event["num"] for event in events if event["e"] == "c" and event["n"] in keys}
    paid = {event["key"] for event in events if event["e"] == "i" and event["k"] == "pay" and event["p"] == "load"}
    assert paid <= set(counts) and set(counts.values()) <= {0.0, 1.0}
    assert sum(counts.values()) > 0.8 * len(paid)


def journal(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run.folder / "journal-0.jsonl").read_text().splitlines()]


def test_json_prints_one_document_with_the_keys_that_were_promised(stranger_run: Run) -> None:
    document = json.loads(stranger_run.output.read_text())
    assert {"scenario", "run", "verdict", "exit_code", "seed", "ops", "faults", "checks"} <= set(document)
    assert set(document["ops"]) >= {"total", "ok", "fail", "info"}
    assert all(set(fault) >= {"kind", "target", "planned_s", "landed_s", "healed"} for fault in document["faults"])
    assert all(set(check) >= {"name", "verdict", "evidence", "witnesses"} for check in document["checks"])
    assert (document["seed"], document["exit_code"], document["run"]) == (5, 0, stranger_run.id)
    assert document["ops"]["total"] == sum(document["ops"][each] for each in ("ok", "fail", "info")) > 300
    assert {**stranger_run.results(), "folder": str(stranger_run.folder)} == document
    assert "Traceback" not in stranger_run.said()


def test_its_forgetful_twin_is_caught_by_the_session_check(place: Place) -> None:
    run = place.run(SERVICES / "forgetful-kill.yaml")
    results = run.results()
    assert (results["verdict"], run.process.returncode) == ("invalid", 1)
    assert verdicts(results)["session"] == "invalid"
    said = run.output.read_text()
    assert said.startswith("\nINVALID") and "lost: " in said
    assert f"harness run {SERVICES / 'forgetful-kill.yaml'} --seed 1" in said


def test_one_forgetful_replica_is_right_until_it_is_killed(place: Place, tmp_path: Path) -> None:
    contract = stranger(tmp_path, "forgetful.py")
    alone = {"target": {"replicas": 1}, "faults": [{"kind": "kill", "at": 1.0, "min_ready": 0}]}
    run = place.run(scenario(tmp_path, contract, load={"duration_s": 3.5}, **alone))
    results = run.results()
    assert (results["verdict"], run.process.returncode) == ("invalid", 1), why(results)
    found = verdicts(results)
    assert (found["steady"], found["session"], found["idempotency"]) == ("valid", "invalid", "valid")
    (session,) = [check for check in results["checks"] if check["name"] == "session"]
    assert set(session["violations"]) == {"lost"} and session["witnesses"]


DEFECTS = {"revocation-cached": "session", "check-then-set": "idempotency", "job-acknowledged-early": "job"}


def test_defects_are_caught_by_their_own_checks(place: Place) -> None:
    # All at once: the verdict does not depend on how fast the machine is.
    runs = {
        defect: place.start("run", f"scenarios/prove/{name}.yaml", "--json", "--quiet", "--defect", defect)
        for name, defect in zip(("sessions", "payments", "jobs"), DEFECTS, strict=True)
    }
    for defect, run in runs.items():
        code = run.wait()
        results = json.loads(run.output.read_text())
        assert (results["verdict"], code) == ("invalid", 1), (defect, why(results))
        assert verdicts(results)[DEFECTS[defect]] == "invalid", defect
        assert f"--defect {defect}" in results["repeat"]
        assert run.left() == [] and run.said() == ""


def test_the_clean_service_is_valid(payments_run: Run) -> None:
    results = json.loads(payments_run.output.read_text())
    assert (results["verdict"], payments_run.process.returncode) == ("valid", 0), why(results)
    assert set(verdicts(results).values()) == {"valid"}


def test_faults_that_never_land_leave_the_verdict_unknown(place: Place, tmp_path: Path) -> None:
    run = place.run(scenario(tmp_path, stranger(tmp_path), faults=[{"kind": "kill", "at": 30}]))
    results = run.results()
    assert (results["verdict"], run.process.returncode) == ("unknown", 4), why(results)
    assert "faults landed" in unmet(results)
    assert any("faults landed" in reason for reason in results["reasons"])
    assert "UNKNOWN" in run.output.read_text() and "faults landed" in run.output.read_text()
    assert set(verdicts(results).values()) == {"valid"}


def test_too_little_evidence_is_named(place: Place, tmp_path: Path) -> None:
    little = scenario(
        tmp_path, stranger(tmp_path), load={"duration_s": 1.5, "users": 2}, evidence={"ops_per_window": 500}
    )
    run = place.run(little)
    results = run.results()
    assert (results["verdict"], run.process.returncode) == ("unknown", 4), why(results)
    assert {"items: session", "items: idempotency", "ops in windows"} <= set(unmet(results))
    assert "faults landed" not in unmet(results)
    assert all(any(name in reason for reason in results["reasons"]) for name in unmet(results))


@pytest.mark.parametrize(("mistake", "check"), [("signin", "steady"), ("me", "session")])
def test_a_target_that_comes_up_wrong_is_invalid(place: Place, tmp_path: Path, mistake: str, check: str) -> None:
    run = place.run(scenario(tmp_path, stranger(tmp_path, "mistaken.py", MISTAKE=mistake), load={"duration_s": 1}))
    results = run.results()
    assert (results["verdict"], run.process.returncode) == ("invalid", 1), why(results)
    assert verdicts(results)[check] == "invalid"


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("exit", ["did not come up", "mistaken.py", "cannot open the catalogue of goods: no such file"]),
        ("readyz", ["not ready within 5 s", "GET /readyz: answered 503"]),
    ],
)
def test_a_target_that_does_not_come_up_says_why(place: Place, tmp_path: Path, mistake: str, said: list[str]) -> None:
    contract = stranger(tmp_path, "mistaken.py", MISTAKE=mistake)
    run = place.run(scenario(tmp_path, contract, target={"deadline_s": 5}))
    assert run.process.returncode == 5
    assert [part for part in said if part not in run.said()] == []
    assert "Traceback" not in run.said()
    results = run.results()
    assert (results["verdict"], results["exit_code"], results["ops"]["total"]) == ("unknown", 5, 0)
    assert (run.folder / "report.html").is_file()
