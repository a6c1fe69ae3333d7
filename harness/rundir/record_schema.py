"""The schema of the other records of a run folder: every event that each .jsonl file holds, and every key of its line.

The journals have a schema of their own (`harness.rundir.journal_schema`). Here each line is an object with the keys
`e` and `at` and those of its event, in clear, such as this line of `run.jsonl`:

    {"e":"window","at":2143854063062,"start_ns":2143853984905,"end_ns":2150853984905}

A reader leaves out a key that it does not know, and does without a key that is absent.
"""

from __future__ import annotations

from harness.rundir import files

COMMON = {
    "e": "Which event the line is.",
    "at": "When the event happened: CLOCK_MONOTONIC of the host that wrote the line, in nanoseconds.",
}
"""The keys that every line of every record has."""

_MEMBER = {
    "name": "The member's name, such as `replica-2`.",
    "role": "`replica` or `worker`.",
    "boot": "The boot id of the member's present start; null when it is not known yet.",
    "state": "The state from then on: `starting`, `ready`, `unready`, `stopping`, `paused`, `killed` or `gone`.",
}
_FAULT = {"fault": "The fault's number in the plan, from 1."}
_STOPPED = {"stopped": "The members that were asked to stop in good order, by name."}
_ATTEMPT = {
    "attempt": "The number of the attempt, from 1 in the order of arrival.",
    "reference": "What the effect is about, in the client's own words.",
    "key": "The downstream key: attempts with the same key are to have one effect.",
    "fence": "The number that tells a later holder of a lease from an earlier one; null without a lease.",
    "kind": "Which kind of effect is asked for.",
}
_EFFECT = {**_ATTEMPT, "effect": "The ledger's id of the effect; null when there was none."}

RECORDS: dict[str, dict[str, dict[str, str]]] = {
    files.RUN: {
        "declared": {
            "run": "The id of the run, which marks everything that the run creates.",
            "scenario": "The name of the scenario.",
            "title": "What the scenario is called in words.",
            "seed": "The seed, which fixes the plan: faults, users and keys.",
            "started": "When the run began, by the wall clock (UTC).",
            "platform": "Where the target runs.",
            "harness": "The version of the harness.",
            "defects": "The defects that were seeded in the reference service.",
            "command": "The command that repeats the run.",
            "attached": "The project or namespace that ran already and was not created by the harness; else null.",
            "allowed": "The targets that `--allow-target` named.",
        },
        "phase": {"name": "The phase that begins; `end` after the last."},
        "window": {
            "start_ns": "When the first load agent began its load, CLOCK_MONOTONIC in nanoseconds.",
            "end_ns": "When the last load agent is to end its load, CLOCK_MONOTONIC in nanoseconds.",
        },
        "problem": {
            "kind": "What kind of problem it is, such as `guard`, `environment` or `agent_crashed`.",
            "text": "The problem in a sentence.",
        },
        "observer_failed": {
            "observer": "The part that shows the run to somebody, and that failed; the run does not depend on it.",
            "failed_on": "The event of the run on which it failed first, by the name of its class.",
            "why": "What it failed with.",
        },
        "ended": {
            "how": "How the run ended: `complete`, `aborted`, `interrupted`, `environment` or `recovered`.",
            "bytes": "The size of each file that the run is judged by, by name; absent when the run died.",
        },
    },
    files.FAULTS: {
        "intent": {
            **_FAULT,
            "kind": "What is about to be done, such as `kill`.",
            "role": "The role of the members that it is done to.",
            "target": "What it is done to, such as `replica-2`.",
            "boot": "The boot id of the target; null when the target is no single member.",
            "planned_s": "When the fault is due, in seconds since the load began.",
            "undo": "What undoes the fault: `do` says how, and is `none` when there is nothing to undo.",
        },
        "injected": _FAULT,
        "landed": {**_FAULT, "how": "How the harness saw that the fault took effect.", **_STOPPED},
        "healed": {**_FAULT, "how": "How the harness saw that the fault was over."},
        "undone": {**_FAULT, "how": "How the harness saw that what was still to be undone of the fault was undone."},
        "failed": {**_FAULT, "why": "Why the fault was not injected, or was not seen to take effect.", **_STOPPED},
    },
    files.METRICS: {
        "member": _MEMBER,
        "scrape": {
            "asked": "When the replica was asked for its metrics, CLOCK_MONOTONIC in nanoseconds.",
            "replica": "The replica that was asked.",
            "boot": "The boot id that the replica answered with.",
            "series": "How many requests the replica has counted for each route since its start.",
        },
    },
    files.LEDGER: {
        "attempt": _ATTEMPT,
        "accepted": _EFFECT,
        "replayed": _EFFECT,
        "refused": _EFFECT,
        "failed": _EFFECT,
    },
}
"""For each file, each event and each of its keys: what the key says, in one sentence for the documentation."""
