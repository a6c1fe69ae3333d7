"""The load agent, its exactly-once client and journal, and the parent's end of it."""
