"""The findings in a few lines, and whether anything was wrong. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tests.soak.plan import CLEAN, DEFECT, KILLED, Repetition
from tests.soak.state import Finding

TITLES = {
    CLEAN: "clean runs that were valid",
    DEFECT: "runs with a defect, caught by its own check",
    KILLED: "killed harnesses of which recover left nothing",
}
SLO_MISSED = 3


def summarise(planned: Sequence[Repetition], findings: Sequence[Finding]) -> str:
    """Counts of each kind and defect, then everything that was wrong with its folder."""
    lines = []
    for kind, title in TITLES.items():
        groups = list(dict.fromkeys(each.group for each in planned if each.kind == kind))
        lines.append(f"{title}: {_share(planned, findings, kind, groups)}")
        if kind == DEFECT:
            width = max((len(group) for group in groups), default=0)
            lines += [f"  {group:<{width}}  {_share(planned, findings, kind, [group])}" for group in groups]
        if kind == CLEAN:
            lines += _clean(findings)
    wrong = [finding for finding in findings if not finding.right]
    lines += ["", f"wrong: {len(wrong)}", *(f"  {each.key}: {each.why}\n    {each.folder}" for each in wrong)]
    return "\n".join(lines)


def _share(planned: Sequence[Repetition], findings: Sequence[Finding], kind: str, groups: list[str]) -> str:
    done = [each for each in findings if each.kind == kind and each.group in groups]
    wanted = sum(each.kind == kind and each.group in groups for each in planned)
    left = f", {wanted - len(done)} of {wanted} to do" if len(done) < wanted else ""
    return f"{sum(each.right for each in done)}/{len(done)}{left}"


def _clean(findings: Sequence[Finding]) -> list[str]:
    clean = [each for each in findings if each.kind == CLEAN]
    alarms = sum(each.verdict == "invalid" for each in clean)
    unknown = [each for each in clean if each.verdict == "unknown"]
    slos = sum(each.verdict == "valid" and each.exit_code == SLO_MISSED for each in clean)
    lines = [f"  false alarms {alarms}, unknown {len(unknown)}, valid with an SLO missed {slos}"]
    return lines + [f"  unknown {each.key}: {each.why}" for each in unknown]
