"""Reference page of the command line, from the commands themselves."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.main import main
from harness.reference.markdown import paragraphs, table

EXITS: dict[int, str] = {
    0: "valid",
    1: "invalid: a promise was broken, and witnesses show it",
    2: "usage or a bad file: nothing was started",
    3: "valid, but a service-level objective was missed",
    4: "unknown: evidence is missing, or a guard ended the run",
    5: "the environment failed: not deployed, or not cleaned up",
    130: "interrupted: healed and reported first",
}
"""Exit code to what it says."""


def commands() -> str:
    """Return the page on every command, its arguments and options, and the exit codes."""
    parts = ["# Commands", "`harness --help` and `harness COMMAND --help` say the same."]
    parts.append(table(("command", "what it does"), [(f"[`{n}`](#{n})", _short(c)) for n, c in main.commands.items()]))
    for name, command in main.commands.items():
        context = click.Context(command, info_name=f"harness {name}")
        parts += [f"## {name}", f"```sh\n{' '.join(command.get_usage(context).split()[1:])}\n```"]
        parts.append(paragraphs(command.help))
        rows = [_option(option, context) for option in command.params if isinstance(option, click.Option)]
        parts += [table(("option", "takes", "default", "meaning"), rows)] if rows else []
    parts += ["## Exit codes", table(("code", "meaning"), [(str(code), text) for code, text in EXITS.items()])]
    return "\n\n".join(parts) + "\n"


def _short(command: click.Command) -> str:
    return paragraphs(command.help).split("\n\n")[0]


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str, str]:
    default = option.to_info_dict()["default"]
    shown = f"`{default}`" if isinstance(default, int | str | Path) and not option.is_flag else ""
    again = " May be given several times." if option.multiple and "several" not in (option.help or "") else ""
    return f"`{max(option.opts, key=len)}`", _takes(option, context), shown, f"{option.help or ''}{again}"


def _takes(option: click.Option, context: click.Context) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.IntRange):
        return f"whole number, ≥ {option.type.min}"
    return option.make_metavar(context)
