"""From a contract to a command: placeholders, secrets of the run, who wins."""

from __future__ import annotations

import sys

import pytest

from harness.contract.launch import command, variables
from harness.contract.model import Contract
from harness.placeholders import secret

MASTER = bytes(range(32))


def contract(**start: object) -> Contract:
    return Contract.model_validate(
        {
            "contract": 1,
            "service": "s",
            "users": {"file": "users.csv"},
            "start": {
                "replica": {"command": ["{python}", "-m", "s", "--port={port}"], "environment": {"ROLE": "{name}"}},
                "environment": {"PORT": "{port}", "ROLE": "any", "KEY": "{secret:jwt}", "AT": "{host}:{port}"},
                **start,
            },
        }
    )


def test_a_replica():
    values = {"name": "replica-1", "host": "127.0.0.1", "port": "80"}
    assert command(contract(), "replica", values, MASTER) == [sys.executable, "-m", "s", "--port=80"]
    assert variables(contract(), "replica", "replica", values, MASTER, {"EXTRA": "1"}) == {
        "PORT": "80",
        "ROLE": "replica-1",
        "KEY": secret(MASTER, "jwt"),
        "AT": "127.0.0.1:80",
        "EXTRA": "1",
    }


def test_a_worker_gets_no_port_and_what_the_scenario_adds_wins():
    made = contract(worker={"command": ["{python}", "w.py"], "environment": {"ONLY": "worker"}})
    values = {"name": "worker-1", "host": "127.0.0.1"}
    environment = variables(made, "replica", "worker", values, MASTER, {"ROLE": "{as it stands}"})
    assert command(made, "worker", values, MASTER) == [sys.executable, "w.py"]
    assert "PORT" not in environment
    assert environment["ROLE"] == "{as it stands}"
    assert environment["ONLY"] == "worker"


def test_a_role_that_the_contract_does_not_start():
    with pytest.raises(ValueError, match="starts no worker"):
        command(contract(), "worker", {}, MASTER)
