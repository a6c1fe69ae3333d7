from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.faults import FAULTS, Fault, Kill, Noop, Pause, Scale, Stop
from harness.faults.schedule import plan

seconds = st.floats(0, 100).map(lambda value: round(value, 2))
spans = st.floats(0.5, 20).map(lambda value: round(value, 2))
entries = st.one_of(
    st.builds(Kill, at=st.one_of(seconds, st.lists(seconds, min_size=1, max_size=4)), jitter=st.floats(0, 3)),
    st.builds(Pause, every=spans, for_s=spans, jitter=st.floats(0, 3)),
    st.builds(Noop, every=spans, from_s=seconds),
)


def test_a_schedule_is_written_out() -> None:
    faults = [Kill(every=2, from_s=1), Pause(at=[5, 2.5], for_s=4), Scale(at=3, to=5, role="worker")]
    found = [(p.number, p.fault.kind, p.at_s) for p in plan(faults, 6, seed=1)]
    assert found == [
        (1, "kill", 1.0),
        (2, "pause", 2.5),
        (3, "kill", 3.0),
        (4, "scale", 3.0),
        (5, "kill", 5.0),
        (6, "pause", 5.0),
    ]


@given(st.lists(entries, max_size=5), st.integers(0, 2**32), st.floats(1, 60))
def test_the_same_seed_gives_the_same_plan(faults: list[Fault], seed: int, duration_s: float) -> None:
    planned = plan(faults, duration_s, seed)
    assert planned == plan(faults, duration_s, seed)
    assert [p.at_s for p in planned] == sorted(p.at_s for p in planned)
    assert [p.number for p in planned] == list(range(1, len(planned) + 1))
    assert all(p.at_s >= 0 and 0 <= p.pick < 1 for p in planned)
    due = [p.fault for p in planned]
    assert all(fault in due for fault in faults) and all(fault in faults for fault in due)


@given(st.lists(entries, min_size=1, max_size=3), entries, st.integers(0, 2**32))
def test_one_more_fault_does_not_move_the_others(faults: list[Fault], added: Fault, seed: int) -> None:
    def bare(entries: list[Fault]) -> list[tuple[str, float, float]]:
        return sorted((p.fault.kind, p.at_s, p.pick) for p in plan(entries, 30, seed))

    before, after = bare(faults), bare([*faults, added])
    for entry in before:
        after.remove(entry)


def test_another_seed_gives_another_plan() -> None:
    faults = [Kill(every=2, jitter=0.5)]
    assert plan(faults, 30, 1) != plan(faults, 30, 2)


def test_what_is_due_after_the_load_stays_planned() -> None:
    assert [p.at_s for p in plan([Kill(at=99), Kill(every=2, from_s=40)], 30, 1)] == [40.0, 99.0]


@pytest.mark.parametrize(
    ("kind", "entry", "said"),
    [
        ("kill", {}, "give one of them"),
        ("kill", {"at": 1, "every": 2}, "give one of them"),
        ("kill", {"at": 1, "until": 2}, "say nothing"),
        ("kill", {"every": 1, "from": 3, "until": 2}, "later than"),
        ("kill", {"at": []}, "at least 1 item"),
        ("kill", {"at": -1}, "greater than or equal to 0"),
        ("kill", {"at": float("nan")}, "finite"),
        ("kill", {"every": 0}, "greater than 0"),
        ("kill", {"at": 1, "for": 4}, "not permitted"),
        ("kill", {"at": 1, "role": "store"}, "'replica' or 'worker'"),
        ("pause", {"at": 1, "for": 0}, "greater than 0"),
        ("scale", {"at": 1}, "Field required"),
        ("scale", {"at": 1, "to": 0}, "greater than or equal to 1"),
        ("stop", {"at": 1, "grace": "long"}, "valid number"),
    ],
)
def test_a_wrong_entry_is_refused(kind: str, entry: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FAULTS[kind].model_validate({"kind": kind, **entry})


def test_the_registry_names_each_fault_by_its_kind() -> None:
    assert {name: fault.model_fields["kind"].default for name, fault in FAULTS.items()} == {n: n for n in FAULTS}
    assert Stop.model_validate({"kind": "stop", "at": 1}).grace == 10
