"""What deploying is on every platform: all of the target comes up in time, or nothing of it is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from harness.errors import EnvironmentFailure
from harness.platforms.base import Deployment

_THREADS = 16


def deploy_whole(
    deployment: Deployment, has_deployed: bool, bring_up: Callable[[Deployment], None], tear_down: Callable[[], None]
) -> None:
    """Bring a target up; tear down what is there of it when that fails, however it fails.

    Args:
        deployment: The target.
        has_deployed: The platform object has served a run already: it serves one.
        bring_up: Brings everything up and waits until it is ready.
        tear_down: Removes what is there; its own failure becomes a note of the first one.

    Raises:
        EnvironmentFailure: what `bring_up` raises, or that the platform object has deployed already.
    """
    if has_deployed:
        raise EnvironmentFailure(f"run {deployment.run_id}: this platform object has deployed already")
    try:
        bring_up(deployment)
    except BaseException as error:
        try:
            tear_down()
        except EnvironmentFailure as also:
            error.add_note(str(also))
        raise


def wait_for_all(
    checks: Mapping[str, Callable[[], bool]],
    until: float,
    *,
    late: Callable[[str], Exception],
    look: Callable[[list[str]], None] = lambda waiting: None,
    poll_s: float,
) -> None:
    """Ask all parts at once, again and again, until each has said yes.

    Args:
        checks: By the name of a part what asks it.
        until: When it is too late (monotonic).
        late: Makes the error for a part that has not said yes by then.
        look: Called with the parts that are waited for, after each round; raises where there is no hope any more.
        poll_s: Pause between two rounds.

    Raises:
        Exception: what `late` made, or `look` raised.
    """
    waiting = dict(checks)
    with ThreadPoolExecutor(min(_THREADS, max(1, len(checks))), "deploy") as pool:
        while waiting:
            asked = {name: pool.submit(check) for name, check in waiting.items()}
            for name, answer in asked.items():
                if answer.result():
                    del waiting[name]
            look(list(waiting))
            if waiting and time.monotonic() > until:
                raise late(next(iter(waiting)))
            if waiting:
                time.sleep(poll_s)
