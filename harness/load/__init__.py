"""The load agent, its arrivals, and the parent's end of it."""
