"""Takes secrets out of everything that leaves a run: logs, error texts, and the copied scenario and contract.

    redact, redact_text          any content: known secrets, and what looks like a secret
    redact_files, redact_logs    files of a run folder
    redact_values, redact_command, redact_patterns
                                 error texts that show a program's command, its variables or its last lines
    redact_yaml                  the text of a contract or scenario: literal secrets

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
"""The fewest characters of a secret that is masked; a shorter one could not be told from an ordinary word."""

TELLING = 16
"""The fewest characters of a secret that is found even inside a longer word.

The threads of a service may write into one line, so that a secret runs into the first word of the next text.
"""

WORD = re.compile(rb"[A-Za-z0-9._~+/=-]{%d,}" % SHORTEST)
PART = re.compile(rb"[A-Za-z0-9_-]{%d,}" % SHORTEST)


def redact(content: bytes, known: Iterable[str] = ()) -> bytes:
    """Return a text in which tokens, bearer headers, named passwords and every known secret are masked.

    Args:
        content: Any text, as bytes.
        known: Secrets that the run made or has seen (its own secrets, tokens, passwords). Each is masked wherever it
            stands, also within a longer word. A secret of fewer than `SHORTEST` characters stays, because it could not
            be told from an ordinary word.
    """
    seen = {value.encode() for value in known if len(value) >= SHORTEST}
    # Each of these costs a pass over the content. They are few: tokens are words, and are found in one pass below.
    for value in (value for value in seen if not WORD.fullmatch(value)):
        content = content.replace(value, MASK)
    return TOKEN.sub(MASK, WORD.sub(_masker(seen), content) if seen else content)


def redact_text(text: str, known: Iterable[str] = ()) -> str:
    """Do what `redact` does, for a message."""
    return redact(text.encode("utf-8", "replace"), known).decode()


def redact_files(files: Iterable[Path], known: Iterable[str] = ()) -> int:
    """Redact the files that exist, each replaced as a whole, and return how many were changed.

    Args:
        files: The files; those that do not exist are left out.
        known: Secrets that the run made or has seen, as for `redact`.

    Raises:
        EnvironmentFailure: A file cannot be written.
    """
    seen = set(known)
    return sum(_rewritten(path, redact(path.read_bytes(), seen)) for path in files if path.is_file())


def redact_logs(folder: Path) -> int:
    """Mask what looks like a token or a named password in `folder/*.log`, and return how many files were changed.

    This serves a run whose secrets died with it, so that only the forms of secrets can be looked for.

    Raises:
        EnvironmentFailure: A file cannot be written.
    """
    return sum(_rewritten(path, TOKEN.sub(MASK, path.read_bytes())) for path in sorted(folder.glob("*.log")))


def _rewritten(path: Path, after: bytes) -> bool:
    if path.read_bytes() == after:
        return False
    write_whole(path, after)
    return True


def _masker(known: set[bytes]) -> Callable[[re.Match[bytes]], bytes]:
    """Return what masks a word that is a known secret, or the known secrets within a word.

    The content is passed over once, however many secrets are known.
    """
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
    """Return a word without the secrets that stand inside it.

    Args:
        word: The word.
        known: All secrets.
        heads: The lengths of the secrets that begin with the same characters, the longest first.
    """
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
# The form of what `{secret:NAME}` in a contract stands for.
_HEX = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")


def redact_patterns(text: str) -> str:
    """Return a text without what looks like a token, a named password or a secret of a run."""
    # Surrogates stand for those bytes of file names that are not UTF-8.
    raw = _HEX.sub(_MASK, text).encode(errors="surrogateescape")
    return TOKEN.sub(MASK, raw).decode(errors="surrogateescape")


def redact_values(text: str, environment: Mapping[str, str]) -> str:
    """Return a text as `redact_patterns` does, and without the values of variables that are named like secrets.

    Args:
        text: The text.
        environment: Variables with their values. A value of fewer than `SHORTEST` characters stays, because it could
            not be told from an ordinary word.
    """
    secrets = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= SHORTEST}
    # The longest come first, because one secret may be a part of another.
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, _MASK)
    return redact_patterns(text)


def redact_command(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a command as one would type it, with its secrets masked.

    Args:
        command: The words of the command. Each is masked by itself first, because quoting would hide the form of a
            secret.
        environment: The variables that the command is started with.
    """
    return redact_patterns(shlex.join(redact_values(word, environment) for word in command))


# -- files of a user


def redact_yaml(text: str, also: Collection[tuple[str, str]] = ()) -> str:
    """Return the text of a contract or scenario with its literal secrets hidden, as the text is kept in a run folder.

    A value is hidden when its key sounds like a secret and the value is no placeholder: run folders are passed around.

    Args:
        text: The content of the YAML file.
        also: Pairs of a section and a key whose value is a secret although the key does not sound like one.

    Returns:
        The same text with `'***'` in place of each secret; an empty text if `text` is not YAML.
    """
    try:
        events = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return ""
    spans = sorted(set(_secret_spans(events, also)), reverse=True)
    for start, end in spans:
        whole = text[start:end]
        anchor = ANCHOR.match(whole)
        # A block scalar ends with a line break; without it the next line would be joined to this one.
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
