"""The declarations of state against the truth: files, scripts, endpoints, and the document made from them."""

import re
from pathlib import Path

from target_service import state
from target_service.store import PRELUDE, lua_files
from tests.support.target_asking import ENDPOINTS


def test_the_document_is_what_the_declarations_say():
    written = (Path(state.__file__).parent / "STATE.md").read_text()
    assert written == state.document(), "run `make state`"


def test_every_script_belongs_to_one_kind_of_state():
    declared = sorted(name for each in state.states() for name in each.scripts)
    assert declared == sorted(lua_files().keys() - set(PRELUDE))


def test_every_endpoint_says_its_round_trips_once():
    declared = [name for each in state.states() for name in each.trips if re.match("[A-Z]+ /", name)]
    assert sorted([*declared, *state.PROBES]) == sorted(ENDPOINTS)


def test_reads_take_one_round_trip_and_what_takes_more_says_why():
    for each in state.states():
        for name, trips in each.trips.items():
            if name.startswith("GET "):
                assert state.number(trips) <= 1, name
            if state.number(trips) > 1:
                assert not isinstance(trips, int) and len(trips[1]) > 20, f"{name} does not say why"


def test_no_key_is_of_two_families():
    keys = [key for each in state.states() for key in each.keys]
    for key in keys:
        example = key.pattern.replace("*", "x1")
        assert [other.pattern for other in keys if other.covers(example)] == [key.pattern]
