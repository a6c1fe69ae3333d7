"""The outside world: where effects land and are counted, in a process and a file apart from the store.

Were effect and evidence in the store, one loss would take both.
"""
