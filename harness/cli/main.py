"""The command line. No logic: options in, calls out, exit codes as in `harness.errors` and README."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from harness import __version__
from harness.errors import EnvironmentFailure, HarnessError, Interrupted, UsageError
from harness.signals import held_back

Function = TypeVar("Function", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
EPILOG = """\b
Exit codes: 0 valid; 1 invalid; 2 usage or a bad file; 3 valid, but an SLO missed;
4 unknown; 5 the environment failed; 130 interrupted (healed and reported first)."""


def answers_for_errors(command: Function) -> Function:
    """Turn a `HarnessError` into its message and exit code."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except HarnessError as error:
            fail(error)
        except KeyboardInterrupt:
            fail(Interrupted("interrupted"))
        except BrokenPipeError:
            # Whoever read the output has seen enough: `harness list | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EnvironmentFailure.exit_code)
        except Exception as error:
            if os.environ.get("HARNESS_DEBUG"):
                raise
            where = "Set HARNESS_DEBUG=1 to see where, and report it."
            fail(EnvironmentFailure(f"the harness itself failed: {type(error).__name__}: {error}. {where}"))

    return guarded  # type: ignore[return-value]


def fail(error: HarnessError) -> NoReturn:
    """Print the message where a person looks, and exit."""
    click.echo(f"harness: {error}", err=True)
    sys.exit(error.exit_code)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Prove that a service is stateless: kill and scale its replicas under load, and judge what clients were promised.

    \b
    harness run scenarios/kill.yaml       deploy, load, kill, judge, report
    harness prove                         catch every bug seeded on purpose
    """


@main.command(epilog=EPILOG)
@click.argument("scenario", type=FILE)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of schedule, users and keys (default: the scenario's).")
@click.option("--platform", help="Where the target runs (default: the scenario's).")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Switch a seeded bug of the service on.")
@click.option(
    "--allow-target", "allowed", multiple=True, metavar="NAME", help="Break this, although it was there before."
)
@click.option("--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Where run folders go.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else.")
@click.option("--quiet", is_flag=True, help="Do not say what is going on.")
@answers_for_errors
def run(
    scenario: Path,
    seed: int | None,
    platform: str | None,
    defects: tuple[str, ...],
    allowed: tuple[str, ...],
    reports: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run SCENARIO: deploy the target, load it while faults are injected, and judge what clients were promised."""
    with held_back():
        from harness import api
        from harness.cli import console

    outcome = api.run_scenario(scenario, seed, platform, list(defects), reports, quiet, list(allowed))
    if as_json:
        click.echo(json.dumps({**outcome.results, "folder": str(outcome.folder)}, indent=2, ensure_ascii=False))
    elif outcome.error and not outcome.results["ops"]["total"]:
        click.echo(f"report  {outcome.folder / 'report.html'}", err=True)
    elif not quiet:
        console.summary(outcome.results, str(outcome.folder / "report.html"))
    if outcome.error:
        click.echo(f"harness: {outcome.error}", err=True)
    sys.exit(outcome.exit_code)


