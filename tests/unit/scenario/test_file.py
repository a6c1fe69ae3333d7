"""Scenarios: what a usable one holds, and what is said of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.faults import FAULTS as KINDS
from harness.scenario.file import Evidence, Slos, load_scenario
from tests.support.paths import ROOT
from tests.support.scenario_files import CONTRACT, SCENARIO, change, write


def problems(folder: Path, scenario: str = SCENARIO, contract: str = CONTRACT) -> list[str]:
    path = write(folder, scenario, contract)
    with pytest.raises(UsageError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: not a usable scenario:")
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_usable_scenario(tmp_path: Path):
    loaded = load_scenario(write(tmp_path))
    assert loaded.contract.service == "small service"
    assert [(fault.kind, fault.role, fault.at) for fault in loaded.faults] == [
        ("kill", "replica", 1),
        ("scale", "replica", 2),
    ]
    scenario = loaded.scenario
    assert (scenario.platform, scenario.seed, scenario.target.replicas, scenario.target.workers) == ("process", 1, 3, 2)
    assert (scenario.target.replace_after_s, scenario.target.ledger_delay_ms) == (1.0, 50)
    assert scenario.evidence == Evidence(items_per_property=30, faults_covered=0.8, ops_per_window=1, faults_landed=1)
    assert scenario.slos == Slos(lag_ms=250)
    assert loaded.contract_path == tmp_path / "contract.yaml"
    assert loaded.text == SCENARIO


def test_a_target_with_another_environment_promises_otherwise(tmp_path: Path):
    promised = "  contract: contract.yaml\n  promises: {refresh_grace_s: 1.5, refresh_reuse_revokes: true}\n"
    given = CONTRACT + "promises: {session_ttl_s: 60, refresh_grace_s: 10}\n"
    path = write(tmp_path, change(SCENARIO, "  contract: contract.yaml\n", promised), given)
    promises = load_scenario(path).contract.promises
    found = (promises.session_ttl_s, promises.refresh_grace_s, promises.refresh_reuse_revokes)
    assert found == (60, 1.5, True)


@pytest.mark.parametrize(
    ("place", "name"),
    [("scenarios/kill.yaml", "kill"), ("scenarios/prove/jobs.yaml", "prove-jobs"), ("kill.yaml", "kill")],
)
def test_a_scenario_is_named_after_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str):
    monkeypatch.chdir(tmp_path)
    path = Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    path.write_text(SCENARIO, encoding="utf-8")
    assert load_scenario(path).name == name


FAULTS = f"valid: {', '.join(sorted(KINDS))}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title:", "titel:", "1: titel: unknown key; did you mean `title`? (valid: evidence, faults, load, platform,"),
        ("title: A scenario\n", "", "1: title: is missing and has no default"),
        ("users: 4", "users: four", "7: load.users: input should be a valid integer"),
        ("users: 4", "users: 0", "7: load.users: input should be greater than or equal to 1, not 0"),
        (
            "t: contract.yaml",
            "t: contract.yaml\n  promises: {lease: 1}",
            "5: target.promises.lease: cannot be promised",
        ),
        ("users: 4", "users: 1", "7: load.users: 1 users are too few: 2 are needed"),
        ("duration_s: 5", "duration_s: .nan", "6: load.duration_s: input should be a finite number"),
        ("session: 2", "session: .inf", "8: load.mix.session: input should be a finite number"),
        ("session: 2", "session: -1", "5: load: `mix` needs weights that are not negative"),
        ("{session: 2, idempotency: 1}", "{session: 0}", "5: load: `mix` needs weights that are not negative"),
        ("{session: 2, idempotency: 1}", "{}", "8: load.mix: dictionary should have at least 1 item"),
        ("users: 4", "think_s: [2, 1]", "5: load: `think_s` is [shortest, longest]"),
        ("users: 4", "rate_per_s: .inf", "7: load.rate_per_s: input should be a finite number"),
        ("users: 4", "routing: {hopp: 1}", "7: load.routing.hopp: 'hopp' is not known; did you mean `hop`?"),
        ("session: 2", "sesion: 2", "8: load.mix.sesion: 'sesion' is no property; did you mean `session`? (valid"),
        ("proves:", "platform: proces\nproves:", "2: platform: 'proces' is no platform; did you mean `process`?"),
        ("kind: kill", "kind: kil", f"10: faults.0.kind: 'kil' is no fault; did you mean `kill`? ({FAULTS})"),
        ("kind: kill, ", "", f"10: faults.0.kind: None is no fault ({FAULTS})"),
        ("kind: kill", "kind: [kill]", "10: faults.0.kind: ['kill'] is no fault"),
        ("kind: kill", "kind: {a: 1}", "10: faults.0.kind: {'a': 1} is no fault"),
        ("at: 1", "att: 1", "10: faults.0.att: unknown key; did you mean `at`?"),
        ("at: 1", "at: soon", "10: faults.0.at: input should be a valid number"),
        ("at: 1", "at: 1, role: store", "10: faults.0.role: 'store' is not known"),
        ("at: 1", "at: 1, every: 2", "10: faults.0: a fault is due either `at` times or `every` so many seconds"),
        ("at: 1", "at: 1, role: worker", "10: faults.0: is for workers, but the contract starts none"),
        (", to: 4", "", "11: faults.1.to: is missing and has no default"),
        ("to: 4", "to: 0", "11: faults.1.to: input should be greater than or equal to 1, not 0"),
        ("contract.yaml", "contrakt.yaml", "4: target.contract: contrakt.yaml: no such contract file"),
        ("contract.yaml", '"con\\0tract"', "4: target.contract: con\0tract: cannot be read as a contract"),
        ("contract.yaml", ".", "4: target.contract: "),
    ],
)
def test_one_problem(tmp_path: Path, old: str, new: str, problem: str):
    found = problems(tmp_path, change(SCENARIO, old, new))
    assert [each for each in found if each.startswith(f"scenario.yaml:{problem}")], found


def test_faults_have_to_be_a_list_of_mappings(tmp_path: Path):
    text = SCENARIO.partition("faults:")[0]
    assert problems(tmp_path, text + "faults: kill\n")[0].startswith("scenario.yaml:9: faults: input should be a valid")
    assert problems(tmp_path, text + "faults: [kill]\n")[0].startswith("scenario.yaml:9: faults.0: input should be")


def test_a_mix_needs_its_part_of_the_contract(tmp_path: Path):
    without = CONTRACT.partition("session:")[0]
    assert problems(tmp_path, contract=without) == [
        "scenario.yaml:8: load.mix.session: the mix has session, but contract.yaml has no `session`: "
        "add it or drop session",
        "scenario.yaml:8: load.mix.idempotency: the mix has idempotency, but contract.yaml has no `session`: "
        "add it or drop idempotency",
        "scenario.yaml:8: load.mix.idempotency: the mix has idempotency, but contract.yaml has no `idempotency`: "
        "add it or drop idempotency",
    ]


def test_all_problems_of_a_file_at_once(tmp_path: Path):
    text = SCENARIO
    for old, new in [
        ("title:", "titel:"),
        ("proves: Something.", "platform: prozess"),
        ("duration_s: 5", "duration_s: long"),
        ("idempotency: 1", "paymets: 1"),
        ("kind: kill", "kind: kil"),
        ("to: 4", "too: 4"),
    ]:
        text = change(text, old, new)
    found = problems(tmp_path, text)
    for place in (
        "1: titel: unknown",
        "title: is missing",
        "proves: is missing",
        "2: platform: 'prozess' is no",
        "6: load.duration_s: ",
        "8: load.mix.paymets: 'paymets' is no",
        "10: faults.0.kind: 'kil' is no",
        "11: faults.1.too: unknown",
        "11: faults.1.to: is missing",
    ):
        assert any(place in each for each in found), (place, found)
    assert len(found) == 9


def test_problems_of_the_contract_are_reported_with_those_of_the_scenario(tmp_path: Path):
    found = problems(
        tmp_path, change(SCENARIO, "kind: kill", "kind: kil"), change(CONTRACT, "extract: {token:", "extract: {tokn:")
    )
    assert [each.partition(" ")[0] for each in found] == ["scenario.yaml:10:", "contract.yaml:7:"]


def test_users_that_are_not_there_are_found_before_anything_starts(tmp_path: Path):
    head, _, tail = CONTRACT.partition("users:")
    contract = f"{head}users: {{file: users.csv}}\n{tail.partition(chr(10))[2]}"
    assert problems(tmp_path, contract=contract)[0].startswith(
        "scenario.yaml:4: target.contract: users.csv: users cannot be read"
    )
    (tmp_path / "users.csv").write_text("ann,secret\n", encoding="utf-8")
    assert load_scenario(write(tmp_path, contract=contract)).contract.users.file == "users.csv"


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("**/*.yaml")), ids=lambda path: path.stem)
def test_each_scenario_is_usable_and_opens_with_what_it_proves(path: Path):
    loaded = load_scenario(path)
    assert loaded.scenario.proves.rstrip().endswith(".")
    assert loaded.text.startswith("# Proves"), "the first line says what it proves"


def test_a_property_may_be_named_as_it_was_called_before(tmp_path: Path) -> None:
    path = write(tmp_path, change(SCENARIO, "session: 2, idempotency: 1", "sessions: 2, payments: 1"))
    assert load_scenario(path).scenario.load.mix == {"session": 2, "idempotency": 1}


def test_a_property_cannot_be_named_both_ways(tmp_path: Path) -> None:
    path = write(tmp_path, change(SCENARIO, "session: 2, idempotency: 1", "sessions: 2, session: 1"))
    with pytest.raises(UsageError, match="names session twice, once as the property was called before: keep one"):
        load_scenario(path)
