"""The command line. No logic: options in, calls of `harness.api` out, exit codes as in `harness.errors` and README.

Signal handlers are installed here and nowhere else.
"""

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
from harness.signals import Stoppable, held_back

Function = TypeVar("Function", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
EPILOG = """\b
Exit codes: 0 valid; 1 invalid; 2 usage or a bad file; 3 valid, but an SLO missed;
4 unknown; 5 the environment failed; 130 interrupted (healed and reported first)."""
HELP = """Prove that a service is stateless: kill and scale its replicas under load, and judge whether what its clients
were promised was kept.

\b
harness run scenarios/kill.yaml       deploy, load, kill, judge, report
harness prove                         catch every bug seeded on purpose
harness doctor                        which platforms work on this machine
"""
JSON_ONLY = "Print one JSON document on standard output, and nothing else there."


def answers_for_errors(command: Function) -> Function:
    """Wrap a command so that every error becomes a message on standard error and an exit code."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except HarnessError as error:
            fail(error)
        except KeyboardInterrupt:
            fail(Interrupted("interrupted"))
        except BrokenPipeError:
            # The reader of the output has seen enough: `harness list | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EnvironmentFailure.exit_code)
        except Exception as error:
            if os.environ.get("HARNESS_DEBUG"):
                raise
            where = "Set HARNESS_DEBUG=1 to see where, and report it."
            fail(EnvironmentFailure(f"the harness itself failed: {type(error).__name__}: {error}. {where}"))

    return guarded  # type: ignore[return-value]


def say(text: str) -> None:
    """Print a message on standard error, as a message of the harness."""
    click.echo(f"harness: {text}", err=True)


def fail(error: HarnessError) -> NoReturn:
    """Print the message of an error and exit with its code."""
    say(str(error))
    sys.exit(error.exit_code)


def print_json(document: object) -> None:
    """Print one JSON document on standard output, with text as it is."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@click.group(
    help=HELP, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="harness")
def main() -> None:
    """Hold the commands; `HELP` is what a user reads."""


