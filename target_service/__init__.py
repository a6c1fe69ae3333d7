"""The reference service: sessions, payments and jobs, with every kind of state in the store and none in the process.

Start with `python -m target_service` (a replica) and `python -m target_service.worker` (a job worker).
Each state file (accounts, sessions, payments, jobs) opens with its keys, their life, their owner, the store round
trips of a request, and what a crash between any two steps leaves behind.
"""
