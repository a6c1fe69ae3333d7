"""The page: what it says, that it is whole and offline, and that no foreign text becomes markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.report import html, view
from tests.support import example_runs as example
from tests.support.page import HOSTILE, Page


def page_of(folder: Path) -> Page:
    return Page(html.render(view.load(folder)))


def is_safe(page: Page) -> None:
    assert not page.tags.keys() & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "image"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "srcset", "style", "action", "xlink:href", "data"), (tag, name)
        if name == "href":
            assert value.startswith("#"), (tag, value)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    return {make.__name__: make(root / make.__name__) for make in (example.valid, example.invalid, example.unknown)}


@pytest.mark.parametrize("name", ["valid", "invalid", "unknown"])
def test_the_page_is_whole_offline_and_says_its_verdict(folders: dict[str, Path], name: str) -> None:
    document = html.render(view.load(folders[name]))
    page = Page(document)
    is_safe(page)
    assert f'<h1><svg class="icon {name}"' in document.replace("<h1> ", "<h1>")
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert "url(http" not in document
    assert "@import" not in document


def test_every_section_of_a_valid_run(folders: dict[str, Path]) -> None:
    page = page_of(folders["valid"])
    for said in [
        "12 checks found no violation in 9,640 ops; 12 of 12 faults took effect.",
        "What this run proves Acknowledged sessions",
        "4 × kill replica",
        "harness run scenarios/kill.yaml --seed 20261121",
        "What this check could have missed A violation that one fault in four",
        "exit seen: -9; ready again",
        "640 ops came before or after the time that is drawn",
        "saga The contract declares no saga.",
        "latency p99 250 ms – not measured",
        "13 replicas 6 workers",
    ]:
        assert said in page.text
    assert page.headings.count("h2") == 11
    assert page.tags["details"] == 15
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "role")]
    assert pictures == ["img"] * 5
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value[1:] for _, name, value in page.attributes if name == "href"]
    assert set(links) <= set(ids)


def test_an_invalid_run_shows_its_witnesses_open(folders: dict[str, Path]) -> None:
    page = page_of(folders["invalid"])
    assert "11 violations of what clients were promised, found by 3 checks." in page.text
    assert "session 3 zombie" in page.text
    assert "61 ms after its revoke was acknowledged" in page.text
    assert "Bugs seeded on purpose: revocation-cached no-fence" in page.text
    assert page.tags["figure"] == 3
    assert sum(1 for tag, name, _ in page.attributes if (tag, name) == ("details", "open")) == 3
    assert "fault 9: kill replica-6, injected at 20.300 s, landed at 20.331 s, healed at 21.900 s" in page.text
    assert "never" in page.text
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert links <= {value for _, name, value in page.attributes if name == "id"}


def test_an_unknown_run_says_what_was_missing(folders: dict[str, Path]) -> None:
    page = page_of(folders["unknown"])
    assert "The run cannot be judged, because: 2 of 12 faults did not land" in page.text
    assert "agent crashed agent-0 exited with status 1" in page.text
    assert "2 lines of the run folder could not be read" in page.text
    assert "no member of that name was ready" in page.text


def test_a_missed_service_level_is_said_at_the_top(tmp_path: Path) -> None:
    judged = example.results(exit_code=3)
    (tmp_path / "results.json").write_text(json.dumps(judged))
    assert "A service level was missed." in page_of(tmp_path).text


def test_the_same_folder_gives_the_same_bytes_wherever_it_stands(tmp_path: Path) -> None:
    first, second = (html.write(example.invalid(tmp_path / name)) for name in ("a", "b/c"))
    document = first.read_bytes()
    assert document == second.read_bytes()
    assert html.write(tmp_path / "a").read_bytes() == document
    assert str(tmp_path).encode() not in document
    assert not list(first.parent.glob(".report*"))


def test_a_report_is_small(folders: dict[str, Path]) -> None:
    assert html.write(folders["invalid"]).stat().st_size < 1_000_000


def test_results_alone_make_a_page(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": 1, "verdict": "unknown"}')
    page = page_of(tmp_path)
    for said in [
        "No check ran.",
        "No fault was planned",
        "Nothing to draw",
        "No op was recorded",
        "no history.parquet",
    ]:
        assert said in page.text


@pytest.mark.parametrize("missing", ["history.parquet", "faults.jsonl", "metrics.jsonl", "run.jsonl"])
def test_any_other_file_may_be_missing(tmp_path: Path, missing: str) -> None:
    folder = example.invalid(tmp_path)
    (folder / missing).unlink()
    page = page_of(folder)
    is_safe(page)
    assert page.tags["figure"] == 3


def hostile(value: Any, text: str) -> Any:
    """`value` with every text in it replaced, but for the few words that a reader of the file relies on."""
    if isinstance(value, dict):
        kept = ("verdict", "outcome", "e")
        return {
            (text + key if key in ("lost", "items") else key): part if key in kept else hostile(part, text)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [hostile(part, text) for part in value]
    return text if isinstance(value, str) else value


@pytest.mark.thorough
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_foreign_text_becomes_markup(tmp_path: Path, text: str) -> None:
    folder = example.invalid(tmp_path)
    judged = hostile(json.loads((folder / "results.json").read_text()), text)
    (folder / "results.json").write_text(json.dumps(judged))
    for name in ("run.jsonl", "faults.jsonl", "metrics.jsonl"):
        records = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        example.lines(folder / name, [hostile(record, text) for record in records])
    document = html.write(folder).read_text("utf-8")
    page = Page(document)
    is_safe(page)
    plain = page_of(example.invalid(tmp_path / "plain"))
    assert page.tags.keys() <= plain.tags.keys()
    assert "<script" not in document.lower()
    assert "alert(1)" not in text or text[:40] in page.text
    for char in "\x00\x1b\u202e\u2066\u200b\u2028":
        assert char not in document
    assert len(document) < 8_000_000


def test_the_files_that_ran_are_shown_as_text(tmp_path: Path) -> None:
    folder = example.valid(tmp_path)
    page = page_of(folder)
    assert "load: {duration_s: 30, users: 40}" in page.text and "service: example" in page.text
    hostile = "</pre><script>alert(1)</script>\n\x1b[31m\u202e"
    (folder / "scenario.yaml").write_text(hostile, "utf-8")
    (folder / "contract.yaml").unlink()
    document = html.write(folder).read_text("utf-8")
    page = Page(document)
    is_safe(page)
    assert "<script" not in document.lower() and "</pre><script>alert(1)</script>" in page.text
    assert "service: example" not in page.text and "⟨U+202E⟩" in page.text


def test_a_long_text_is_cut_and_kept_whole_beside_it(tmp_path: Path) -> None:
    reason = "r" * 1000 + " the end"
    (tmp_path / "results.json").write_text(json.dumps(example.results("unknown", reasons=[reason])))
    page = page_of(tmp_path)
    assert "r" * 239 + "…" in page.text
    assert reason in page.text


def test_what_cannot_be_seen_is_shown_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(example.results(title="a\u202eb\x00c")))
    assert "a⟨U+202E⟩b⟨U+0000⟩c" in page_of(tmp_path).text
