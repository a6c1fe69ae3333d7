"""The command line: bad input is answered with place, remedy and exit code 2, never with a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.properties import PROPERTIES
from tests.support.command_line import CONTRACT, SCENARIO, edit, harness
from tests.support.paths import ROOT

LAST = SCENARIO.count("\n")
LINE = CONTRACT[: CONTRACT.index("identity:")].count("\n") + 1

Broken = Callable[[Path], object]
BAD: dict[str, tuple[Broken, str]] = {
    "unknown key": (
        lambda at: edit(at / "scenario.yaml", "seed: 1", "sede: 1"),
        f"scenario.yaml:{LAST}: sede: unknown key; did you mean `seed`?",
    ),
    "wrong type": (
        lambda at: edit(at / "scenario.yaml", "duration_s: 35", "duration_s: long"),
        "scenario.yaml:12: load.duration_s: input should be a valid number",
    ),
    "no such fault": (
        lambda at: edit(at / "scenario.yaml", "kind: stop", "kind: stopp"),
        "scenario.yaml:19: faults.2.kind: 'stopp' is no fault; did you mean `stop`? (valid: cut, kill, noop,",
    ),
    "fault parameter": (
        lambda at: edit(at / "scenario.yaml", "for: 4", "four: 4"),
        "scenario.yaml:20: faults.3.four: unknown key; did you mean `for`?",
    ),
    "fault parameter's value": (
        lambda at: edit(at / "scenario.yaml", "for: 4", "for: -4"),
        "scenario.yaml:20: faults.3.for: input should be greater than 0, not -4",
    ),
    "no login": (
        lambda at: (at / "contract.yaml").write_text(CONTRACT.partition("session:\n")[0], encoding="utf-8"),
        "scenario.yaml:14: load.mix.session: the mix has session, but contract.yaml has no `session`: add it or drop",
    ),
    "not YAML": (lambda at: (at / "scenario.yaml").write_text("a: [1\nb"), "scenario.yaml:2: not YAML: "),
    "empty": (
        lambda at: (at / "scenario.yaml").write_text(""),
        "is a YAML mapping (`key: value` lines), this is empty.",
    ),
    "garbage": (
        lambda at: (at / "scenario.yaml").write_bytes(bytes(range(256)) * 20),
        "scenario.yaml: cannot be read as a scenario",
    ),
    "double key": (
        lambda at: edit(at / "scenario.yaml", "seed: 1", "seed: 1\nseed: 2"),
        f"scenario.yaml:{LAST + 1}: seed: this key stands twice",
    ),
    "missing": (lambda at: (at / "scenario.yaml").unlink(), "scenario.yaml: no such scenario"),
    "no contract": (lambda at: (at / "contract.yaml").unlink(), "contract.yaml: no such contract file. Check the path"),
    "contract's key": (
        lambda at: edit(at / "contract.yaml", "identity:", "identyti:"),
        f"contract.yaml:{LINE}: identyti: unknown key; did you mean `identity`?",
    ),
    "a directory for a contract": (
        lambda at: edit(at / "scenario.yaml", "contract: contract.yaml", "contract: ."),
        "cannot be read as a contract",
    ),
}


@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file(folder: Path, name: str, command: str):
    spoil, message = BAD[name]
    spoil(folder)
    reports = folder / "reports"
    more = ["--reports", reports] if command == "run" else []
    result = harness(command, folder / "scenario.yaml", *more)
    assert result.exit_code == 2
    assert message in result.output
    assert result.stdout == "", "a mistake is not a result"
    assert not reports.exists(), "nothing was started"


def test_all_problems_of_both_files_at_once(folder: Path):
    for name in ("unknown key", "wrong type", "no such fault", "fault parameter"):
        BAD[name][0](folder)
    result = harness("validate", folder / "scenario.yaml")
    assert all(
        BAD[name][1] in result.output for name in ("unknown key", "wrong type", "no such fault", "fault parameter")
    )
    BAD["contract's key"][0](folder)
    edit(folder / "scenario.yaml", "sede: 1", "seed: 1")
    edit(folder / "scenario.yaml", "duration_s: long", "duration_s: 35")
    result = harness("run", folder / "scenario.yaml")
    assert all(BAD[name][1] in result.output for name in ("no such fault", "fault parameter", "contract's key"))


def test_validate_takes_scenarios_and_contracts_and_names_the_bad_ones(folder: Path):
    good = harness("validate", folder / "scenario.yaml", folder / "contract.yaml")
    assert (good.exit_code, good.stdout) == (
        0,
        f"{folder}/scenario.yaml: usable\n{folder}/contract.yaml: usable\n",
    )
    edit(folder / "contract.yaml", "service: reference service\n", "")
    bad = harness("validate", folder / "contract.yaml")
    assert (bad.exit_code, bad.stdout) == (2, "")
    assert bad.stderr == f"{folder}/contract.yaml:2: service: is missing and has no default\n"
    assert harness("validate", folder, folder / "contract.yaml").exit_code == 2
    assert harness("validate").exit_code == 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_file_cut_or_damaged_anywhere_is_answered(folder: Path, data: st.DataObject):
    name, text = data.draw(
        st.sampled_from([("scenario.yaml", SCENARIO.replace("../target_service/", "")), ("contract.yaml", CONTRACT)])
    )
    at = data.draw(st.integers(0, len(text) - 1))
    damage = data.draw(
        st.sampled_from(["", "\0", "\t", "{", "]", ": ", "- ", "&a ", "*a", "é\x85", '"', "null", "9" * 400])
    )
    cut = data.draw(st.booleans())
    path = folder / name
    before = path.read_bytes()
    path.write_text(text[:at] + damage + ("" if cut else text[at + 1 :]), encoding="utf-8")
    result = harness("validate", folder / "scenario.yaml", path)
    assert result.exit_code in (0, 2)
    assert (result.exit_code == 2) == (f"{folder}/" in result.stderr)
    path.write_bytes(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument 'SCENARIO'"),
        (["run", "."], "is a directory"),
        (["run", "nothing.yaml"], "nothing.yaml: no such scenario file. Check the path"),
        (["run", "scenario.yaml", "--seed", "-1"], "-1 is not in the range"),
        (["run", "scenario.yaml", "--seed", "many"], "'many' is not a valid integer"),
        (["run", "scenario.yaml", "--platform", "dokcer"], "--platform: 'dokcer' is no platform"),
        (["prove", "--platform", "dokcer"], "--platform: 'dokcer' is no platform; did you mean `docker`?"),
        (["run", "scenario.yaml", "--defect", "no-fence"], "'no-fence' is no defect of this service"),
        (["run", "scenario.yaml", "--reports", "scenario.yaml"], "is a file"),
        (["check", "nowhere"], "nowhere: no such run folder. They are under reports/<scenario>/"),
        (["check", "."], ".: not a run folder, run.jsonl is missing. Name one under reports/<scenario>/."),
        (["check", "scenario.yaml"], "is a file"),
        (["report", "nowhere"], "nowhere: no such run folder"),
        (["report", "."], ".: not a run folder"),
        (["prove", "--contract", "nothing.yaml"], "nothing.yaml: no such contract file"),
        (["prove", "--contract", "contract.yaml"], "names no catalogue of defects. Add `defects: {catalogue: FILE}`."),
        (["prove", "--jobs", "0"], "0 is not in the range"),
        (["destroy"], "No such command 'destroy'"),
        (["list", "--scenarios", "scenario.yaml"], "is a file"),
    ],
)
def test_bad_arguments(folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str):
    monkeypatch.chdir(folder)
    result = harness(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["contract.yaml", "scenario.yaml"]


def test_an_unknown_defect_is_refused_before_anything_starts(tmp_path: Path):
    result = harness("run", ROOT / "scenarios/kill.yaml", "--defect", "no-fense", "--reports", tmp_path / "reports")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'no-fense' is no defect of this service; did you mean `no-fence`?" in result.stderr
    assert not (tmp_path / "reports").exists()


def test_list_names_everything(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    found = json.loads(harness("list", "--json").stdout)
    assert set(found["faults"]) == {"kill", "stop", "pause", "cut", "scale", "restart", "roll", "switch", "noop"}
    assert set(found["properties"]) == set(PROPERTIES)
    assert "scenarios/kill.yaml" in found["scenarios"]
    assert len(found["defects"]) >= 7
    assert found["thresholds of evidence (defaults)"]["items_per_property"] == 30
    assert all(
        text
        for section in ("scenarios", "faults", "properties", "checks", "defects")
        for text in found[section].values()
    )
    shown = harness("list").stdout
    assert all(name in shown for section in found.values() for name in section)
    assert "not judged" in shown


def test_list_goes_on_where_a_file_cannot_be_used(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "odd.yaml").write_text("- 1", encoding="utf-8")
    (tmp_path / "good.yaml").write_text("proves: >-\n  all\n  of it\n", encoding="utf-8")
    found = json.loads(harness("list", "--json", "--scenarios", tmp_path, "--contract", tmp_path / "no.yaml").stdout)
    unusable = "(not a usable scenario: see `harness validate`)"
    assert found["scenarios"] == {
        f"{tmp_path}/bad.yaml": unusable,
        f"{tmp_path}/good.yaml": "all of it",
        f"{tmp_path}/odd.yaml": unusable,
    }
    assert "no such contract file" in found["defects"][f"{tmp_path}/no.yaml"]
