"""Jobs: an acknowledged job ends, once, with the right output, and its progress never goes back."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judging.check import Check, FinalReads, Items
from harness.properties.declared import Declared
from harness.properties.effects import effects_gaps
from harness.properties.job import check
from harness.properties.job.contract import Job, problems
from harness.properties.job.workload import JobWorkload
from harness.properties.promises import CommonPromises
from harness.properties.property import Judged, Kind, Property

_Declared = Declared[Job, CommonPromises]

_ITEMS = Items(
    "key", acknowledged="kind = 'submit' AND outcome = 'ok'", read="kind = 'status' AND class IN ('ok', 'missing')"
)
_FINAL = FinalReads(
    "key", acknowledged="kind = 'submit' AND outcome = 'ok'", read="kind = 'status' AND class IN ('ok', 'missing')"
)


def _criteria(declared: _Declared) -> check.Criteria:
    promises = declared.promises
    return check.Criteria(
        declared.name,
        effects=declared.section.effects,
        deduplicates=promises.ledger_deduplicates,
        fences=promises.ledger_fences,
    )


def _gaps(declared: _Declared) -> Mapping[str, str]:
    gaps = dict(effects_gaps(declared))
    if declared.section.effects == "ledger" and not declared.promises.ledger_fences:
        gaps["job: fences"] = "not promised: the provider does not refuse a lower fence"
    return gaps


PROPERTY = Property(
    name=check.NAME,
    sentence="an acknowledged job ends once with the right output, whichever worker dies",
    section=Job,
    workload=JobWorkload,
    placeholders={
        "submit": frozenset({"token", "username", "key", "input", "reference"}),
        "status": frozenset({"token", "username", "id", "reference"}),
        "cancel": frozenset({"token", "username", "id", "reference"}),
    },
    kinds={
        "submit": Kind("job.submit", gives_id=True),
        "status": Kind("job.status"),
        # Cancels are too few for one in every window.
        "cancel": Kind("job.cancel", in_every_window=False),
    },
    checks=(
        Judged(
            Check(check.NAME, check.SENTENCE, check.RULES, check.check),
            _criteria,
            items=lambda _: _ITEMS,
            final=lambda _: _FINAL,
            gaps=_gaps,
            needs="job.submit",
        ),
    ),
    formerly=("jobs",),
    problems=problems,
)
