"""Negative controls: which are run, what the matrix says of them, and what a defect of the deployment comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import REFERENCE_CONTRACT
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.prove import matrix
from harness.prove.prover import Finding, Prover, Trial, chosen, exit_code
from harness.scenario.catalogue import Catalogue, Defect, Seeded, read_catalogue, seeded
from harness.yamlfile import validate


def defect(name: str, **fields: object) -> Defect:
    given = {"title": "t", "what": "w", "seen_in": "s", "scenario": "a.yaml", "check": "session", **fields}
    return Defect.model_validate({"name": name, **given})


STICKY = defect("sticky", deployment={"sticky_cookie": "SERVER", "hides": ["two"]})
CATALOGUE = [defect("one", quick=True), defect("two"), defect("three", waits_for="a sweep", quick=True), STICKY]


def names(defects: list[Defect]) -> list[str]:
    return [each.name for each in defects]


def test_what_waits_is_run_only_when_it_is_named():
    assert names(chosen(CATALOGUE, [], quick=False)) == ["one", "two", "sticky"]
    assert names(chosen(CATALOGUE, [], quick=True)) == ["one"]
    assert names(chosen(CATALOGUE, ["three", "two"], quick=True)) == ["two", "three"]


def test_a_defect_of_the_deployment_brings_what_it_hides():
    assert seeded(CATALOGUE, ["one"]) == Seeded(("one",), None)
    assert seeded(CATALOGUE, ["sticky"]) == Seeded(("two",), "SERVER")
    assert seeded(CATALOGUE, ["two", "one", "sticky"]) == Seeded(("two", "one"), "SERVER")


@pytest.mark.parametrize(
    ("defects", "problem"),
    [
        ([defect("one"), defect("one")], "two defects have one name: one"),
        ([STICKY], "sticky hides 'two', which is no other defect of this catalogue"),
        (
            [defect("a", deployment={"sticky_cookie": "S", "hides": ["a"]})],
            "a hides 'a', which is no other defect of this catalogue",
        ),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(defects: list[Defect], problem: str):
    with pytest.raises(ValueError, match=problem):
        Catalogue(defects=defects)


def finding(name: str | None, verdict: str, by: list[str], code: int, seed: int = 1, **detected: float) -> Finding:
    which = next((each for each in CATALOGUE if each.name == name), None)
    shown = dict.fromkeys(by, detected) if detected else {}
    return Finding(Trial("a.yaml", which, seed), verdict, by, code, 8.0 + seed, f"f{seed}", shown)


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([finding("one", "invalid", ["session"], 1), finding(None, "valid", [], 0)], 0),
        ([finding("one", "unknown", [], 5), finding(None, "valid", [], 0)], 5),
        ([finding("one", "unknown", [], 5), finding("two", "valid", [], 0)], 1),
        ([finding(None, "unknown", [], 4)], 1),
    ],
)
def test_only_what_the_environment_did_is_excused(findings: list[Finding], code: int):
    assert exit_code(findings) == code


HEADER = matrix.Header("shop <b>", "2026-01-02T03:04:05Z", 61.26, 2, 2, 1, quick=False)
FINDINGS = [
    finding("one", "invalid", ["session"], 1, 1, at_s=1.5, ops=120),
    finding("one", "invalid", ["session", "job"], 1, 2, at_s=2.5, ops=1300),
    finding("sticky", "invalid", ["session"], 1, 1),
    finding("sticky", "unknown", [], 4, 2),
    finding(None, "valid", [], 0, 1),
    finding(None, "invalid", ["job"], 1, 2, at_s=3.0, ops=7),
]


def test_the_matrix_says_what_was_found():
    found = matrix.document(FINDINGS, [CATALOGUE[2]], HEADER)
    assert (found["caught"], found["total"], found["false_alarms"], found["seconds"]) == (1, 2, 1, 61.3)
    assert found["checks"] == ["session", "job"]
    one, sticky = found["defects"]
    assert (one["name"], one["caught"], one["of_deployment"]) == ("one", True, False)
    assert [(run["seed"], run["caught"], run["at_s"], run["ops"]) for run in one["runs"]] == [
        (1, True, 1.5, 120),
        (2, True, 2.5, 1300),
    ]
    assert one["runs"][1]["by"] == {"session": {"at_s": 2.5, "ops": 1300}, "job": {"at_s": 2.5, "ops": 1300}}
    assert (sticky["caught"], sticky["of_deployment"]) == (False, True)
    assert sticky["runs"][0]["by"] == {"session": None}
    assert found["clean"] == [{"scenario": "a.yaml", "valid": False, "runs": found["clean"][0]["runs"]}]
    assert found["waiting"] == [{"name": "three", "title": "t", "waits_for": "a sweep"}]


def test_the_matrix_is_kept_in_a_folder_of_its_own(tmp_path: Path):
    page = matrix.write(matrix.document(FINDINGS, [CATALOGUE[2]], HEADER), tmp_path)
    assert page.parent.parent == tmp_path / "prove"
    assert {path.name for path in (tmp_path / "prove" / "latest").iterdir()} == {"matrix.json", "matrix.html"}


def test_the_catalogue_of_the_reference_service_can_be_run():
    contract = read_contract(REFERENCE_CONTRACT)
    catalogue = read_catalogue(contract, REFERENCE_CONTRACT)
    quick = [each for each in catalogue if each.quick]
    assert len(quick) == 10, "the ten most telling"
    assert not [each.name for each in quick if each.waits_for]


@pytest.mark.live
def test_a_platform_is_passed_on_to_every_run_and_named_in_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[list[str]] = []

    class Child:
        returncode = 5

        def __init__(self, command: list[str], **_: object) -> None:
            asked.append(command)

        def communicate(self, timeout: float) -> tuple[bytes, bytes]:
            return b"", b"nothing runs here"

    monkeypatch.setattr("subprocess.Popen", Child)
    for platform in ("docker", None):
        Prover(tmp_path, tmp_path, 1, platform).prove([Trial("a.yaml", None, 1)], lambda finding: None)
    assert [command[command.index("--platform") + 1 :] for command in asked if "--platform" in command] == [["docker"]]
    page = matrix.write(matrix.document(FINDINGS, [], replace(HEADER, platform="docker")), tmp_path)
    assert "2 runs at a time; on docker." in page.read_text()


def test_a_catalogue_names_its_problem(tmp_path: Path):
    from harness.yamlfile import read

    path = tmp_path / "c.yaml"
    path.write_text("defects:\n  - {name: a, title: t, what: w, seen_in: s, scenario: x, check: c, quik: true}\n")
    with pytest.raises(UsageError, match="quik"):
        validate(read(path, "catalogue of defects"), Catalogue, "catalogue of defects")
