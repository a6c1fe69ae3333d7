"""The page of a campaign says how many repetitions stand behind each figure."""

from __future__ import annotations

from tests.soak.evidence import Campaign, document
from tests.soak.plan import CLEAN, KILLED, Repetition
from tests.soak.state import Finding

CAMPAIGN = Campaign("python -m tests.soak", "abc1234", False, "0123456789abcdef")
PLANNED = [
    Repetition(CLEAN, "kill.yaml", 1),
    Repetition(CLEAN, "kill.yaml", 2),
    Repetition(KILLED, "jobs.yaml", 1),
]


def found(each: Repetition, why: str = "") -> Finding:
    return Finding(each.key, each.kind, each.group, CAMPAIGN.revision, not why, why)


def test_a_finished_campaign_has_its_n_and_names_nothing_wrong() -> None:
    assert document(PLANNED, [found(each) for each in PLANNED], CAMPAIGN).splitlines() == [
        "# Soak: 3 of 3 right",
        "",
        "Command: `python -m tests.soak`",
        "",
        "Commit: abc1234; content 0123456789ab.",
        "",
        "Finished: all 3 planned repetitions were done.",
        "",
        "| group | right | done (n) | planned |",
        "|---|---:|---:|---:|",
        "| clean | 2 | 2 | 2 |",
        "| killed | 1 | 1 | 1 |",
        "",
        "Wrong: none.",
    ]


def test_one_that_stopped_early_says_so_and_what_was_wrong() -> None:
    changed = Campaign(CAMPAIGN.command, CAMPAIGN.commit, True, CAMPAIGN.revision)
    page = document(PLANNED, [found(PLANNED[0]), found(PLANNED[1], "invalid by\n session")], changed)
    assert page.startswith("# Soak: 1 of 2 right\n")
    assert "**Stopped early: 2 of 3 planned repetitions were done.**" in page
    assert "Commit: abc1234, with changed files;" in page
    assert "| clean | 1 | 2 | 2 |\n| killed | 0 | 0 | 1 |\n" in page
    assert page.endswith("Wrong:\n\n- clean-02: invalid by session\n")
