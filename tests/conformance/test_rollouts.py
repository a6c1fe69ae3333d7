"""Another version in the old one's place, on every platform that declares it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.faults import FAULTS, Cut, Fault, Restart
from harness.platforms.abilities import Admitting, Disconnectable, offered
from harness.platforms.base import Platform
from harness.platforms.process.platform import ProcessPlatform
from harness.supervision.rollout import Rollout
from tests.support.conformance import deployment, eventually, tiny
from tests.support.traffic import boots, kept, load


def needs(platform: Platform, fault: type[Fault]) -> None:
    if all(offered(platform, ability) is None for ability in fault.needs):
        pytest.skip(f"{platform.name} offers none of {', '.join(each.__name__ for each in fault.needs)}")


@pytest.mark.parametrize("how", ["roll", "switch"])
def test_every_old_boot_goes_and_as_many_new_ones_come(platform: Platform, tmp_path: Path, how: str) -> None:
    needs(platform, FAULTS[how])
    platform.deploy(deployment(tmp_path))
    before = boots(platform)
    with kept(platform) as supervisor:
        rollout = Rollout(supervisor, "replica", {"HARNESS_VERSION": "2"}, 60)
        assert getattr(rollout, how)() == "2 replicas of the new version ready, 2 of the old gone"
        after = boots(platform)
        assert len(after) == 2 and not set(after) & set(before) and not set(after.values()) & set(before.values())
        assert sorted(rollout.old) == sorted(before) and supervisor.stop_failures == {}


def test_the_same_version_anew_is_another_life_of_every_member(platform: Platform, tmp_path: Path) -> None:
    needs(platform, Restart)
    platform.deploy(deployment(tmp_path))
    before = boots(platform)
    with kept(platform) as supervisor:
        Rollout(supervisor, "replica", {}, 60).roll()
        assert len(boots(platform)) == 2 and not set(boots(platform).values()) & set(before.values())


def test_a_held_replica_is_ready_and_stays_so_when_it_is_admitted(platform: Platform, tmp_path: Path) -> None:
    admitting = offered(platform, Admitting)
    if admitting is None:
        pytest.skip("its controller begins the members")
    platform.deploy(deployment(tmp_path, replicas=1, workers=0))
    fresh = admitting.start("replica", held=True)
    eventually(lambda: platform.ready(fresh), "ready though held")
    assert [m.held for m in platform.members()] == [False, True]
    admitting.admit([fresh.name])
    assert [(m.held, m.state) for m in platform.members()] == [(False, "ready"), (False, "ready")]


def test_a_cut_replica_is_seen_to_be_off_the_network_and_on_it_again(platform: Platform, tmp_path: Path) -> None:
    needs(platform, Cut)
    disconnectable = offered(platform, Disconnectable)
    assert disconnectable is not None
    platform.deploy(deployment(tmp_path, workers=0))
    before = platform.members()[0]
    assert disconnectable.cut("replica-1")
    assert disconnectable.mend("replica-1")
    eventually(lambda: platform.ready(before), "ready again", 30)
    assert platform.members()[0].boot == before.boot


# -- through the real balancer


def test_held_replicas_get_no_request_and_admitted_ones_do(process: ProcessPlatform, tmp_path: Path) -> None:
    process.deploy(deployment(tmp_path, replicas=1, workers=0))
    fresh = process.start("replica", held=True)
    eventually(lambda: process.ready(fresh), "ready though held")
    boot = process.members()[1].boot
    with load(process.balancer()) as seen:
        eventually(lambda: len(seen) > 30, "answers")
        assert boot not in {each for _, each in seen}
        process.admit([fresh.name])
        eventually(lambda: boot in {each for _, each in seen}, "the admitted one answers")
    assert {status for status, _ in seen} == {200}


@pytest.mark.parametrize("how", ["roll", "switch"])
def test_another_version_costs_no_request(process: ProcessPlatform, tmp_path: Path, how: str) -> None:
    # So long that the balancer looks at a leaving replica in time, should it not run for a while.
    process.deploy(deployment(tmp_path, replica=tiny(TINY_DRAIN_S="2.5"), workers=0))
    old = set(boots(process).values())
    with kept(process) as supervisor, load(process.balancer()) as seen:
        getattr(Rollout(supervisor, "replica", {"HARNESS_VERSION": "2"}, 60), how)()
        landed = len(seen)
        eventually(lambda: len(seen) > landed + 30, "answers of the new version")
    assert {status for status, _ in seen} == {200}
    # Those under way when it landed have been answered by then.
    assert not {boot for _, boot in seen[landed + 4 :]} & old and {boot for _, boot in seen} & old
