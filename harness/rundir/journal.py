"""The load agent's record of what its clients did: `journal-<agent>.jsonl`, one JSON object a line.

What stands in a line is in `harness.rundir.journal_schema`. An op is two lines, joined by the op's number: `invoke` is
written before the first byte of the request may be sent, and the completion after the last byte of the answer was read.
Every line is one unbuffered write(2) to a file opened for appending. What was written therefore survives the death of
the agent, and the lines of concurrent clients never mix.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import count
from pathlib import Path
from time import monotonic_ns

from orjson import OPT_APPEND_NEWLINE, dumps

from harness.errors import EnvironmentFailure
from harness.rundir.journal_schema import AT, COMPLETE, EVENT, INVOKE, NUMBER


class Journal:
    """A new journal; times are CLOCK_MONOTONIC in nanoseconds.

    After a line that could not be written whole every further call fails in the same way, because a line after a torn
    one would be lost with it.

    Args:
        path: The file, which must not exist: a second agent would give the same op numbers again.

    Attributes:
        path: The file.
        invoked: How many ops began.
        completed: How many ops ended.
        events: How many other events were written.

    Raises:
        EnvironmentFailure: The file exists or cannot be made. Every writing method raises it too, when a line could not
            be written whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.invoked = 0
        self.completed = 0
        self.events = 0
        self._numbers = count()
        self._failure: EnvironmentFailure | None = None
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise EnvironmentFailure(
                f"cannot begin the journal {path}: {error.strerror}; use a new run folder"
            ) from error

    def invoke(self, record: Mapping[str, object]) -> int:
        """Write that an op begins, and return the op's number.

        The caller sends nothing before this method returns.

        Args:
            record: The fields of the line under their short keys, without the event, the time and the number.

        Returns:
            A number that is unique in this journal; later ops have higher numbers.
        """
        n = next(self._numbers)
        self._write(dumps({EVENT: INVOKE, AT: monotonic_ns(), NUMBER: n, **record}, option=OPT_APPEND_NEWLINE))
        self.invoked += 1
        return n

    def complete(self, n: int, record: Mapping[str, object], at_ns: int) -> None:
        """Write how an op ended.

        Args:
            n: The number that `invoke` returned.
            record: The fields of the line under their short keys, without the event, the time and the number.
            at_ns: When the last byte of the answer was read, or when the client gave up.
        """
        self._write(dumps({EVENT: COMPLETE, AT: at_ns, NUMBER: n, **record}, option=OPT_APPEND_NEWLINE))
        self.completed += 1

    def event(self, record: Mapping[str, object]) -> None:
        """Write an event that is neither the begin nor the end of an op.

        Args:
            record: The fields of the line under their short keys, with the type `e`. Its time is now, unless the record
                has an `at`.
        """
        self._write(dumps({EVENT: record[EVENT], AT: monotonic_ns(), **record}, option=OPT_APPEND_NEWLINE))
        self.events += 1

    def close(self) -> None:
        """Close the file; a second call does nothing, and every later write fails."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise self._fail(error.strerror or str(error)) from error
        if written != len(line):
            raise self._fail(f"only {written} of {len(line)} bytes of a line were written")

    def _fail(self, why: str) -> EnvironmentFailure:
        if self._failure is None:
            if self._file < 0:
                why = "it was closed"
            self._failure = EnvironmentFailure(
                f"cannot write the journal {self.path}: {why}; check the free space and limits of its disk, "
                "then run the scenario again"
            )
            self.close()
        return self._failure


class Hasher:
    """Keyed hashes that stand for secret values, so that a run folder holds no token and no password.

    Equal values have equal fingerprints under the same key, and only there.

    Args:
        key: The run's own key, 1 to 64 bytes.

    Raises:
        ValueError: The key is too short or too long.
    """

    fingerprint: Callable[[bytes | str], str]
    """Gives the fingerprint of a value: 24 hexadecimal digits (blake2b of 12 bytes). Text counts as its UTF-8 bytes."""

    def __init__(self, key: bytes) -> None:
        if not 1 <= len(key) <= blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the key of the journal's hashes has {len(key)} bytes; give it 1 to 64")

        def fingerprint(value: bytes | str) -> str:
            data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
            return blake2b(data, digest_size=12, key=key).hexdigest()

        # A client presents the same token again and again; the bound keeps a long soak's memory flat.
        self.fingerprint = lru_cache(maxsize=65_536)(fingerprint)
