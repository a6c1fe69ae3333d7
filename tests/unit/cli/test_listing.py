"""What `harness list` says of each thing."""

from __future__ import annotations

import pytest

from harness.cli.listing import first_sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kill: what it\ndoes. More.\n\nNot this: x", "what it does. More."),
        ("No name", "No name"),
        ("", ""),
        (None, ""),
    ],
)
def test_first_sentence(text: str | None, sentence: str):
    assert first_sentence(text) == sentence
