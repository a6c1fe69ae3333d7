"""For the tests of the platform kubernetes."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kubernetes_server import Answers, configure


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that answers 200 with its `body` to whatever is asked, configured as the cluster."""
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    configure(tmp_path / "config", f"http://127.0.0.1:{made.server_port}", {})
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield made
    made.shutdown()
    made.server_close()
