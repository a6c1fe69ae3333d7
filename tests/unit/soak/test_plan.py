"""What the soak does, in which order, and what it leaves out."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.api import REFERENCE_CONTRACT
from harness.contract.read import read_contract
from harness.scenario.catalogue import Defect, read_catalogue
from tests.soak.plan import CAUGHT_ON, CLEAN, DEFECT, KILLED, MAIN, Repetition, fits, moment_s, plan, remaining, sample

DEFECTS = [
    Defect(name=name, title="t", what="w", seen_in="s", scenario=f"{name}.yaml", check=check)
    for name, check in (("early", "job"), ("late", "session"))
]
PLAN = plan(DEFECTS)


def test_the_plan_is_a_hundred_clean_runs_ten_of_each_defect_and_fifty_kills() -> None:
    assert Counter(each.group for each in PLAN) == {
        CLEAN: 100,
        "clean-process": 20,
        "early": 10,
        "late": 10,
        KILLED: 50,
    }
    assert {each.scenario for each in PLAN if each.group == CLEAN} == {MAIN}
    spread = Counter(each.scenario for each in plan(DEFECTS, ["a", "b", "c"]) if each.group == CLEAN)
    assert sorted(spread.values()) == [33, 33, 34]
    waiting = DEFECTS[0].model_copy(update={"waits_for": "a sweep"})
    assert {each.defect for each in plan([waiting, DEFECTS[1]])} == {None, "late"}
    assert {(each.defect, each.check, each.scenario) for each in PLAN if each.kind == DEFECT} == {
        ("early", "job", "early.yaml"),
        ("late", "session", "late.yaml"),
    }


def test_the_main_scenarios_are_run_with_five_seeds_on_every_platform_that_works() -> None:
    wider = [each for each in plan(DEFECTS, engines=["docker"]) if each.kind == CLEAN and each.platform]
    assert Counter((each.platform, each.scenario) for each in wider) == {
        (platform, f"scenarios/{name}.yaml"): 5
        for platform in ("process", "docker")
        for name in ("kill", "scale", "freeze", "rolling")
    }


def test_some_defects_are_to_be_caught_on_every_engine_that_works() -> None:
    seeded = read_catalogue(read_contract(REFERENCE_CONTRACT), REFERENCE_CONTRACT)
    elsewhere = [each for each in plan(seeded, engines=list(CAUGHT_ON)) if each.kind == DEFECT and each.platform]
    assert Counter(each.platform for each in elsewhere) == {"docker": 7, "kubernetes": 4}
    assert {each.group for each in elsewhere if each.defect == "no-fence"} == {"no-fence-docker"}


def test_harnesses_are_killed_on_every_engine_that_works() -> None:
    wider = plan(DEFECTS, engines=["docker", "kubernetes"])
    groups = Counter(each.group for each in wider)
    assert (groups[KILLED], groups["killed-docker"], groups["killed-kubernetes"]) == (50, 50, 20)
    assert {each.key for each in PLAN} < {each.key for each in wider} and len({each.key for each in wider}) == len(
        wider
    )


def test_no_two_repetitions_have_one_key_and_none_of_a_group_one_seed() -> None:
    assert len({each.key for each in PLAN}) == len(PLAN)
    assert len({(each.group, each.seed) for each in PLAN}) == len(PLAN)


def test_what_is_done_is_left_out_and_the_rest_keeps_its_order() -> None:
    done = {PLAN[0].key, PLAN[45].key, "of another plan"}
    assert remaining(PLAN, done) == [*PLAN[1:45], *PLAN[46:]]
    assert remaining(PLAN, {each.key for each in PLAN}) == []


def test_a_sample_begins_with_one_of_every_group_and_has_all_in_the_end() -> None:
    drawn = sample(PLAN, "a commit")
    groups = {CLEAN, "clean-process", "early", "late", KILLED}
    assert {each.group for each in drawn[:5]} == {each.group for each in drawn[5:10]} == groups
    assert sorted(drawn, key=PLAN.index) == PLAN


def test_a_sample_is_fixed_by_its_seed() -> None:
    assert sample(PLAN, "a commit") == sample(PLAN, "a commit")
    assert sample(PLAN, "a commit") != sample(PLAN, "another")


@pytest.mark.parametrize(
    ("elapsed_s", "budget_s", "first", "begins"),
    [
        (1e6, None, False, True),
        (10, 60, False, True),
        (10.1, 60, False, False),
        (59, 60, False, False),
        (1e6, 60, True, True),
    ],
)
def test_nothing_begins_that_would_not_end_in_the_budget(
    elapsed_s: float, budget_s: float | None, first: bool, begins: bool
) -> None:
    assert fits(Repetition(CLEAN, MAIN, 1), elapsed_s, budget_s, first) is begins


def test_moments_of_death_are_seeded_and_spread_over_the_whole_life() -> None:
    moments = [moment_s(each, 16) for each in PLAN if each.kind == KILLED]
    assert moments == [moment_s(each, 16) for each in PLAN if each.kind == KILLED]
    assert all(0 <= moment <= 16 for moment in moments)
    assert {int(moment // 4) for moment in moments} == {0, 1, 2, 3}
