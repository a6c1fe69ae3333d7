"""The client that sends each request exactly once, and what the load agent's logical clients share."""
