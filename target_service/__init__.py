"""The reference service: sessions, payments, orders, jobs and more. All state is in the store, none in the process.

Start a replica with `python -m target_service`, and a job worker with `python -m target_service.worker`. Each kind of
state has a file of its own (state.py names them). Such a file opens with its keys, how long they live, who owns them,
the store round trips of a request, and what a crash between any two steps leaves behind.
"""