@main.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--platform", help="Whether the scenarios can be run there (default: on each scenario's own).")
@answers_for_errors
def validate(files: tuple[Path, ...], platform: str | None) -> None:
    """Check scenario and contract FILES; every problem is shown with its line. Nothing is started."""
    with held_back():
        from harness import api

    api.known_platform(platform)
    problems = [problem for path in files for problem in api.problems_of(path, platform)]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(UsageError.exit_code)
    click.echo("\n".join(f"{path}: usable" for path in files))


@main.command(epilog=EPILOG)
@click.argument("folder", type=FOLDER, metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else.")
@answers_for_errors
def check(folder: Path, as_json: bool) -> None:
    """Judge a run again from its folder alone; the same folder gives the same bytes."""
    with held_back():
        from harness import offline
        from harness.cli import console

    results = offline.check_folder(folder)
    if as_json:
        click.echo(json.dumps({**results, "folder": str(folder)}, indent=2, ensure_ascii=False))
    else:
        console.summary(results, str(folder / "report.html"))
    sys.exit(results["exit_code"])


@main.command()
@click.argument("folder", type=FOLDER, metavar="RUN")
@answers_for_errors
def report(folder: Path) -> None:
    """Write report.html of a run again from its folder alone."""
    with held_back():
        from harness import offline

    click.echo(str(offline.report_folder(folder)))


@main.command("list")
@click.option("--scenarios", type=FOLDER, default=Path("scenarios"), show_default=True, help="Where scenarios are.")
@click.option("--contract", type=FILE, multiple=True, help="Contracts whose defects are listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@answers_for_errors
def list_everything(scenarios: Path, contract: tuple[Path, ...], as_json: bool) -> None:
    """List scenarios, faults, workloads, checks, defects, platforms, and the default thresholds."""
    with held_back():
        from harness import api
        from harness.reference import listing

    contracts = list(contract) or [path for path in [api.REFERENCE_CONTRACT] if path.is_file()]
    found = listing.everything(scenarios, contracts)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for section, entries in found.items():
        click.echo(section)
        width = max((len(name) for name in entries), default=0)
        for name, text in entries.items():
            click.echo(f"  {name:{width}}  {'not judged' if text is None else text}")
        click.echo()


@main.command(epilog=EPILOG)
@click.option("--contract", type=FILE, help="Contract with a catalogue of defects (default: the reference service's).")
@click.option("--only", multiple=True, metavar="NAME", help="Only this defect; may be given several times.")
@click.option("--quick", is_flag=True, help="Only the most telling defects, as the catalogue marks them.")
@click.option("--platform", help="Where the targets run (default: each scenario's).")
@click.option("--repeat", type=click.IntRange(min=1), default=1, show_default=True, help="Runs of each.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Runs at once.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the first run of each.")
@click.option("--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Where run folders go.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else.")
@answers_for_errors
def prove(as_json: bool, only: tuple[str, ...], **options: Any) -> None:
    """Prove that the harness can fail: every seeded defect is caught by its own check, the clean service is valid."""
    with held_back():
        from harness import api

    asked = api.ProveOptions(only=list(only), **options)
    document, page, exit_code = api.prove_defects(asked, lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{document['caught']} of {document['total']} caught, {document['false_alarms']} false alarms")
        click.echo(f"matrix  {page}")
    sys.exit(exit_code)


@main.command()
@click.option("--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Where run folders are.")
@click.option("--list", "only_show", is_flag=True, help="Only show what a dead run left.")
@answers_for_errors
def recover(reports: Path, only_show: bool) -> None:
    """Heal and remove what a dead run left; a run in progress is never touched."""
    with held_back():
        from harness.recovery import engines
        from harness.recovery import recover as recovery

    seen = engines.look()
    for name, why in seen.unseen.items():
        click.echo(f"harness: {name} was not looked at: {why.splitlines()[0]}", err=True)
    found = recovery.find(reports, None, seen) if only_show else recovery.recover(reports, None, seen)
    click.echo("\n".join(map(str, found)) if found else "nothing was left")


@main.command()
@click.option("--platform", "only", multiple=True, metavar="NAME", help="Only this platform; each named one must work.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else.")
@answers_for_errors
def doctor(only: tuple[str, ...], as_json: bool) -> None:
    """Say which platforms work here, and for each that does not, what is missing and how to get it."""
    with held_back():
        from harness import api

    found, works = api.examine(list(only))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for name, each in found.items():
            click.echo(f"{'✓' if each['works'] else '✗'} {name}: {'works' if each['works'] else 'does not work here'}")
            for text in each["missing"]:
                click.echo("\n".join(f"    {line}" for line in text.splitlines()))
    sys.exit(0 if works else EnvironmentFailure.exit_code)