@main.command(epilog=EPILOG)
@click.argument("scenario", type=FILE)
@click.option(
    "--seed", type=click.IntRange(min=0), help="Seed of fault times, users and keys (default: the scenario's)."
)
@click.option("--platform", metavar="NAME", help="Where the target runs, see `harness list` (default: the scenario's).")
@click.option(
    "--defect", "defects", multiple=True, metavar="NAME", help="Switch on a bug that was seeded into the service."
)
@click.option(
    "--allow-target",
    "allowed",
    multiple=True,
    metavar="NAME",
    help="Allow this target to be broken, although the harness did not create it or it is on another machine.",
)
@click.option(
    "--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Folder in which run folders are made."
)
@click.option("--json", "as_json", is_flag=True, help=JSON_ONLY)
@click.option("--quiet", is_flag=True, help="Do not show what the run is doing.")
@answers_for_errors
def run(scenario: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Run SCENARIO, and judge whether what the clients were promised was kept.

    Deploys the target, loads it while faults are injected, heals them, reads everything back that was acknowledged, and
    removes the target. The run folder is reports/<scenario>/<UTC time>; its report.html shows the verdict and what the
    verdict rests on. The first Ctrl-C heals all faults, removes everything that was started, and reports.
    """
    with held_back():
        from harness import api
        from harness.cli import console

    progress = console.Progress(quiet=quiet)
    # Signals are ignored from the end of the run on: only its answer is left to give.
    with Stoppable(progress.problem, last=True) as stoppable, progress:
        outcome = api.run_scenario(scenario, observers=[progress], stoppable=stoppable, **options)
    if as_json:
        print_json({**outcome.results, "folder": str(outcome.folder)})
    elif outcome.error and not outcome.results["ops"]["total"]:
        click.echo(f"report  {outcome.report}", err=True)
    elif not quiet:
        console.summary(outcome.results, str(outcome.report))
    if outcome.error:
        say(str(outcome.error))
    sys.exit(outcome.exit_code)


@main.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option(
    "--platform",
    metavar="NAME",
    help="Check that the scenarios can run on this platform (default: each scenario's own).",
)
@answers_for_errors
def validate(files: tuple[Path, ...], platform: str | None) -> None:
    """Check scenario and contract FILES; every problem is shown with its line. Nothing is started.

    Exits with 0 when all files are usable, else with 2.
    """
    with held_back():
        from harness import api

    problems = [problem for path in files for problem in api.validate(path, platform)]
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(UsageError.exit_code)
    click.echo("\n".join(f"{path}: usable" for path in files))


@main.command(epilog=EPILOG)
@click.argument("folder", type=FOLDER, metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help=JSON_ONLY)
@answers_for_errors
def check(folder: Path, as_json: bool) -> None:
    """Judge a run again from its folder RUN alone. The same folder gives the same results.json, byte for byte."""
    with held_back():
        from harness import api
        from harness.cli import console

    outcome = api.check(folder)
    if as_json:
        print_json({**outcome.results, "folder": str(folder)})
    else:
        console.summary(outcome.results, str(outcome.report))
    sys.exit(outcome.exit_code)


@main.command()
@click.argument("folder", type=FOLDER, metavar="RUN")
@answers_for_errors
def report(folder: Path) -> None:
    """Write report.html of a run again from its folder RUN alone, and print its path."""
    with held_back():
        from harness import api

    click.echo(str(api.report(folder)))


@main.command("list")
@click.option(
    "--scenarios", type=FOLDER, default=Path("scenarios"), show_default=True, help="Folder that holds the scenarios."
)
@click.option(
    "--contract",
    type=FILE,
    multiple=True,
    help="Contract whose defects are listed; may be given several times (default: the reference service's).",
)
@click.option("--json", "as_json", is_flag=True, help=JSON_ONLY)
@answers_for_errors
def list_everything(scenarios: Path, contract: tuple[Path, ...], as_json: bool) -> None:
    """List everything that a scenario can name: faults, properties, platforms and others. Shows all defaults too."""
    with held_back():
        from harness import api
        from harness.cli import listing
        from harness.scenario import shipped

    contracts = list(contract) or [path for path in [shipped.reference(api.REFERENCE_CONTRACT)] if path.is_file()]
    found = listing.everything(shipped.reference(scenarios), contracts)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for section, entries in found.items():
        click.echo(section)
        width = max((len(name) for name in entries), default=0)
        for name, text in entries.items():
            click.echo(f"  {name:{width}}  {'not judged' if text is None else text}")
        click.echo()


@main.command()
@click.option("--contract", type=FILE, help="Contract with a catalogue of defects (default: the reference service's).")
@click.option("--only", multiple=True, metavar="NAME", help="Run only this defect; may be given several times.")
@click.option("--quick", is_flag=True, help="Run only the most telling defects, as the catalogue marks them.")
@click.option(
    "--platform", metavar="NAME", help="Where the targets run, see `harness list` (default: each scenario's)."
)
@click.option("--repeat", type=click.IntRange(min=1), default=1, show_default=True, help="How often each is run.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="How many runs go on at once.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the first run of each.")
@click.option(
    "--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Folder in which run folders are made."
)
@click.option("--json", "as_json", is_flag=True, help=JSON_ONLY)
@answers_for_errors
def prove(contract: Path | None, as_json: bool, **options: Any) -> None:
    """Prove that the harness can fail: it catches every bug that was seeded into the service.

    Runs each defect of the contract's catalogue, which its own check has to find, and the clean service in the same
    scenarios, which has to be valid. The matrix of defects and checks is written to reports/prove/latest/matrix.html.

    Exits with 0 when that is so, with 1 when a defect was not caught or the clean service is not valid, with 5 when
    only the environment failed, and with 130 when interrupted.
    """
    with held_back():
        from harness import api
        from harness.cli import console

    def found(finding: api.Finding) -> None:
        click.echo(console.finding_line(finding), err=True)

    chosen = contract or api.REFERENCE_CONTRACT
    with Stoppable(say) as stoppable:
        proof = api.prove(chosen, on_finding=found, on_problem=say, stoppable=stoppable, **options)
    if as_json:
        click.echo(json.dumps(proof.document, indent=2))
    else:
        caught, total, alarms = (proof.document[name] for name in ("caught", "total", "false_alarms"))
        click.echo(f"{caught} of {total} caught, {alarms} false alarms")
        click.echo(f"matrix  {proof.page}")
    sys.exit(proof.exit_code)


@main.command()
@click.option(
    "--reports", type=FOLDER, default=Path("reports"), show_default=True, help="Folder that holds the run folders."
)
@click.option("--list", "only_show", is_flag=True, help="Only show what dead runs left; remove nothing.")
@answers_for_errors
def recover(reports: Path, only_show: bool) -> None:
    """Heal and remove what a run left behind that was killed or crashed. A run in progress is never touched.

    Exits with 0 when nothing is left, with 5 when something could not be removed.
    """
    with held_back():
        from harness import api

    def unseen(platform: str, why: str) -> None:
        say(f"{platform} was not looked at: {why.splitlines()[0]}")

    lines = api.recover(reports, only_show=only_show, on_unseen=unseen)
    click.echo("\n".join(lines) if lines else "nothing was left")


@main.command()
@click.option(
    "--platform",
    "only",
    multiple=True,
    metavar="NAME",
    help="Look at this platform only, which has to work; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help=JSON_ONLY)
@answers_for_errors
def doctor(only: tuple[str, ...], as_json: bool) -> None:
    """Say which platforms work on this machine, and what the others lack and how to get it.

    Exits with 0 when a platform works, or when all named ones work; else with 5.
    """
    with held_back():
        from harness import api

    diagnosis = api.doctor(only)
    if as_json:
        platforms = {name: {"works": not lacks, "missing": lacks} for name, lacks in diagnosis.missing.items()}
        click.echo(json.dumps(platforms, indent=2))
    else:
        for name, lacks in diagnosis.missing.items():
            click.echo(f"✗ {name}: does not work here" if lacks else f"✓ {name}: works")
            for text in lacks:
                click.echo("\n".join(f"    {line}" for line in text.splitlines()))
    sys.exit(0 if diagnosis.works else EnvironmentFailure.exit_code)
