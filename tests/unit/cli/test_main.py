"""The command line: bad input is answered with place, remedy and exit code 2, never with a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli.main import main
from harness.properties import PROPERTIES

ROOT = Path(__file__).parents[3]
SCENARIO = (ROOT / "scenarios" / "kill.yaml").read_text(encoding="utf-8")
CONTRACT = (ROOT / "target_service" / "contract.yaml").read_text(encoding="utf-8")

LAST = SCENARIO.count("\n")
LINE = CONTRACT[: CONTRACT.index("identity:")].count("\n") + 1


def harness(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario beside its contract."""
    (tmp_path / "scenario.yaml").write_text(SCENARIO.replace("../target_service/", ""), encoding="utf-8")
    (tmp_path / "contract.yaml").write_text(CONTRACT.partition("\ndefects:")[0] + "\n", encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


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
        "scenario.yaml:14: load.mix.sessions: the mix has sessions, but contract.yaml has no `session`: add it or drop",
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
        for section in ("scenarios", "faults", "workloads", "checks", "defects")
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


# -- run folders


@pytest.fixture
def run_folder(folder: Path) -> Path:
    """What a run leaves that ended before its first operation."""
    made = folder / "run"
    made.mkdir()
    for name in ("scenario.yaml", "contract.yaml"):
        (made / name).write_text((folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    lines = [
        {"e": "declared", "at": 1, "run": "kill-1", "scenario": "kill", "seed": 7, "command": "harness run x --seed 7"},
        {"e": "problem", "at": 2, "kind": "environment", "text": "replica-1 did not come up"},
        {"e": "ended", "at": 3, "how": "environment"},
    ]
    (made / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return made


def test_check_says_why_nothing_was_recorded(run_folder: Path):
    result = harness("check", run_folder, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"], found["verdict"]) == (5, 5, "unknown")
    assert found["reasons"] == ["replica-1 did not come up"]
    assert found["folder"] == str(run_folder)
    shown = harness("check", run_folder)
    assert shown.exit_code == 5
    assert "UNKNOWN" in shown.stdout
    assert "harness run x --seed 7" in shown.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.jsonl", b""),
        ("run.jsonl", b'{}\n[]\n7\nnull\n{"e": 1}\n\xff\xfe\n{"e":"decl'),
        ("results.json", b"{"),
        ("history.parquet", b"PAR1"),
    ],
)
def test_damage_in_what_can_be_made_again_is_survived(run_folder: Path, name: str, content: bytes):
    (run_folder / name).write_bytes(content)
    assert harness("check", run_folder).exit_code in (4, 5)


@pytest.mark.parametrize("name", ["scenario.yaml", "contract.yaml"])
@pytest.mark.parametrize("content", [None, b"", b"a: [", b"\xff", b"a: 1\n"])
def test_a_folder_without_its_scenario_or_contract_is_refused(run_folder: Path, name: str, content: bytes | None):
    if content is None:
        (run_folder / name).unlink()
    else:
        (run_folder / name).write_bytes(content)
    before = sorted(path.name for path in run_folder.iterdir())
    result = harness("check", run_folder)
    assert result.exit_code == 2
    assert f"{run_folder}/{name}" in result.stderr
    assert sorted(path.name for path in run_folder.iterdir()) == before, "nothing is lost"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"schema": 1}'])
def test_a_report_needs_results(run_folder: Path, content: bytes | None):
    if content is not None:
        (run_folder / "results.json").write_bytes(content)
    result = harness("report", run_folder)
    assert result.exit_code == 2 or (result.exit_code == 0 and (run_folder / "report.html").is_file())
    if result.exit_code:
        assert "results.json" in result.stderr
        assert "harness check" in result.stderr


def test_results_that_cannot_be_written_are_a_failure_of_the_environment(run_folder: Path):
    (run_folder / "results.json").mkdir()
    result = harness("check", run_folder)
    assert result.exit_code == 5
    assert f"{run_folder}/results.json: cannot be written" in result.stderr


# -- as a program


def program(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def test_the_program_answers_as_its_commands_do(folder: Path):
    edit(folder / "scenario.yaml", "kind: stop", "kind: stopp")
    found = program("run", folder / "scenario.yaml", "--json", environment={"FORCE_COLOR": "1"})
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(f"harness: {folder}/scenario.yaml: not a usable scenario:\n  ")
    assert "Traceback" not in found.stderr
    assert "\x1b" not in found.stderr
    assert program("--version").stdout.startswith("harness, version ")


def test_what_is_only_asked_costs_no_import_of_the_engines():
    script = "import sys, harness.cli.main; print([m for m in ('locust','gevent','duckdb','rich') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout == "[]\n"
