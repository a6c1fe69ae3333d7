"""Takes secrets out of everything that leaves a run: logs, error texts, and the copied scenario and contract.

    redact, redact_text          content without the secrets that are known, and without what looks like one
    redact_files, redact_logs    the same for files of a run folder
    redact_values, redact_command, redact_patterns
                                 error texts that show a program's command, variables or last lines
    redact_yaml                  the text of a contract or scenario without literal secrets

A service may print what it should not, and run folders and reports travel: into a build server's output, into mail.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from harness.placeholders import placeholders
from harness.wholefile import write_whole

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


def redact(content: bytes, known: Iterable[str] = ()) -> bytes:
    """Mask tokens, bearer headers, named passwords and every secret in `known`.

    Args:
        content: any text, as bytes.
        known: secrets that the run made or has seen (its own secrets, tokens, passwords). Each is masked wherever it
            stands, also within a longer word. One of fewer than `SHORTEST` characters stays, for it could not be told
            from an ordinary word.
    """
    seen = {value.encode() for value in known if len(value) >= SHORTEST}
    # Few at most, for tokens are words; a replacement each is a pass over the content each.
    for value in (value for value in seen if not WORD.fullmatch(value)):
        content = content.replace(value, MASK)
    return TOKEN.sub(MASK, WORD.sub(_masker(seen), content) if seen else content)


def redact_text(text: str, known: Iterable[str] = ()) -> str:
    """Do what `redact` does, for a message."""
    return redact(text.encode("utf-8", "replace"), known).decode()


def redact_files(files: Iterable[Path], known: Iterable[str] = ()) -> int:
    """Redact the files that exist, each replaced as a whole, and return how many were changed."""
    seen = set(known)
    return sum(_rewritten(path, redact(path.read_bytes(), seen)) for path in files if path.is_file())


def redact_logs(folder: Path) -> int:
    """Mask what looks like a token or a named password in `folder/*.log`, and return how many files were changed.

    This serves a run whose secrets died with it, so that only their forms can be looked for.
    """
    return sum(_rewritten(path, TOKEN.sub(MASK, path.read_bytes())) for path in sorted(folder.glob("*.log")))


def _rewritten(path: Path, after: bytes) -> bool:
    if path.read_bytes() == after:
        return False
    write_whole(path, after)
    return True


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


# -- error texts

_MASK = MASK.decode()
_SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
# What `{secret:NAME}` stands for in a contract, wherever it was put.
_HEX = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")


def redact_patterns(text: str) -> str:
    """`text` without what looks like a token, a named password or a secret of a run."""
    # Surrogates stand for bytes of file names that are no UTF-8.
    raw = _HEX.sub(_MASK, text).encode(errors="surrogateescape")
    return TOKEN.sub(MASK, raw).decode(errors="surrogateescape")


def redact_values(text: str, environment: Mapping[str, str]) -> str:
    """`redact_patterns`, and without the values of variables that are named like secrets.

    A value of fewer than six characters could not be told from an ordinary word, and stays.
    """
    secrets = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST}
    # The longest first: one may be a part of another.
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, _MASK)
    return redact_patterns(text)


def redact_command(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The command as one would type it, masked. Each word by itself first: quoting would hide a secret's form."""
    return redact_patterns(shlex.join(redact_values(word, environment) for word in command))


# -- files of a user


def redact_yaml(text: str, also: Collection[tuple[str, str]] = ()) -> str:
    """Return the text of a contract or scenario with its literal secrets hidden, as it is kept in a run folder.

    A value is hidden when its key sounds like a secret and the value is no placeholder: run folders are passed around.

    Args:
        text: the YAML file.
        also: pairs of a section and a key whose value is a secret although the key does not sound like one.

    Returns:
        The same text with `'***'` in place of each secret; an empty one if `text` is not YAML.
    """
    try:
        events = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return ""
    spans = sorted(set(_secret_spans(events, also)), reverse=True)
    for start, end in spans:
        whole = text[start:end]
        anchor = ANCHOR.match(whole)
        # A block scalar ends with its line, which must not be joined with the next.
        text = f"{text[:start]}{anchor.group() if anchor else ''}'***'{whole[len(whole.rstrip()) :]}{text[end:]}"
    return USERINFO.sub(r"\1***@", text)


ANCHOR = re.compile(r"&\S+\s+")
SECRET_WORDS = ("secret", "password", "passwd", "token", "apikey", "private", "credential", "authorization", "dsn")
SECRET_ENDS = ("_key", "_auth", "_pin", "_pass")
USERINFO = re.compile(r"(//[^/\s:@\"']*:)[^@\s\"'{}]+@")


def _literal(text: str) -> bool:
    return bool(text) and not placeholders(text) and not text.startswith("/")


def _secret_spans(
    node: yaml.Node | None, also: Collection[tuple[str, str]], here: str = "", secret: bool = False
) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = str(key.value).lower().replace("-", "_")
            sounds = any(word in name for word in SECRET_WORDS) or name.endswith(SECRET_ENDS)
            sounds = sounds or (here, name) in also
            spans += _secret_spans(value, also, name, secret or sounds)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            spans += _secret_spans(value, also, here, secret)
    elif secret and isinstance(node, yaml.ScalarNode) and _literal(node.value):
        spans.append((node.start_mark.index, node.end_mark.index))
    return spans
