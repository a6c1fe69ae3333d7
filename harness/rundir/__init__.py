"""The run folder: every file of it (`files`), who writes each, and how each is read.

`files` names the files, `folder` makes and checks a folder, `lines` reads the .jsonl files. `journal` and `faults`
write the two records that are written before what they announce happens; an intent is synced too. `journal_schema` says
what stands in a journal, and `record_schema` what stands in the other records.
"""

from __future__ import annotations

from harness.rundir.files import FOUND
from harness.rundir.folder import (
    Record,
    create,
    create_plain,
    events,
    require,
    require_whole,
    sizes,
)
from harness.wholefile import write_whole

__all__ = ["FOUND", "Record", "create", "create_plain", "events", "require", "require_whole", "sizes", "write_whole"]
