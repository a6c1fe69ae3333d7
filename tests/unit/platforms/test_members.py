"""The member table: which state may follow which, and what acting on a member and asking it leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import pytest

from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms.base import DEAD, Deployment, Role, State
from harness.platforms.common.deploying import deploy_whole, wait_for_all
from harness.platforms.common.members import FOLLOWS, MemberTable

STATES: tuple[State, ...] = get_args(State)


@dataclass
class Row:
    name: str = "replica-1"
    role: Role = "replica"
    state: State = "ready"
    boot: str | None = None
    has_ended: bool = False


@pytest.fixture
def row() -> Row:
    return Row()


@pytest.fixture
def table(row: Row) -> MemberTable[Row]:
    made: MemberTable[Row] = MemberTable(lambda each: each.has_ended)
    made.add(row)
    return made


def test_every_state_says_what_may_follow() -> None:
    assert set(FOLLOWS) == set(STATES)
    assert all("starting" not in after for after in FOLLOWS.values())


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_the_dead_stay_dead(before: State, after: State) -> None:
    row, table = Row(state=before), MemberTable[Row]()
    table.add(row)
    moved = table.move(row, after)
    assert row.state == (after if moved else before)
    if before in DEAD:
        # The end of a member may be seen before the kill that caused it has returned.
        assert moved == (after == before or (before, after) == ("gone", "killed"))


def test_names_are_never_given_twice(table: MemberTable[Row]) -> None:
    assert [table.new_name("replica"), table.new_name("replica"), table.new_name("worker")] == [
        "replica-1",
        "replica-2",
        "worker-1",
    ]
    table.number_from("worker", 7)
    assert table.new_name("worker") == "worker-7"
    assert table.names_given() == {"replica-1", "replica-2", *(f"worker-{number}" for number in range(1, 8))}


def test_what_was_seen_to_land_is_the_state(table: MemberTable[Row], row: Row) -> None:
    seen: list[State] = []

    def freeze(each: Row) -> str:
        seen.append(each.state)
        return "all threads stopped"

    assert table.act("replica-1", "paused", "paused", freeze) == "all threads stopped"
    assert (seen, row.state) == (["paused"], "paused")
    table.act("replica-1", "paused", lambda each: "stopping", freeze)
    assert row.state == "stopping"


@pytest.mark.parametrize(("has_ended", "after"), [(False, "ready"), (True, "gone")])
def test_what_was_not_seen_leaves_the_state_of_before(
    table: MemberTable[Row], row: Row, has_ended: bool, after: State
) -> None:
    def fails(each: Row) -> str:
        assert each.state == "killed"
        each.has_ended = has_ended
        raise FaultNotSeen("it is still there")

    with pytest.raises(FaultNotSeen, match="still there"):
        table.act("replica-1", "killed", "killed", fails)
    assert row.state == after


def test_a_stop_that_returns_after_a_kill_does_not_undo_it(table: MemberTable[Row], row: Row) -> None:
    def stop(each: Row) -> str:
        table.act("replica-1", "killed", "killed", lambda _: "killed meanwhile")
        return "exited"

    table.act("replica-1", "stopping", "gone", stop)
    assert row.state == "killed"


def test_nothing_is_done_to_the_dead_or_to_nobody(table: MemberTable[Row], row: Row) -> None:
    row.has_ended = True
    for name, said in (("replica-1", r"replica-1 is dead already \(gone\)"), ("replica-9", "no member replica-9")):
        with pytest.raises(FaultNotSeen, match=said):
            table.act(name, "killed", "killed", lambda each: pytest.fail("it was done"))
    assert [each.name for each in table.dead()] == ["replica-1"]
    table.forget(table.dead())
    assert table.all() == []


def test_an_answer_is_noted_unless_something_was_done_meanwhile(table: MemberTable[Row], row: Row) -> None:
    row.state = "starting"
    assert not table.poll("replica-1", lambda each: (False, None)) and row.state == "starting"
    assert table.poll("replica-1", lambda each: (True, "b1")) and (row.state, row.boot) == ("ready", "b1")
    assert not table.poll("replica-1", lambda each: (False, None)) and (row.state, row.boot) == ("unready", "b1")

    def frozen_meanwhile(each: Row) -> tuple[bool, str | None]:
        each.state = "paused"
        return True, "b2"

    assert not table.poll("replica-1", frozen_meanwhile) and (row.state, row.boot) == ("paused", "b1")
    assert not table.poll("replica-1", lambda each: pytest.fail("the frozen are not asked"))


# -- deploying


def order() -> Deployment:
    return Deployment("r-1", *[None] * 8, "/health", "/ready")  # type: ignore[arg-type]


def test_what_did_not_come_up_is_torn_down_and_both_failures_are_told() -> None:
    def fails(_: Deployment) -> None:
        raise KeyboardInterrupt

    def stays() -> None:
        raise EnvironmentFailure("a process is still there")

    with pytest.raises(KeyboardInterrupt) as interrupted:
        deploy_whole(order(), False, fails, stays)
    assert interrupted.value.__notes__ == ["a process is still there"]
    with pytest.raises(EnvironmentFailure, match="run r-1: this platform object has deployed already"):
        deploy_whole(order(), True, fails, lambda: pytest.fail("what serves another run was torn down"))


def test_all_parts_are_waited_for_and_the_first_that_is_late_is_named() -> None:
    asked = {"a": 0, "b": 0}

    def ask(name: str) -> bool:
        asked[name] += 1
        return name == "a" or asked[name] > 2

    def late(name: str) -> Exception:
        return EnvironmentFailure(f"{name} is late")

    checks = {name: (lambda name=name: ask(name)) for name in asked}
    wait_for_all(checks, float("inf"), late=late, poll_s=0)
    assert asked == {"a": 1, "b": 3}
    with pytest.raises(EnvironmentFailure, match="c is late"):
        wait_for_all({"c": lambda: False}, 0.0, late=late, poll_s=0)
