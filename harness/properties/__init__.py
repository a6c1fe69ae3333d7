"""The properties that a contract may promise, one room each."""
