"""A Compose file made ready for one run, and what `docker compose` says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EnvironmentFailure, UsageError
from harness.platforms.common import compose_command as compose
from harness.platforms.common.compose_command import Project, project_of
from harness.platforms.common.lock import here
from harness.platforms.docker import platform as docker
from harness.platforms.docker.compose import prepared
from harness.platforms.docker.platform import DockerPlatform
from tests.support.compose_files import COMPOSE, model, order
from tests.support.in_time import in_time

# Private names: `_say` is where a project runs `docker compose`: what is said is looked at, and nothing is run.


def test_a_file_is_made_ready_for_one_run(tmp_path: Path) -> None:
    environment = {"replica": {"SECRET": "a$b", "A": "2"}, "worker": {"A": "3"}}
    given = model()
    wanted = order(tmp_path, environment=environment, ledger_fail_every=7, allowed=["corp"])
    made = prepared(given, COMPOSE, wanted, 12345)
    label = {"stateless-harness.run": "Run-1.T-ab12cd", "stateless-harness.place": here()}
    book = {
        "LEDGER_DELAY_MS": "50",
        "LEDGER_NO_DEDUPLICATE": "0",
        "LEDGER_NO_FENCES": "0",
        "LEDGER_FAIL_EVERY": "7",
        "LEDGER_ANSWER_TWICE_EVERY": "0",
    }
    port = {"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "12345", "protocol": "tcp"}
    assert made == {
        "name": "shop",
        "services": {
            "app": {
                "image": "a",
                "networks": {"front": None, "back": None},
                "restart": "no",
                "environment": {"SECRET": "a$$b", "A": "2"},
                "labels": label,
            },
            "jobs": {"image": "a", "environment": {"A": "3"}, "restart": "no", "labels": label},
            "lb": {"image": "b", "ports": [port], "restart": "always", "labels": label},
            "book": {"image": "c", "labels": {"mine": "1", **label}, "environment": book},
            "db": {"image": "d", "labels": label},
        },
        "networks": {
            "front": {"labels": label},
            "back": {"labels": label},
            "other": {"name": "corp", "external": True},
        },
        "volumes": {"data": {"labels": label}},
    }
    assert given == model(), "the model given is left as it is"


def test_a_service_that_is_built_has_one_image_for_all_runs(tmp_path: Path) -> None:
    made = [
        prepared(model(app={**model()["services"]["app"], "image": None, "build": {"context": "/x"}}), COMPOSE, each, 1)
        for each in (order(tmp_path, allowed=["corp"]), order(tmp_path, run_id="another-ab12cd", allowed=["corp"]))
    ]
    images = {each["services"]["app"]["image"] for each in made}
    assert len(images) == 1 and images.pop().startswith("harness-built-")


@pytest.mark.parametrize(
    ("services", "changes", "said"),
    [
        (
            {},
            {"replica": "web"},
            "no service 'web', which the contract names as its replica; it has app, book, db, jobs, lb",
        ),
        ({}, {"ledger": "bank"}, "no service 'bank', which the contract names as its ledger"),
        ({}, {"front": "side"}, "not on the network 'side'.*it is on front, back"),
        ({"app": {"image": "a", "network_mode": "host"}}, {}, "network_mode host: each replica needs an address"),
    ],
)
def test_what_the_file_lacks_is_told(tmp_path: Path, services: Any, changes: Any, said: str) -> None:
    with pytest.raises(EnvironmentFailure, match=said):
        prepared(model(**services), COMPOSE.model_copy(update=changes), order(tmp_path), 1)


def test_a_project_is_named_in_the_letters_that_compose_allows() -> None:
    assert project_of("Kill-2026-11-21T07.30_32Z-ab12cd") == "harness-kill-2026-11-21t07-30_32z-ab12cd"


def saying(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Project:
    """A program `docker` of our own."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (folder / "compose.yaml").write_text("services: {}\n")
    return Project("r-ab12cd", folder, "compose.yaml", "unix:///x", folder / "compose.log")


NOISE = " Container harness-app-1  Creating\n#7 [2/4] RUN pip\n"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("docker: 'compose' is not a docker command.", "install Docker's Compose plugin, version 2"),
        ("Error: driver failed: Bind for 127.0.0.1:80 failed: port is already allocated", "a port is taken"),
        (
            'Error Get "https://r/v2/": dial tcp: lookup r: no such host',
            "an image is neither here nor can it be pulled",
        ),
        ("pull access denied for x, repository does not exist", "an image is neither here nor can it be pulled"),
        ("Cannot connect to the Docker daemon at unix:///x. Is it running?", "the Docker engine is gone"),
        ("dependency failed to start: container x is unhealthy", "a service did not become healthy"),
        ("services.app additional properties not allowed", "correct what it complains about"),
    ],
)
def test_what_compose_complains_of_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    project = saying(
        tmp_path,
        monkeypatch,
        f'cat >/dev/null\nprintf \'%s\' "{NOISE}" >&2\necho "{said.replace(chr(34), "")}" >&2\nexit 1',
    )
    with pytest.raises(EnvironmentFailure) as failure:
        project.up({"services": {}}, {"app": 2}, 10)
    text = str(failure.value)
    assert remedy in text and said.replace('"', "") in text and "Creating" not in text and "#7" not in text
    assert re.search(r"# bring up: \d+\.\d s, status 1\n", (tmp_path / "compose.log").read_text())


def test_compose_that_does_not_end_is_ended_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = saying(tmp_path, monkeypatch, "cat >/dev/null\necho $$ >pid\nexec sleep 60")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EnvironmentFailure, match=r"could not be brought up within 1 s: raise target.deadline_s"):
        in_time(lambda: project.up({"services": {}}, {}, 1))
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_without_the_command_line_or_the_plugin_is_told_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(tmp_path, monkeypatch, "exit 1")
    assert "there is no `docker compose`: install" in compose.lacking()[0]
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho 2.26.1-4\n")
    assert compose.lacking() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no program `docker` on the PATH" in compose.lacking()[0]
    with pytest.raises(EnvironmentFailure, match="no program `docker` on the PATH"):
        Project("r-ab12cd", tmp_path, "compose.yaml", "unix:///x", tmp_path / "log").resolve()


def test_a_compose_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"no Compose file .*none.yaml: correct start.compose.file"):
        Project("r-ab12cd", tmp_path, "none.yaml", "unix:///x", tmp_path / "log").resolve()


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
