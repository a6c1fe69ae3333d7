"""Where a scenario that is named, and the reference contract, are found."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from harness.api import REFERENCE_CONTRACT
from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.scenario import shipped


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("empty")
def test_a_bare_name_is_a_shipped_scenario_where_the_working_directory_has_none() -> None:
    for name in ("kill", "prove/sessions"):
        assert shipped.scenario(Path(name)) == shipped.root() / "scenarios" / f"{name}.yaml"
        assert shipped.shown(shipped.scenario(Path(name))) == name


def test_what_the_working_directory_has_goes_first(empty: Path) -> None:
    (empty / "scenarios").mkdir()
    (empty / "scenarios" / "kill.yaml").touch()
    assert shipped.scenario(Path("kill")) == Path("scenarios/kill.yaml")
    assert shipped.shown(Path("scenarios/kill.yaml")) == "scenarios/kill.yaml"
    (empty / "kill").touch()
    assert shipped.scenario(Path("kill")) == Path("kill")


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("given", ["kill.yaml", "scenarios/kill.yaml", "/kill", "../scenarios/kill"])
def test_a_path_stands_for_itself_alone(given: str) -> None:
    assert shipped.scenario(Path(given)) == Path(given)


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("given", ["kil", "prove/kill"])
def test_a_bare_name_that_nothing_has_is_refused_with_the_names_there_are(given: str) -> None:
    with pytest.raises(UsageError, match=r"no scenario of this name.*kill") as refused:
        shipped.scenario(Path(given))
    assert str(refused.value).startswith(f"{given}: there is no such file")


def test_the_reference_contract_is_the_working_directorys_or_the_shipped_one(empty: Path) -> None:
    assert shipped.reference(REFERENCE_CONTRACT) == shipped.root() / REFERENCE_CONTRACT
    assert shipped.reference(Path("nowhere.yaml")) == Path("nowhere.yaml")
    (empty / "target_service").mkdir()
    (empty / REFERENCE_CONTRACT).touch()
    assert shipped.reference(REFERENCE_CONTRACT) == REFERENCE_CONTRACT


def _started_by(*command: str) -> Contract:
    contract = read_contract(shipped.root() / REFERENCE_CONTRACT)
    assert contract.start.replica is not None
    replica = contract.start.replica.model_copy(update={"command": list(command)})
    return contract.model_copy(update={"start": contract.start.model_copy(update={"replica": replica})})


def test_packages_of_the_extra_are_missed_only_for_the_reference_service(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ["{python}", "-m", "target_service"]
    assert shipped.lacking(_started_by(*own), "replica") == []
    asked = ["click>=8", "no-such-a>=1; extra == 'target'", 'no.such.b[fast]>=2 ; extra == "target"']
    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    (line,) = shipped.lacking(_started_by(*own), "replica")
    assert "no-such-a, no.such.b cannot be found" in line and "pip install 'stateless-harness[target]'" in line
    assert shipped.lacking(_started_by(*own), "compose") == []
    for other in (["{python}", "-m", "target_service_of_mine"], ["./target_service"], ["{python}"]):
        assert shipped.lacking(_started_by(*other), "replica") == []
