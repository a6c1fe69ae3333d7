"""Hostile tokens: no forged, expired, unsigned or altered token is accepted, or pays."""

from __future__ import annotations

from harness.judging.check import Check
from harness.properties.declared import Declared
from harness.properties.hostile import check
from harness.properties.hostile.contract import Hostile
from harness.properties.hostile.workload import PAY_AT, READ_AT, HostileWorkload
from harness.properties.promises import CommonPromises
from harness.properties.property import Judged, Kind, Property


def _criteria(declared: Declared[Hostile | None, CommonPromises]) -> check.Criteria:
    paid = declared.section_of(PAY_AT)
    return check.Criteria(declared.name, "ledger" if paid and paid.effects == "ledger" else "nowhere")


PROPERTY = Property(
    name=check.NAME,
    sentence="no forged, expired, unsigned or altered token is accepted, or pays",
    section=Hostile,
    workload=HostileWorkload,
    placeholders={},
    kinds={"forge": Kind(READ_AT, "none"), "forge_pay": Kind(PAY_AT, "none")},
    checks=(Judged(Check(check.NAME, check.SENTENCE, check.RULES, check.check), _criteria),),
    needs_section=False,
    secrets=("key",),
)
