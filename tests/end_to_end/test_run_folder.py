"""What a whole run leaves: every file, event and key of it is described where the documentation comes from."""

from __future__ import annotations

import pytest

from tests.support.places import Run
from tests.support.undescribed import undescribed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("which", ["stranger_run", "payments_run"])
def test_nothing_in_a_run_folder_is_undescribed(which: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(which)
    assert undescribed(run.folder) == []
