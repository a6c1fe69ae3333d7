"""Links between pages: each leads to a file, and to a heading of it, that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.pages import DOCS, PAGES, ROOT, prose, read

LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in found}


def links(path: Path) -> list[tuple[Path, str]]:
    """Return the targets of a page's links within the project: the file, and the anchor without its `#`."""
    found = []
    for target in LINK.findall(prose(path)):
        if not re.match(r"[a-z]+:", target):
            name, _, anchor = target.partition("#")
            found.append(((path.parent / name).resolve() if name else path.resolve(), anchor))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_resolves(path: Path):
    wrong = []
    for target, anchor in links(path):
        if not target.exists():
            wrong.append(f"{target} is not there")
        elif anchor and target.suffix == ".md" and anchor not in headings(target):
            wrong.append(f"{target.name} has no heading #{anchor}")
    assert wrong == []


def test_every_page_can_be_reached_from_the_readme():
    reached: set[Path] = set()
    left = [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        left += [target for target, _ in links(page) if target.is_file()]
    assert [path for path in DOCS.rglob("*.md") if path.resolve() not in reached] == []


def test_the_reader_of_links_sees_files_and_anchors():
    assert (DOCS / "contract.md", "") in links(DOCS / "index.md")
    assert ((DOCS / "contract.md"), "where-effects-are-seen") in links(DOCS / "contract.md")
    assert "startcompose" in headings(DOCS / "reference" / "contract.md")
    assert "stop_when" in headings(DOCS / "reference" / "scenario.md")
    assert read(DOCS / "index.md").startswith("# ")
