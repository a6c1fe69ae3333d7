"""What a replica and a worker do alike when they start: settings, the name of this process, the event loop."""

import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from target_service import logs
from target_service.parts import Service, assemble, chosen_parts
from target_service.settings import Settings, SettingsError, load


def read_settings() -> Settings:
    """Return the settings from the environment; end the process with 2 and one line when they are wrong."""
    try:
        settings = load(os.environ)
        chosen_parts(settings.defects)
    except SettingsError as error:
        sys.stderr.write(f"target_service: refuses to start: {error}\n")
        sys.exit(2)
    return settings


def assembled(settings: Settings) -> Service:
    """Return the service with the parts that the settings choose."""
    return assemble(settings, chosen_parts(settings.defects))


def identify(settings: Settings, role: str) -> str:
    """Name this process in its logs, and return a boot id that no other process has had."""
    boot = secrets.token_hex(8)
    logs.identify(role=role, replica=settings.replica, boot=boot)
    logging.basicConfig(handlers=[logs.Handler()], level=logging.WARNING, force=True)
    return boot


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
