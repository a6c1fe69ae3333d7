"""For all tests."""

from __future__ import annotations

import os

from hypothesis import settings

if not os.environ.get("CI"):
    # Hypothesis has a profile of its own for CI. In both no example is judged by its time: machines are shared.
    settings.register_profile("home", deadline=None)
    settings.load_profile("home")
