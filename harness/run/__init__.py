"""One run of a scenario, from its plan to its verdict.

execute           the whole way: declare, phases, clean up, judge
plan              what is settled before anything is started
parts             the run under way: its plan, and what has been started so far
declare           write down what the run is
phases            deploy, steady, load, heal, quiet, settle, final
deploy            the first phase: load agents, target, and what watches the target
stop_condition    what the target must not be made to suffer
service_metrics   the service's own counts of its requests
ending            how the phases ended: at the last one, or early, and by what
clean_up          the way out of every run
liveness          show that the run is alive to those who look for dead runs

events            everything that a run tells, typed; what an observer is
telling           hand events to observers
run_record        the observer that writes run.jsonl and metrics.jsonl
json_events       an observer that writes JSON lines
"""
