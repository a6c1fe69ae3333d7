"""The page of `harness prove`: what it says, that it is whole and offline, and that no foreign text becomes markup."""

from __future__ import annotations

from harness.report import matrix_page
from tests.support.page import HOSTILE, Page


def run(by: dict[str, dict[str, float] | None], verdict: str = "invalid") -> dict[str, object]:
    return {"seed": 1, "verdict": verdict, "exit_code": 1, "by": by, "seconds": 9.0, "folder": "f", "caught": True}


def found(text: str = "shop") -> dict[str, object]:
    soon, late = {"at_s": 1.5, "ops": 120}, {"at_s": 2.5, "ops": 1300}
    row = {
        "name": text,
        "title": text,
        "what": text,
        "seen_in": text,
        "of_deployment": True,
        "scenario": text,
        "expected_check": "session",
        "caught": True,
        "runs": [run({"session": soon}), run({"session": late, text: None})],
    }
    missed = {**row, "name": "missed", "expected_check": "job", "caught": False, "runs": [run({}, "valid")]}
    return {
        "service": text,
        "started": "2026-01-02T03:04:05Z",
        "seconds": 61.3,
        "repeat": 2,
        "jobs": 2,
        "seed": 1,
        "quick": False,
        "platform": None,
        "caught": 1,
        "total": 2,
        "false_alarms": 1,
        "checks": ["session", "job", text],
        "defects": [row, missed],
        "clean": [{"scenario": text, "valid": False, "runs": [run({"job": None})]}],
        "waiting": [{"name": "three", "title": text, "waits_for": "a sweep"}],
    }


def test_it_says_what_was_found():
    said = Page(matrix_page.render(found())).text
    for words in ("1 of 2 caught", "1 false alarm about", "2/2", "1.5 to 2.5 s", "120 to 1,300 ops", "0/1", "of the"):
        assert words in said
    assert "three : shop ; waits for a sweep" in said


def test_foreign_text_stays_text():
    for text in HOSTILE:
        page = Page(matrix_page.render(found(text.encode("utf-8", "replace").decode())))
        assert page.tags["script"] == 0
        assert page.tags["img"] == 0
        assert not [value for _, name, value in page.attributes if name in ("href", "src", "onerror")]


def test_the_same_document_gives_the_same_bytes():
    assert matrix_page.render(found()) == matrix_page.render(found())
