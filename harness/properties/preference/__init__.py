"""Preferences: one register for each user, which reads as if there were one copy of it."""

from __future__ import annotations

from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.preference import check
from harness.properties.preference.contract import Preference, PreferencePromises
from harness.properties.preference.workload import PreferenceWorkload
from harness.properties.property import Judged, Kind, Property

_ITEMS = Items("key", acknowledged="kind = 'put' AND outcome = 'ok'", read="kind = 'get' AND outcome = 'ok'")
_FINAL = FinalReads("key", acknowledged="kind = 'put' AND outcome = 'ok'", read="kind = 'get' AND outcome = 'ok'")


def _criteria(declared: Declared[Preference, PreferencePromises]) -> check.Criteria:
    return check.Criteria(declared.name, declared.promises.preference_staleness_s)


PROPERTY = Property(
    name=check.NAME,
    sentence="preferences read as if there were one copy: the last acknowledged change, at every replica",
    section=Preference,
    promises=PreferencePromises,
    workload=PreferenceWorkload,
    placeholders={
        "get": frozenset({"token", "username"}),
        "put": frozenset({"token", "username", "value", "version"}),
    },
    kinds={"get": Kind("preference.get"), "put": Kind("preference.put")},
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=lambda _: _FINAL,
            needs="preference.put",
        ),
    ),
    formerly=("preferences",),
)
