"""The generated pages are what the code would write now, and say what every field means."""

from __future__ import annotations

import pytest

from harness.reference.__main__ import PAGES, page
from harness.reference.markdown import listed, naming, paragraphs, plain
from harness.reference.models import every_field, meaning
from tests.support.pages import DOCS, read

FIELDS = list(every_field())


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_current(name: str):
    assert read(DOCS / "reference" / name) == page(name), "run `make docs`, and commit what it writes"


def test_there_is_no_other_page():
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(PAGES)


@pytest.mark.parametrize(("place", "model", "name"), FIELDS, ids=[place for place, _, _ in FIELDS])
def test_every_field_says_what_it_means(place: str, model: type, name: str):
    told = meaning(model, name, place)
    assert told, f"{model.__name__}.{name} ({place}) has no description, and its docstring does not name `{name}`"
    assert told[0] not in " ,"


def test_a_sentence_is_found_by_the_field_that_it_names():
    text = "How long. `for`: how long it\nstays so. `grace` is short; `to` is not."
    assert naming(text, "for") == "How long it stays so."
    assert naming(text, "to") == "`to` is not."
    assert naming(text, "at") == ""


def test_a_meaning_is_found_among_the_attributes():
    text = """A lease.

    `grace` is short.

    Attributes:
        for_s: How long
            the lease holds.
        grace: how long after that.

    Raises:
        grace: not this.
    """
    assert listed(text, "for_s") == "How long the lease holds."
    assert listed(text, "grace") == "How long after that."
    assert listed(text, "at") == ""
    assert paragraphs(text) == "A lease.\n\n`grace` is short."


def test_what_is_no_html_is_not_taken_for_it():
    assert plain("reports/<scenario> and `<name>`") == "reports/&lt;scenario> and `<name>`"
