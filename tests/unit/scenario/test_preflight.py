"""A scenario that a platform cannot carry out is refused before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from harness.cli.main import main
from harness.errors import EnvironmentFailure, UsageError
from harness.platforms import PLATFORMS
from harness.platforms.abilities import Attachable, Startable, Sticky
from harness.platforms.base import Deployment
from harness.platforms.memory.platform import MemoryPlatform
from harness.run.plan import Plan
from harness.scenario.file import load_scenario
from harness.scenario.preflight import require_fit, require_near
from tests.support.strangers import written


class Lacking(MemoryPlatform):
    """A platform that can do little."""

    name = "process"

    def withholds(self, ability: type) -> str | None:
        return None if ability is Startable else "not here"


def test_every_fault_that_is_lacking_is_named_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, [{"kind": kind, "at": 1} for kind in ("kill", "cut", "noop", "roll")])
    with pytest.raises(UsageError) as refused:
        require_fit(load_scenario(path), Lacking(), {Sticky})
    assert refused.value.exit_code == 2 and refused.value.problems == [
        "the run needs `sticky`, which the platform process does not declare",
        "faults.1 (cut): the platform process cannot cut (not here): take the fault out, or choose another one",
        "faults.3 (roll): the platform process cannot roll (not here): take the fault out, or choose another one",
    ]
    assert "nothing was started" in str(refused.value)


def test_what_is_declared_is_fit(tmp_path: Path) -> None:
    require_fit(load_scenario(written(tmp_path, [{"kind": "kill", "at": 1}])), Lacking())


KUBERNETES = {"manifests": ["nowhere.yaml"], "replica": "r", "service": "s", "service_port": 1, "port": 2}
COMPOSE: dict[str, dict[str, object]] = {
    "compose": {"file": "c.yaml", "replica": "r", "balancer": "b", "balancer_port": 1, "port": 2}
}


def test_a_contract_without_a_part_for_the_platform_is_refused_on_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, [], COMPOSE)
    done = CliRunner().invoke(main, ["run", str(path), "--reports", str(tmp_path / "reports")])
    assert done.exit_code == 2
    assert "does not say how to start it on process: add `start.replica`, or choose --platform docker" in done.output
    assert not (tmp_path / "reports").exists()
    checked = CliRunner().invoke(main, ["validate", str(path)])
    assert checked.exit_code == 2 and "does not say how to start it on process" in checked.output


def test_what_a_compose_file_leaves_unnamed_is_refused(tmp_path: Path) -> None:
    class Docker(MemoryPlatform):
        name = "docker"

    path = written(tmp_path, [{"kind": kind, "at": 1} for kind in ("kill", "cut", "switch")], COMPOSE)
    contract = yaml.safe_load((tmp_path / "contract.yaml").read_text())
    contract["idempotency"]["effects"] = "ledger"
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump(contract))
    with pytest.raises(UsageError) as refused:
        require_fit(load_scenario(path), Docker())
    unnamed = "`start.compose.front` is not named: without the balancer's network nothing can be taken off it"
    assert refused.value.problems == [
        "the contract's idempotency has `effects: ledger`, but `start.compose` names no ledger: name it, or say"
        " `effects: nowhere`",
        f"faults.1 (cut): {unnamed}",
        f"faults.2 (switch): {unnamed}",
    ]
    contract["start"]["compose"] |= {"front": "f", "ledger": "l"}
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump(contract))
    require_fit(load_scenario(path), Docker())


def test_a_file_that_is_not_there_and_a_variable_without_its_value_are_refused(tmp_path: Path) -> None:
    environment = {"LISTEN": "0.0.0.0:{port}", "PORT": "{port}", "NAME": "shop-{run}", "KEY": "k-{secret:k}"}
    compose = COMPOSE["compose"] | {"file": "nowhere.yaml", "environment": environment}
    path = written(tmp_path, [], {"compose": compose, "kubernetes": {**KUBERNETES, "environment": environment}})
    for platform, section, file in (
        ("docker", "compose", "file"),
        ("kubernetes", "kubernetes", "manifests"),
    ):
        done = CliRunner().invoke(main, ["validate", str(path), "--platform", platform])
        assert done.exit_code == 2
        assert done.output.splitlines() == [
            f"{path}: platform: there is no file {tmp_path / 'nowhere.yaml'}: correct start.{section}.{file} in"
            f" {tmp_path / 'contract.yaml'}",
            f"{path}: platform: start: the variable LISTEN holds {{port}}, which has no value on {platform}:"
            f" give LISTEN its value there in `start.{section}.environment`",
        ]


def test_a_fault_that_the_platform_lacks_is_refused_on_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, [{"kind": "cut", "at": 1}])
    done = CliRunner().invoke(main, ["run", str(path), "--reports", str(tmp_path / "reports")])
    assert done.exit_code == 2 and "faults.0 (cut): the platform process cannot cut" in done.output
    assert not (tmp_path / "reports").exists()


class Engine(MemoryPlatform):
    """A platform on which targets of others run."""

    name = "docker"

    def restore(self, found: Path) -> list[str]:
        return []


def test_a_target_that_the_harness_did_not_create_is_refused_unless_it_is_allowed_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, [], {"compose": {**COMPOSE["compose"], "attach": "shop"}})
    loaded = load_scenario(path)
    for allowed in ([], ["shop-2"]):
        with pytest.raises(
            UsageError, match=r"attaches to 'shop', which the harness did not create.*--allow-target shop"
        ):
            require_fit(loaded, Engine(), allowed=allowed)
    require_fit(loaded, Engine(), allowed=["shop"])
    lacking = Engine()
    lacking.withheld[Attachable] = "not on this engine"
    with pytest.raises(UsageError, match="needs `attach`, which the platform docker does not declare"):
        require_fit(loaded, lacking, allowed=["shop"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_near(host: str) -> None:
    require_near(host, [])


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "0.0.0.0", "shop.example", "127.0.0.1.example"])
def test_another_machine_is_not_loaded_unless_it_is_allowed_by_name(host: str) -> None:
    with pytest.raises(UsageError, match=f"at {host}, which is not this machine: say --allow-target {host}"):
        require_near(host, ["other"])
    require_near(host, [host])


def test_names_are_the_run_s_own_where_the_target_remembers_those_of_others(tmp_path: Path) -> None:
    """And nowhere else: there the seed fixes them."""
    tags = []
    attached: tuple[dict[str, object], ...] = ({}, {"attach": "shop"})
    for attach in attached:
        loaded = load_scenario(written(tmp_path, [], {"compose": {**COMPOSE["compose"], **attach}}))
        plan = Plan(loaded, "docker", "kill-20260101T000000Z-0a1b2c", tmp_path, 1)
        tags.append([settings.tag for settings in plan.agents(("127.0.0.1", 1), hop=False)])
    assert tags == [[""], ["0a1b2c-"]]


@pytest.mark.live
def test_a_platform_is_told_which_hosts_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    class Refusing(MemoryPlatform):
        name = "process"

        def deploy(self, deployment: Deployment) -> None:
            seen.append(deployment.allowed)
            raise EnvironmentFailure("no further")

    monkeypatch.setitem(PLATFORMS, "process", Refusing)
    path = written(tmp_path, [{"kind": "kill", "at": 1}])
    words = ["run", str(path), "--reports", str(tmp_path / "reports"), "--allow-target", "far.example"]
    assert CliRunner().invoke(main, words).exit_code == 5
    assert seen == [["far.example"]]
