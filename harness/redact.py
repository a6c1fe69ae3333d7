"""Takes secrets out of the logs of a run folder: a service may print what it should not, and reports travel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.contract.launch import secret
from harness.contract.model import Contract, placeholders
from harness.rundir import write_whole

TOKEN = re.compile(
    rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*"
    rb"|(?i:(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"
    rb"|(?i:(?:password|passwd|secret|api[_-]?key|(?:access|refresh)_token)[\"'\\]*\s*[=:]\s*[\"'\\]*)[^\s\"'\\,;&]{4,}"
)
MASK = b"[masked]"
SHORTEST = 6
"""Characters; a shorter secret could not be told from an ordinary word."""
TELLING = 16
"""Characters; a secret as long as this is known even where it stands within a longer word.

Lines of a service with threads run into each other, and then a word ends where the next line begins.
"""

WORD = re.compile(rb"[A-Za-z0-9._~+/=-]{%d,}" % SHORTEST)
PART = re.compile(rb"[A-Za-z0-9_-]{%d,}" % SHORTEST)


def mask(content: bytes, contract: Contract, master: bytes, known: Iterable[str] = ()) -> bytes:
    """`content` without tokens, bearer headers, named passwords and the run's own secrets.

    `known` are the tokens and passwords that the run itself has seen: they are masked however they stand there.
    """
    own = [
        secret(master, name.removeprefix("secret:")).encode()
        for name in placeholders(contract.model_dump())
        if name.startswith("secret:")
    ]
    seen = {value.encode() for value in known if len(value) >= SHORTEST}
    # Few at most, for tokens are words; a replacement each is a pass over the content each.
    for value in [*own, *(value for value in seen if not WORD.fullmatch(value))]:
        content = content.replace(value, MASK)
    return TOKEN.sub(MASK, WORD.sub(_masker(seen), content) if seen else content)


def mask_text(text: str, contract: Contract, master: bytes, known: Iterable[str] = ()) -> str:
    """`mask` for a message."""
    return mask(text.encode("utf-8", "replace"), contract, master, known).decode()


def scrub(files: Iterable[Path], contract: Contract, master: bytes, known: Iterable[str] = ()) -> int:
    """Mask the files that are there; how many were changed."""
    seen = set(known)
    changed = 0
    for path in files:
        if path.is_file():
            before = path.read_bytes()
            after = mask(before, contract, master, seen)
            if after != before:
                write_whole(path, after)
                changed += 1
    return changed


def scrub_patterns(folder: Path) -> int:
    """Mask what looks like a token or a named password in `folder/*.log`; files changed.

    For a run whose secrets died with it: less than `scrub` can do.
    """
    changed = 0
    for path in sorted(folder.glob("*.log")):
        before = path.read_bytes()
        after = TOKEN.sub(MASK, before)
        if after != before:
            write_whole(path, after)
            changed += 1
    return changed


def _masker(known: set[bytes]) -> Callable[[re.Match[bytes]], bytes]:
    """Masks a word that is a known secret, or the parts of it that are: one pass, however many are known."""
    lengths: dict[bytes, set[int]] = {}
    for each in known:
        if len(each) >= TELLING:
            lengths.setdefault(each[:TELLING], set()).add(len(each))
    heads = {head: sorted(of_head, reverse=True) for head, of_head in lengths.items()}

    def part(match: re.Match[bytes]) -> bytes:
        return MASK if match[0] in known else match[0]

    def word(match: re.Match[bytes]) -> bytes:
        if match[0] in known:
            return MASK
        return PART.sub(part, _without_inner(match[0], known, heads) if len(match[0]) > TELLING else match[0])

    return word


def _without_inner(word: bytes, known: set[bytes], heads: Mapping[bytes, Sequence[int]]) -> bytes:
    """`word` without the secrets inside it; `heads`: the first characters of secrets to their lengths, descending."""
    kept, end, at = [], 0, 0
    while at <= len(word) - TELLING:
        of_head = heads.get(word[at : at + TELLING], ())
        length = next((length for length in of_head if word[at : at + length] in known), 0)
        if length:
            kept += [word[end:at], MASK]
            end = at = at + length
        else:
            at += 1
    return b"".join([*kept, word[end:]])
