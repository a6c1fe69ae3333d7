"""The ledger: the outside world (such as a payment provider), where the effects of the service land and are counted.

The ledger runs in a process of its own and records into a file of its own, apart from the service's store: if effect
and evidence were both in the store, one loss would erase both.
"""
