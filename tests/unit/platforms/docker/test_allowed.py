"""What of a Compose file the harness did not create, and uses only where it is allowed by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.platforms.docker import platform as docker
from harness.platforms.docker.compose import Project, prepared
from harness.platforms.docker.platform import DockerPlatform
from tests.unit.platforms.docker.test_parts import COMPOSE, model, order


def test_what_the_harness_did_not_create_has_to_be_allowed_by_its_name(tmp_path: Path) -> None:
    given = model()
    given["volumes"] = {"data": {"name": "dbdata", "external": True}, "own": None, "shared": {"external": True}}
    with pytest.raises(UsageError) as failure:
        prepared(given, COMPOSE, order(tmp_path, allowed=["data", "other"]), 1)
    assert str(failure.value).startswith("compose.yaml uses what the harness did not create; nothing was started:\n")
    assert [(each.split(",")[0], each.partition("say ")[2].split(" if")[0]) for each in failure.value.problems] == [
        ("networks.other is external (corp)", "--allow-target corp"),
        ("volumes.data is external (dbdata)", "--allow-target dbdata"),
        ("volumes.shared is external (shared)", "--allow-target shared"),
    ]
    made = prepared(given, COMPOSE, order(tmp_path, allowed=["corp", "dbdata", "shared"]), 1)
    assert made["volumes"]["data"] == {"name": "dbdata", "external": True}, "as it is, and without the run's label"


def test_what_is_not_allowed_is_refused_before_anything_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(docker, "connect", lambda: None)
    monkeypatch.setattr(Project, "resolve", lambda self: model())
    monkeypatch.setattr(Project, "_say", lambda self, words, *_: said.append(words))
    platform = DockerPlatform()
    with pytest.raises(UsageError, match="--allow-target corp"):
        platform.deploy(order(tmp_path, compose=COMPOSE))
    assert said == [] and platform.members() == []
