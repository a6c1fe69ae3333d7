"""The report in a real browser: it opens from a file, offline, says its verdict, and has nothing to complain of."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from harness.report import html
from tests.support import example_runs

pytestmark = pytest.mark.browser

SECTIONS = 10
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
]


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.environ.get("CI"):
        pytest.fail("chromium is not installed, and CI must look at the report: apt-get install chromium")
    if found is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return found


def browse(chromium: str, profile: Path, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.parametrize("name", ["valid", "invalid", "unknown"])
def test_the_report_opens(chromium: str, tmp_path: Path, name: str) -> None:
    page = html.write(getattr(example_runs, name)(tmp_path / "run"))
    ran = browse(chromium, tmp_path / "profile", page, "--dump-dom")
    dom = ran.stdout
    assert f"{name.capitalize()}</h1>" in dom
    assert dom.count("<section") == SECTIONS
    assert dom.count('role="img"') >= 5
    assert dom.count("<figure") == (3 if name == "invalid" else 0)
    assert "CONSOLE" not in ran.stderr


def test_a_console_complaint_would_be_noticed(chromium: str, tmp_path: Path) -> None:
    page = html.write(example_runs.valid(tmp_path / "run"))
    page.write_text(page.read_text("utf-8").replace("</main>", "<script>1</script></main>"), "utf-8")
    assert "CONSOLE" in browse(chromium, tmp_path / "profile", page, "--dump-dom").stderr


@pytest.mark.parametrize("width", [1280, 420])
def test_the_report_can_be_seen(chromium: str, tmp_path: Path, width: int) -> None:
    page = html.write(example_runs.invalid(tmp_path / "run"))
    picture = tmp_path / "page.png"
    browse(chromium, tmp_path / "profile", page, f"--window-size={width},1600", f"--screenshot={picture}")
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24])[1] == 1600
    assert len(content) > 40_000
