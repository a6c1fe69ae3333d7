from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from harness.platforms.base import LIVING, Member, State
from harness.supervision.succession import NOT_WANTED, Succession


def members(**states: State) -> list[Member]:
    return [Member(f"replica-{name[1:]}", "replica", "", 1, None, state) for name, state in states.items()]


def test_who_appears_takes_the_place_that_has_been_empty_longest():
    succession = Succession()
    assert succession.look(members(r1="ready", r2="ready"), 2) == {}
    assert succession.look(members(r1="killed", r2="ready"), 2) == {}
    assert succession.look(members(r1="killed", r2="stopping"), 2) == {}
    assert succession.look(members(r1="killed", r2="stopping", r3="starting"), 2) == {"replica-1": "replica-3"}
    found = succession.look(members(r1="killed", r2="gone", r3="ready", r4="starting"), 2)
    assert found == {"replica-2": "replica-4"}
    assert succession.look(members(r1="killed", r2="gone", r3="ready", r4="gone"), 2) == {}
    assert succession.look(members(r3="ready", r4="gone", r5="starting"), 2) == {"replica-4": "replica-5"}


def test_in_a_rollout_the_successor_is_there_before_its_place_is_free():
    succession = Succession()
    succession.look(members(r1="ready", r2="ready"), 2)
    assert succession.look(members(r1="ready", r2="ready", r3="ready"), 2) == {}
    assert succession.look(members(r1="stopping", r2="ready", r3="ready"), 2) == {"replica-1": "replica-3"}


def test_nobody_is_the_successor_of_himself():
    """A switch that is given up: the new ones, who came beside the old, are taken away again."""
    succession = Succession()
    succession.look(members(r1="ready", r2="ready"), 2)
    assert succession.look(members(r1="ready", r2="ready", r3="ready", r4="starting"), 2) == {}
    found = succession.look(members(r1="ready", r2="ready", r3="stopping", r4="gone"), 2)
    assert found == {"replica-3": NOT_WANTED, "replica-4": NOT_WANTED}
    assert succession.look(members(r1="ready", r2="killed", r5="starting"), 2) == {"replica-2": "replica-5"}
    assert succession.look(members(r1="killed", r5="ready", r6="starting"), 2) == {"replica-1": "replica-6"}


def test_who_came_because_more_were_wanted_is_nobodys_successor():
    succession = Succession()
    succession.look(members(r1="ready", r2="ready"), 2)
    assert succession.look(members(r1="ready", r2="ready", r3="starting"), 3) == {}
    assert succession.look(members(r1="killed", r2="ready", r3="ready"), 3) == {}
    assert succession.look(members(r1="killed", r2="ready", r3="ready", r4="starting"), 3) == {"replica-1": "replica-4"}


def test_who_goes_because_fewer_are_wanted_has_no_successor():
    succession = Succession()
    succession.look(members(r1="ready", r2="ready", r3="ready"), 3)
    found = succession.look(members(r1="ready", r2="stopping", r3="killed"), 1)
    assert found == {"replica-2": NOT_WANTED, "replica-3": NOT_WANTED}
    assert succession.look(members(r1="killed", r2="gone", r3="killed"), 1) == {}
    assert succession.look(members(r1="killed", r4="ready"), 1) == {"replica-1": "replica-4"}


def test_who_was_dead_before_the_first_look_is_nobodys_concern():
    succession = Succession()
    assert succession.look(members(r1="gone", r2="ready"), 1) == {}
    assert succession.look(members(r1="gone", r2="killed", r3="starting"), 1) == {"replica-2": "replica-3"}


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 30))
def test_every_place_is_taken_once_whatever_a_controller_does(seed: int, steps: int) -> None:
    """The oracle is the controller itself: it replaces one for one, and each death ends with one successor or none."""
    source, succession, wanted = random.Random(seed), Succession(), 3
    there: dict[int, State] = {1: "ready", 2: "ready", 3: "ready"}
    found: dict[str, str] = {}
    died: set[str] = set()

    def look() -> None:
        states = [Member(f"replica-{n}", "replica", "", 1, None, state) for n, state in there.items()]
        new = succession.look(states, wanted)
        assert not set(new) & set(found), "what was decided once is not decided again"
        found.update(new)

    look()
    for _ in range(steps):
        living = [number for number, state in there.items() if state in LIVING]
        what = source.choice(["kill", "scale", "replace", "replace"])
        if what == "kill" and living:
            victim = source.choice(living)
            there[victim] = "killed"
            died.add(f"replica-{victim}")
        elif what == "scale":
            wanted = source.randint(1, 5)
            for number in sorted(living, reverse=True)[: max(0, len(living) - wanted)]:
                there[number] = "stopping"
                died.add(f"replica-{number}")
        elif what == "replace" and len(living) < wanted:
            there[max(there) + 1] = "starting"
        look()
    while sum(state in LIVING for state in there.values()) < wanted:
        there[max(there) + 1] = "starting"
        look()
    assert set(found) == died
    taken = [successor for successor in found.values() if successor != NOT_WANTED]
    assert len(taken) == len(set(taken))
    assert all(int(successor[8:]) > int(dead[8:]) for dead, successor in found.items() if successor != NOT_WANTED)
