"""The table of a campaign, as it is committed under docs/evidence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.plan import Repetition
from tests.soak.state import Finding


@dataclass(frozen=True)
class Campaign:
    """How a table came about: the command, the commit, whether files differed from it, and the hash of the content."""

    command: str
    commit: str
    changed: bool
    revision: str


def document(planned: Sequence[Repetition], findings: Sequence[Finding], campaign: Campaign) -> str:
    """Return a Markdown page: a line a group with right, done and planned repetitions, then what was wrong.

    A campaign with fewer repetitions done than planned says on top that it stopped early, and after how many.
    """
    done = {finding.key: finding for finding in findings}
    groups: dict[str, list[Repetition]] = {}
    for each in planned:
        groups.setdefault(each.group, []).append(each)
    right = sum(finding.right for finding in done.values())
    lines = [
        f"# Soak: {right} of {len(done)} right",
        "",
        f"Command: `{campaign.command}`",
        "",
        f"Commit: {campaign.commit}{', with changed files' if campaign.changed else ''}; content"
        f" {campaign.revision[:12]}.",
        "",
        f"Finished: all {len(planned)} planned repetitions were done."
        if len(done) == len(planned)
        else f"**Stopped early: {len(done)} of {len(planned)} planned repetitions were done.**",
        "",
        "| group | right | done (n) | planned |",
        "|---|---:|---:|---:|",
    ]
    for group, members in groups.items():
        found = [done[each.key] for each in members if each.key in done]
        lines.append(f"| {group} | {sum(each.right for each in found)} | {len(found)} | {len(members)} |")
    wrong = [finding for finding in done.values() if not finding.right]
    lines += ["", "Wrong:" if wrong else "Wrong: none."]
    lines += ["", *(f"- {each.key}: {' '.join(each.why.split())}" for each in wrong)] if wrong else []
    return "\n".join(lines) + "\n"
