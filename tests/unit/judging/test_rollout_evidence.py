"""Evidence of a rollout: the old version was not heard of again, and the new one was."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judging.criteria import Criteria
from harness.judging.evidence import gather
from tests.support.histories import fault, history

OLD = [{"name": "replica-1", "role": "replica", "boot": "b1", "state": "ready", "at_ns": 1}]
NAMES = [{"fault": 0, "name": "replica-1"}]
BEFORE = "session/read s1 ok 10-20"
OLD_AFTER = "session/read s1 ok 510-520"
NEW_AFTER = "session/read s1 ok 510-520 replica=replica-2 boot=b2"


def proof(*lines: str, kind: str = "roll", **tables: Any) -> tuple[bool, str] | None:
    given = {"fault": [fault(0, kind, 100, 500, 500, target="all 1 replicas", boot=None)], "fault_member": NAMES}
    db = history(*lines, **{**given, "member": OLD, **tables})
    return next(((each.met, each.text) for each in gather(db, Criteria()) if each.name == "new version answers"), None)


@pytest.mark.parametrize("kind", ["restart", "roll", "switch"])
def test_a_new_version_that_answers_in_the_place_of_the_old_one_is_evidence(kind: str) -> None:
    said = "1 old versions were not heard of again, and the new ones were"
    assert proof(BEFORE, NEW_AFTER, kind=kind) == (True, said)


def test_an_answer_of_the_old_version_after_it_was_seen_to_be_gone_is_none() -> None:
    said = "1 ops were answered by the old version after fault 0"
    assert proof(BEFORE, OLD_AFTER, NEW_AFTER) == (False, said)


def test_an_answer_to_what_was_asked_before_it_was_gone_is_harmless() -> None:
    met = proof("session/read s1 ok 490-510", NEW_AFTER)
    assert met is not None and met[0]


def test_a_new_version_that_never_answers_is_none() -> None:
    assert proof(BEFORE) == (False, "no op was answered by the new version after fault 0")


def test_an_old_version_of_which_no_boot_id_is_known_is_none() -> None:
    unknown = [{**OLD[0], "boot": None}]
    assert proof(BEFORE, NEW_AFTER, member=unknown) == (False, "no boot id of the old version of fault 0 is known")


def test_nothing_is_owed_without_a_rollout_of_replicas() -> None:
    assert proof(BEFORE, kind="kill") is None
    assert proof(BEFORE, fault=[fault(0, "roll", 100, 500, 500, role="worker")]) is None
